// FileBytes: chooses between memory and disk, and turns incomplete reads into errors.
#include "os/file_bytes.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "headlight/base/error.h"
#include "os/file.h"
#include "os/file_errors.h"
#include "os/system.h"

namespace headlight {

FileBytes::FileBytes(const std::string& path, Index disk_from) : path_(path) {
  std::error_code unsized;
  if (path != "-" && std::filesystem::is_regular_file(path, unsized)) {
    const auto size = std::filesystem::file_size(path, unsized);
    // If open_file() fails, continue with read_file(), which succeeds or reports the reason.
    if (!unsized && size >= static_cast<std::uintmax_t>(disk_from) && (descriptor_ = system::open_file(path)) >= 0) {
      size_ = static_cast<std::size_t>(size);
      return;
    }
  }
  held_ = read_file(path);
  size_ = held_.size();
}

FileBytes FileBytes::of(std::string bytes) {
  FileBytes result;
  result.held_ = std::move(bytes);
  result.size_ = result.held_.size();
  return result;
}

FileBytes::FileBytes(FileBytes&& other) noexcept
    : path_(std::move(other.path_)),
      held_(std::move(other.held_)),
      size_(std::exchange(other.size_, 0)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

FileBytes::~FileBytes() {
  if (is_on_disk()) system::close_descriptor(descriptor_);
}

void FileBytes::read(std::size_t first, std::span<char> to) const {
  if (!is_on_disk()) {
    std::copy_n(held_.begin() + static_cast<std::ptrdiff_t>(first), to.size(), to.begin());
    return;
  }
  std::size_t got = 0;
  if (const int error = system::read_at(descriptor_, first, to, got))
    fail(path_, ": could not be read while in use: ", read_reason(error),
         "; check the disk and run again with --resume");
  if (got < to.size()) fail(path_, ": was truncated while in use; restore it and run again with --resume");
}

std::string FileBytes::part(std::size_t first, std::size_t most) const {
  std::string bytes(std::min(most, size_ - std::min(first, size_)), '\0');
  read(first, bytes);
  return bytes;
}

}  // namespace headlight
