// FileBytes: chooses between mapping and reading, and turns the state of a mapping into errors.
#include "os/file_bytes.h"

#include <filesystem>
#include <utility>

#include "headlight/base/error.h"
#include "os/file.h"
#include "os/system.h"

namespace headlight {

struct FileBytes::Bytes {
  std::string path, read;
  system::Mapping mapping;
  std::size_t skipped = 0;

  Bytes() = default;
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  ~Bytes() { system::unmap(mapping); }
};

FileBytes::FileBytes() : bytes_(std::make_unique<Bytes>()) {}
FileBytes::~FileBytes() = default;
FileBytes::FileBytes(FileBytes&&) noexcept = default;
FileBytes& FileBytes::operator=(FileBytes&&) noexcept = default;

FileBytes::FileBytes(const std::string& path, Index map_from) : FileBytes() {
  bytes_->path = path;
  std::error_code unsized;
  if (path != "-" && std::filesystem::is_regular_file(path, unsized)) {
    const auto size = std::filesystem::file_size(path, unsized);
    // If mapping fails, reading either succeeds or reports the reason.
    if (!unsized && size >= static_cast<std::uintmax_t>(map_from) && system::map_file(path, bytes_->mapping) == 0) {
      system::expect_access(bytes_->mapping, system::Access::kSequential);
      return;
    }
  }
  bytes_->read = read_file(path);
}

FileBytes FileBytes::of(std::string bytes) {
  FileBytes result;
  result.bytes_->read = std::move(bytes);
  return result;
}

const std::string& FileBytes::path() const { return bytes_->path; }

bool FileBytes::is_mapped() const { return bytes_->mapping.data != nullptr; }

std::string_view FileBytes::view() const {
  const std::string_view all =
      is_mapped() ? std::string_view(bytes_->mapping.data, bytes_->mapping.size) : std::string_view(bytes_->read);
  return all.substr(bytes_->skipped);
}

void FileBytes::skip(std::size_t count) { bytes_->skipped += count; }

std::size_t FileBytes::skipped() const { return bytes_->skipped; }

void FileBytes::check() const {
  if (!is_mapped()) return;
  switch (system::state_of(bytes_->mapping)) {
    case system::MappingState::kWhole:
      return;
    case system::MappingState::kShortened:
      fail(bytes_->path, ": was truncated while in use; restore it and run again with --resume");
    case system::MappingState::kUnreadable:
      fail(bytes_->path,
           ": could not be read while in use: the disk failed, or the file was truncated for a moment; "
           "check both and run again with --resume");
  }
}

void FileBytes::expect_random_access() const {
  if (is_mapped()) system::expect_access(bytes_->mapping, system::Access::kRandom);
}

void FileBytes::give_back(std::size_t first, std::size_t size) const {
  if (is_mapped()) system::give_back(bytes_->mapping, bytes_->skipped + first, size);
}

}  // namespace headlight
