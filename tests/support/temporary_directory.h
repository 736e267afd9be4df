// A temporary directory that is deleted at the end of its scope.
#pragma once

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "os/file.h"
#include "os/folder.h"

namespace headlight {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    static std::atomic<int> count = 0;
    // temporary_path() appends the process id, so that concurrent test programs use different directories.
    const std::string name = temporary_path("headlight_test_" + std::to_string(count++));
    path_ = (place() / name).string();
    std::filesystem::remove_all(path_);
    make_directories(path_);
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  // In memory if the system has /dev/shm, because tests flush thousands of checkpoints, which is slow on a disk.
  static std::filesystem::path place() {
    const std::filesystem::path memory = "/dev/shm";
    std::error_code ignored;
    const bool writable = (std::filesystem::status(memory, ignored).permissions() &
                           std::filesystem::perms::others_write) != std::filesystem::perms::none;
    return writable && !std::getenv("TMPDIR") ? memory : std::filesystem::temp_directory_path();
  }

  std::string path_;
};

}  // namespace headlight
