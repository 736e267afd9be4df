// Files: read whole or in pieces, replaced whole or not at all.
//
// Every error is one line that begins with the path: "run/model.safetensors: cannot be written: the disk is full; ...".
// Where the system is not POSIX the same functions work through the standard library: writes are then not flushed to
// the disk itself.
#pragma once

#include <cstddef>
#include <cstdio>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "headlight/base/index.h"

namespace headlight {

// All bytes of a file, a device or a pipe; "-" is standard input, to its end.
// Errors: no such file, a directory, permission denied, more than fits in memory, a failing disk.
std::string read_file(const std::string& path);
// The same of what should be small. Error: more than `most` bytes, of which no more than that are read.
std::string read_file(const std::string& path, Index most);

// The bytes of a file, a device, a pipe or "-" (standard input), a piece after the other: for texts of any size.
class FileReader {
 public:
  // Errors: as for read_file.
  explicit FileReader(std::string path);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;
  // Fills the buffer as far as there is something; fewer bytes than asked for: the end. Error: a failing disk.
  std::size_t read(std::span<char> buffer);
  // Of a file the bytes it has (a hint: it may grow); 0 for what has no size.
  Index size() const { return size_; }

 private:
  std::string path_;
  std::FILE* stream_ = nullptr;
  Index size_ = 0;
};

// A file that appears whole or not at all, whatever happens in between:
//
//   AtomicFile file("run/model.safetensors");
//   file.write(header);
//   file.write(data);
//   file.commit();
//
// 1. The bytes go to a temporary beside the target, "<path>.tmp.<process>", created anew.
// 2. commit() flushes it to the disk, renames it over the target, and flushes the folder.
// 3. Until the rename the old file is as it was; a failure, or no commit(), removes the temporary.
// An existing file keeps its permissions, and one without permission to write is not replaced. A symbolic link stays:
// what it points to is replaced. A device, a pipe, or "-" (standard output) is written directly, as it comes.
// Errors: no such folder, a directory, permission denied, disk full; each says that the old file is untouched. Only a
// failure to flush the folder comes when the new file is already in place, and says that.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes);
  // Once; write() afterwards is an error. `check` is called with the temporary's path before the rename, and if it throws
  // the target stays as it was; not called where the target is written directly.
  void commit(const std::function<void(const std::string& temporary)>& check = {});

 private:
  [[noreturn]] void give_up(int error);
  void discard() noexcept;

  std::string path_;       // as the caller named it, for messages
  std::string target_;     // where the bytes end up: path_ with links resolved
  std::string temporary_;  // empty when the target is written directly
  std::FILE* stream_ = nullptr;
  bool replaces_ = false;  // whether there was a file before
};

// An AtomicFile made of these pieces, one after the other.
void write_file_atomically(const std::string& path, std::span<const std::string_view> pieces,
                           const std::function<void(const std::string& temporary)>& check = {});
void write_file_atomically(const std::string& path, std::string_view bytes);

// Adds one line (its '\n' is added here) at the end of a log, and creates the log if need be. Handed to the system in one
// write. If an interrupted program left half a line, the new one starts on a line of its own.
// Errors: a '\n' within the line; as for AtomicFile.
void append_line(const std::string& path, std::string_view line);
// The same for several lines at once, '\n' between them.
void append_lines(const std::string& path, std::string_view lines);

// Returns when what was written to the file so far is on the disk, and the file in its folder. Errors: no such file, the
// disk's own.
void flush_file_to_disk(const std::string& path);

// The "<path>.tmp.<process>" in which this process would write a file.
std::string temporary_path(const std::string& path);

}  // namespace headlight
