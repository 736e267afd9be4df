// Folder operations on top of std::filesystem, and the directory lock.
#include "os/folder.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "headlight/base/error.h"
#include "os/file_errors.h"
#include "os/system.h"

namespace headlight {

namespace fs = std::filesystem;

bool path_exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool is_directory(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

void make_directories(const std::string& path) {
  if (path.empty()) fail("\"\": cannot be created: the path is empty; name a folder");
  std::error_code error;
  fs::create_directories(path, error);
  if (is_directory(path)) return;
  if (!error || error.value() == ENOTDIR || error.value() == EEXIST)
    fail(path, ": cannot be created: a file is in the way; choose another name");
  fail(path, ": cannot be created: ", write_reason(path, error.value()));
}

std::vector<std::string> files_below(const std::string& path) {
  constexpr std::size_t kMax = 1'000'000;
  std::error_code error;
  std::vector<std::string> files;
  for (fs::recursive_directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code ignored;
    if (name.starts_with('.')) {
      entry.disable_recursion_pending();
      continue;
    }
    if (entry->is_regular_file(ignored)) files.push_back(entry->path().string());
    if (files.size() > kMax) fail(path, ": holds more than ", kMax, " files; name a smaller folder");
  }
  if (error.value() == ENOENT) fail(path, ": cannot be listed: no such folder; check the spelling");
  if (error) fail(path, ": cannot be listed: ", read_reason(error.value()));
  std::sort(files.begin(), files.end());
  return files;
}

std::string current_folder() {
  std::error_code error;
  const fs::path path = fs::current_path(error);
  return error ? "" : path.string();
}

bool is_absolute_path(const std::string& path) { return fs::path(path).is_absolute(); }

DirectoryLock::DirectoryLock(const std::string& path, std::string_view busy) {
  const int error = system::lock_directory(path, descriptor_);
  if (error == 0) return;
  if (descriptor_ >= 0) system::close_descriptor(descriptor_);
  if (error == EWOULDBLOCK) fail(path, ": ", busy);
  fail(path, ": cannot be opened: ", read_reason(error));
}

DirectoryLock::~DirectoryLock() {
  if (descriptor_ >= 0) system::close_descriptor(descriptor_);
}

DirectoryLock& DirectoryLock::operator=(DirectoryLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

std::vector<std::string> list_directory(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error.value() == ENOENT) fail(path, ": cannot be listed: no such folder; check the spelling");
  if (error.value() == ENOTDIR) fail(path, ": cannot be listed: it is not a folder; name a folder");
  if (error) fail(path, ": cannot be listed: ", read_reason(error.value()));
  std::sort(names.begin(), names.end());
  return names;
}

bool remove_file(const std::string& path) {
  std::error_code error;
  const bool removed = fs::remove(path, error);
  if (error) fail(path, ": cannot be removed: ", error.message());
  return removed;
}

}  // namespace headlight
