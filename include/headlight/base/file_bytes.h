// The bytes of a file of any size, to look at: those of a large one are mapped, not read, so that a file may be larger
// than the memory.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "headlight/base/index.h"

namespace headlight {

class FileBytes {
 public:
  // A file of so many bytes is mapped; smaller ones, pipes, devices and "-" (standard input) are read, whole.
  static constexpr Index kMapFrom = Index{32} << 20;
  // Errors: as for read_file (base/file.h).
  explicit FileBytes(const std::string& path, Index map_from = kMapFrom);
  // Bytes that are there already.
  static FileBytes of(std::string bytes);
  ~FileBytes();
  FileBytes(FileBytes&&) noexcept;
  FileBytes& operator=(FileBytes&&) noexcept;

  // As given; empty for bytes that were there already.
  const std::string& path() const;
  // Valid until the end of this object, wherever it is moved.
  std::string_view view() const;
  // Leaves out the first bytes of what is there: view() begins after them. How many were left out so far.
  void skip(std::size_t count);
  std::size_t skipped() const;
  bool is_mapped() const;
  // To be called after a look at bytes that are mapped, before what was seen is used. What is replaced by another file
  // stays as it was. Errors: the file itself became shorter, or cannot be read any more; what was seen may be zeros.
  void check() const;
  // Hints about what is mapped: from now on single places are looked at / these bytes are not needed for a while, and
  // need not stay in memory.
  void expect_random_access() const;
  void give_back(std::size_t first, std::size_t size) const;

 private:
  FileBytes();
  struct Bytes;
  std::unique_ptr<Bytes> bytes_;
};

}  // namespace headlight
