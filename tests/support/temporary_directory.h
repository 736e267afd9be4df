// A directory of a test's own, gone with the test.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>

#include "headlight/base/file.h"

namespace headlight {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    static std::atomic<int> count = 0;
    // temporary_path() ends in the process, so that programs running at once do not meet.
    const std::string name = temporary_path("headlight_test_" + std::to_string(count++));
    path_ = (std::filesystem::temp_directory_path() / name).string();
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
  std::string path_;
};

}  // namespace headlight
