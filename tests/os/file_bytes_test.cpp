// Files that stay on the disk, and truncation of a file while it is in use.
#include "os/file_bytes.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>
#include <vector>

#include "os/file.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace headlight {
namespace {

class OnDisk : public testing::Test {
 protected:
  void SetUp() override {
    for (std::size_t i = 0; i < 3'000'000; ++i) text_ += static_cast<char>(i * i >> 7);
    write_file_atomically(path_, text_);
    if (!FileBytes(path_, 1).is_on_disk()) GTEST_SKIP() << "this system reads every file into memory";
  }

  const TemporaryDirectory directory_;
  const std::string path_ = directory_ / "text";
  std::string text_;
};

TEST_F(OnDisk, EveryPartIsThatOfTheFile) {
  for (const Index disk_from : {1, 1 << 30}) {
    const FileBytes bytes(path_, disk_from);
    EXPECT_EQ(bytes.is_on_disk(), disk_from == 1);
    EXPECT_EQ(bytes.size(), text_.size());
    EXPECT_EQ(bytes.path(), path_);
    EXPECT_EQ(bytes.part(0, text_.size() + 1), text_);
    EXPECT_EQ(bytes.part(1'000'001, 7), text_.substr(1'000'001, 7));
    EXPECT_EQ(bytes.part(text_.size() - 3, 100), text_.substr(text_.size() - 3)) << "fewer at the end";
    EXPECT_EQ(bytes.part(text_.size() + 5, 100), "");
  }
}

TEST_F(OnDisk, ManyThreadsMayRead) {
  const FileBytes bytes(path_, 1);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (std::size_t at = i; at < text_.size(); at += 9'999) EXPECT_EQ(bytes.part(at, 50), text_.substr(at, 50));
    });
  for (std::thread& thread : threads) thread.join();
}

TEST_F(OnDisk, AMovedFileIsReadAndClosedOnce) {
  FileBytes bytes(path_, 1);
  {
    const FileBytes moved = std::move(bytes);
    EXPECT_EQ(moved.part(5, 10), text_.substr(5, 10));
  }
  EXPECT_EQ(bytes.size(), 0u);
  EXPECT_FALSE(bytes.is_on_disk());
}

TEST_F(OnDisk, AReplacedFileIsHarmlessAndATruncatedOneAnError) {
  const FileBytes old(path_, 1);
  write_file_atomically(path_, std::string(text_.size(), 'b'));
  EXPECT_EQ(old.part(0, text_.size()), text_);

  const FileBytes bytes(path_, 1);
  std::filesystem::resize_file(path_, 100'000);
  EXPECT_EQ(bytes.part(99'990, 10), "bbbbbbbbbb");
  EXPECT_EQ(error_of([&] { bytes.part(99'990, 11); }),
            path_ + ": was truncated while in use; restore it and run again with --resume");
  std::filesystem::resize_file(path_, text_.size());
  EXPECT_EQ(bytes.part(99'990, 11), std::string("bbbbbbbbbb\0", 11)) << "restored, the file is read again";
}

}  // namespace
}  // namespace headlight
