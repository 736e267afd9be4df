// Read-only access to the bytes of a file. Large files are memory-mapped, so that a file may be larger than the memory.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "headlight/base/index.h"

namespace headlight {

class FileBytes {
 public:
  // Regular files of at least this many bytes are mapped. Smaller files, pipes, devices and "-" are read.
  static constexpr Index kMapFrom = Index{32} << 20;
  // Errors: as for read_file (os/file.h).
  explicit FileBytes(const std::string& path, Index map_from = kMapFrom);
  // Wraps bytes in memory.
  static FileBytes of(std::string bytes);
  ~FileBytes();
  FileBytes(FileBytes&&) noexcept;
  FileBytes& operator=(FileBytes&&) noexcept;

  // The path given to the constructor; empty for bytes in memory.
  const std::string& path() const;
  // Valid as long as this object, or the object it is moved to, lives.
  std::string_view view() const;
  bool is_mapped() const;
  // Drops the first `count` bytes of the view; skipped() is how many were dropped so far.
  void skip(std::size_t count);
  std::size_t skipped() const;
  // Must be called after reads from view(), before their result is used: the bytes of a truncated mapped file read as
  // zeros. Replacing the file by another file is harmless, because the mapping keeps the old one.
  // Errors: the file was truncated, or cannot be read.
  void check() const;
  // Hint for a mapped file: accesses will be random from now on.
  void expect_random_access() const;
  // Hint for a mapped file: these bytes are not needed for a while, so that the system may release their memory.
  void give_back(std::size_t first, std::size_t size) const;

 private:
  FileBytes();
  struct Bytes;
  std::unique_ptr<Bytes> bytes_;
};

}  // namespace headlight
