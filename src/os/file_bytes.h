// Read-only access to the bytes of a file. Large files stay on the disk, so that a file may be larger than the memory.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "headlight/base/index.h"

namespace headlight {

class FileBytes {
 public:
  // Regular files of at least this many bytes stay on the disk. Smaller files, pipes, devices and "-" are held in
  // memory.
  static constexpr Index kDiskFrom = Index{32} << 20;
  // Errors: as for read_file (os/file.h).
  explicit FileBytes(const std::string& path, Index disk_from = kDiskFrom);
  // Wraps bytes in memory.
  static FileBytes of(std::string bytes);
  ~FileBytes();
  FileBytes(FileBytes&& other) noexcept;
  FileBytes& operator=(FileBytes&&) = delete;

  // The path given to the constructor; empty for bytes in memory.
  const std::string& path() const { return path_; }
  // Number of bytes when the file was opened.
  std::size_t size() const { return size_; }
  bool is_on_disk() const { return descriptor_ >= 0; }
  // Copies the bytes from offset `first` on; first + to.size() <= size(). Several threads may read at a time.
  // Replacing the file is harmless, because the descriptor still refers to the old file.
  // Errors: the file was truncated, or cannot be read.
  void read(std::size_t first, std::span<char> to) const;
  // At most `most` bytes from offset `first` on, fewer at the end of the file. Errors: as for read().
  std::string part(std::size_t first, std::size_t most) const;

 private:
  FileBytes() = default;

  std::string path_, held_;
  std::size_t size_ = 0;
  int descriptor_ = -1;  // -1: the bytes are in held_
};

}  // namespace headlight
