// Tests of AtomicFolder: the files of a folder appear together or not at all.
#include "os/atomic_folder.h"

#include <gtest/gtest.h>

#include "headlight/base/error.h"
#include "os/file.h"
#include "os/folder.h"
#include "support/expect_error.h"
#include "support/files.h"
#include "support/temporary_directory.h"

namespace headlight {
namespace {

void two_files(const std::string& folder) {
  write_file_atomically(folder + "/a", "new a");
  write_file_atomically(folder + "/b", "new b");
}

TEST(AtomicFolder, AppearsWhole) {
  const TemporaryDirectory directory;
  for (const char* name : {"one", "two/", "deep/er/three"}) {
    const std::string path = directory / name;
    write_folder_atomically(path, [&](const std::string& folder) {
      two_files(folder);
      EXPECT_FALSE(path_exists(directory / "one/a") && path == directory / "one");
      EXPECT_NE(folder, path);
    });
    EXPECT_EQ(list_directory(path), (std::vector<std::string>{"a", "b"}));
  }
  EXPECT_EQ(list_directory(directory.path()), (std::vector<std::string>{"deep", "one", "two"}));
}

TEST(AtomicFolder, ReplacesFilesOfTheSameNames) {
  const TemporaryDirectory directory;
  const std::string path = directory / "f";
  make_directories(path);
  write_file_atomically(path + "/a", "old");
  write_file_atomically(path + "/mine", "mine");
  write_folder_atomically(path, [&](const std::string& folder) {
    two_files(folder);
    EXPECT_EQ(read_file(path + "/a"), "old");
  });
  EXPECT_EQ(list_directory(path), (std::vector<std::string>{"a", "b", "mine"}));
  EXPECT_EQ(read_file(path + "/a"), "new a");
  EXPECT_EQ(read_file(path + "/mine"), "mine");
}

TEST(AtomicFolder, LeavesNothingAfterAnError) {
  const TemporaryDirectory directory;
  const std::string there = directory / "there";
  make_directories(there);
  write_file_atomically(there + "/a", "old");
  const Files before = tree_of(directory.path());
  const auto failing = [](const std::string& folder) {
    two_files(folder);
    fail(folder, "/b: is wrong");
  };
  for (const std::string& path : {directory / "new", directory / "deep/er", there})
    EXPECT_EQ(error_of([&] { write_folder_atomically(path, failing); }), path + "/b: is wrong");
  EXPECT_EQ(list_directory(directory.path()), (std::vector<std::string>{"there"}));
  EXPECT_EQ(list_directory(there), (std::vector<std::string>{"a"}));
  EXPECT_TRUE(contains(error_of([&] { write_folder_atomically(there + "/a", two_files); }), "a file is in the way"));
  EXPECT_TRUE(before == tree_of(directory.path()));
}

TEST(AtomicFile, IsCheckedBeforeItTakesItsName) {
  const TemporaryDirectory directory;
  const std::string path = directory / "f";
  const std::string_view pieces[] = {"new"};
  std::string seen;
  const auto refuse = [&](const std::string& temporary) {
    seen = read_file(temporary);
    fail("wrong");
  };
  EXPECT_EQ(error_of([&] { write_file_atomically(path, pieces, refuse); }), "wrong");
  EXPECT_EQ(seen, "new");
  EXPECT_TRUE(list_directory(directory.path()).empty());
  write_file_atomically(path, "old");
  EXPECT_EQ(error_of([&] { write_file_atomically(path, pieces, refuse); }), "wrong");
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(list_directory(directory.path()).size(), 1u);
  write_file_atomically(path, pieces, [&](const std::string&) { EXPECT_EQ(read_file(path), "old"); });
  EXPECT_EQ(read_file(path), "new");
}

}  // namespace
}  // namespace headlight
