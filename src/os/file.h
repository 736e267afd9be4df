// Reading of whole files and streams, and atomic replacement of files.
//
// Every error message begins with the path: "run/model.safetensors: cannot be written: the disk is full; ...".
// On systems other than POSIX these functions use the standard library alone and cannot flush writes to the disk.
#pragma once

#include <cstdio>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "headlight/base/index.h"

namespace headlight {

// Reads all bytes of a file, a device or a pipe; "-" is standard input.
// Errors: no such file, a directory, permission denied, too little memory, a read error.
std::string read_file(const std::string& path);
// The same with a limit. Error: more than `most` bytes; the function stops reading there.
std::string read_file(const std::string& path, Index most);

// Reads a file, a device, a pipe or "-" (standard input) piece by piece.
class FileReader {
 public:
  // Errors: as for read_file.
  explicit FileReader(std::string path);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;
  // Reads until the buffer is full or the input ends, and returns the number of bytes. Error: a read error.
  std::size_t read(std::span<char> buffer);
  // Size of a regular file when it was opened, in bytes; 0 for other inputs. A hint only, because files may grow.
  Index size() const { return size_; }

 private:
  std::string path_;
  std::FILE* stream_ = nullptr;
  Index size_ = 0;
};

// Writes a file atomically: after a crash or an error, the target has either its old or its new contents.
//
//   AtomicFile file("run/model.safetensors");
//   file.write(header);
//   file.write(data);
//   file.commit();
//
// 1. write() writes to a new temporary file in the same folder, "<path>.tmp.<process>".
// 2. commit() flushes the temporary file to the disk, renames it over the target, and flushes the folder.
// 3. After an error, or without commit(), the destructor removes the temporary file.
// An existing file keeps its permissions; a read-only file is not replaced. If the path is a symbolic link, its target
// is replaced. Devices, pipes and "-" (standard output) are written directly.
// Errors: no such folder, a directory, permission denied, disk full; the message says that the old file is unchanged.
// If only the flush of the folder fails, the new file is in place, and the message says so.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes);
  // May be called once. Calling write() or commit() afterwards is an error. `check` gets the temporary file's path
  // before the rename; if it throws, the target stays unchanged. If the target is written directly, `check` is not
  // called.
  void commit(const std::function<void(const std::string& temporary)>& check = {});

 private:
  [[noreturn]] void give_up(int error);
  void discard() noexcept;

  std::string path_;       // as given by the caller, for messages
  std::string target_;     // path_ with symbolic links resolved
  std::string temporary_;  // empty when the target is written directly
  std::FILE* stream_ = nullptr;
  bool replaces_ = false;  // whether the target existed before
};

// Writes the concatenated pieces through an AtomicFile.
void write_file_atomically(const std::string& path, std::span<const std::string_view> pieces,
                           const std::function<void(const std::string& temporary)>& check = {});
void write_file_atomically(const std::string& path, std::string_view bytes);

// Appends a line and '\n' to a log with a single write, and creates the log if necessary. If the log ends with an
// incomplete line, left by an interrupted program, that line is terminated first.
// Errors: a '\n' in the line; the errors of AtomicFile.
void append_line(const std::string& path, std::string_view line);
// The same for several lines, separated by '\n'.
void append_lines(const std::string& path, std::string_view lines);

// Flushes a file and its folder entry to the disk. Errors: no such file, an error of the disk.
void flush_file_to_disk(const std::string& path);

// The name of the temporary file that this process uses for `path`: "<path>.tmp.<process>".
std::string temporary_path(const std::string& path);

}  // namespace headlight
