// Mapped files, and truncation of a file while it is mapped.
#include "os/file_bytes.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <thread>
#include <vector>

#include "os/file.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"
#include "tensor/sanitized.h"

namespace headlight {
namespace {

class Mapped : public testing::Test {
 protected:
  void SetUp() override {
    write_file_atomically(path_, std::string(kSize, 'a'));
    if (!FileBytes(path_, 1).is_mapped()) GTEST_SKIP() << "this system maps no files";
  }
  static std::size_t count(const FileBytes& bytes, char wanted) {
    std::size_t found = 0;
    for (const char c : bytes.view()) found += c == wanted;
    return found;
  }

  static constexpr std::size_t kSize = 3'000'000;
  const TemporaryDirectory directory_;
  const std::string path_ = directory_ / "text";
};

TEST_F(Mapped, ATruncatedFileReadsAsZerosAndIsAnError) {
  const FileBytes bytes(path_, 1), other(path_, 1);
  EXPECT_EQ(count(bytes, 'a'), kSize);
  bytes.check();
  std::filesystem::resize_file(path_, 100'000);
  EXPECT_GE(count(bytes, '\0'), kSize - 104'096) << "the access itself does not end the program";
  EXPECT_EQ(error_of([&] { bytes.check(); }),
            path_ + ": was truncated while in use; restore it and run again with --resume");
  // After the size is restored, a mapping that was read in between stays lost; a mapping that was not read is intact.
  std::filesystem::resize_file(path_, kSize);
  EXPECT_TRUE(contains(error_of([&] { bytes.check(); }), path_ + ": could not be read while in use"));
  other.check();
}

TEST_F(Mapped, ManyThreadsMayRead) {
  if (tests::kThreadSanitizer)
    GTEST_SKIP() << "the sanitizer takes the mmap that replaces lost pages for a write, and reads of them for a race";
  for (int round = 0; round < 20; ++round) {
    std::filesystem::resize_file(path_, kSize);
    const FileBytes bytes(path_, 1);
    bytes.check();  // a new mapping does not inherit the loss of an earlier one
    std::filesystem::resize_file(path_, 1);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { EXPECT_GE(count(bytes, '\0'), kSize - 4096); });
    for (std::thread& thread : threads) thread.join();
    EXPECT_NE(error_of([&] { bytes.check(); }), "(no error)");
  }
}

#ifdef SIGBUS
TEST_F(Mapped, ASigbusOutsideOfAMappingEndsTheProgram) {
  const FileBytes bytes(path_, 1);
  EXPECT_DEATH(std::raise(SIGBUS), "");
}
#endif

}  // namespace
}  // namespace headlight
