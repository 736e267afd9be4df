// Reading, atomic replacement and appending of files, and folders; failures are provoked by limits and permissions.
#include "os/file.h"
#include "base/clock.h"
#include "os/folder.h"
#include "os/process.h"
#include "os/terminal.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "support/expect_error.h"
#include "support/temporary_directory.h"

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace headlight {
namespace {

namespace fs = std::filesystem;

void plain_write(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

TEST(ReadFile, GivesEveryByte) {
  const TemporaryDirectory directory;
  for (const std::size_t size : {0u, 1u, 15u, 16u, 65535u, 65536u, 65537u, 1000003u}) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 256);
    plain_write(directory / "bytes", bytes);
    EXPECT_EQ(read_file(directory / "bytes"), bytes) << size;
  }
}

TEST(ReadFile, NamesPathAndReason) {
  const TemporaryDirectory directory;
  const std::string missing = directory / "missing.txt";
  EXPECT_TRUE(contains(error_of([&] { read_file(missing); }), missing + ": cannot be read: no such file"));
  EXPECT_TRUE(contains(error_of([&] { read_file(missing + "/x"); }), "no such file"));
  EXPECT_TRUE(contains(error_of([&] { read_file(directory.path()); }), "it is a directory"));
  EXPECT_TRUE(contains(error_of([&] { read_file(""); }), "no such file"));
}

TEST(AtomicFile, WritesPiecesInOrderAndLeavesNothingElse) {
  const TemporaryDirectory directory;
  const std::string path = directory / "file";
  const std::string_view pieces[] = {"one", "", "two", std::string_view("\0\n", 2)};
  write_file_atomically(path, pieces);
  EXPECT_EQ(read_file(path), std::string("onetwo\0\n", 8));
  write_file_atomically(path, "new");
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(list_directory(directory.path()), std::vector<std::string>{"file"});
}

TEST(AtomicFile, WithoutCommitNothingHappened) {
  const TemporaryDirectory directory;
  const std::string path = directory / "file";
  write_file_atomically(path, "old");
  {
    AtomicFile file(path);
    file.write("half of the n");
    EXPECT_EQ(read_file(path), "old");
    EXPECT_TRUE(path_exists(temporary_path(path)));
  }
  EXPECT_EQ(read_file(path), "old");
  EXPECT_FALSE(path_exists(temporary_path(path)));
}

TEST(AtomicFile, CommitsOnce) {
  const TemporaryDirectory directory;
  AtomicFile file(directory / "file");
  file.commit();
  EXPECT_TRUE(contains(error_of([&] { file.write("more"); }), "committed"));
  EXPECT_TRUE(contains(error_of([&] { file.commit(); }), "committed"));
  EXPECT_EQ(read_file(directory / "file"), "");
}

TEST(AtomicFile, TwoWritersOfOneFileDoNotMeet) {
  const TemporaryDirectory directory;
  const std::string path = directory / "file";
  plain_write(temporary_path(path), "left behind by a process that died");
  AtomicFile first(path);
  AtomicFile second(path);
  first.write("first");
  second.write("second");
  first.commit();
  EXPECT_EQ(read_file(path), "first");
  second.commit();
  EXPECT_EQ(read_file(path), "second");
}

TEST(AtomicFile, NamesWhatIsWrongWithThePath) {
  const TemporaryDirectory directory;
  const std::string inside = directory / "absent/file";
  EXPECT_TRUE(contains(error_of([&] { write_file_atomically(inside, "x"); }),
                       inside + ": cannot be written: there is no folder " + (directory / "absent") + "; create it"));
  EXPECT_TRUE(contains(error_of([&] { write_file_atomically(directory.path(), "x"); }), "it is a directory"));
  EXPECT_TRUE(contains(error_of([&] { write_file_atomically("", "x"); }), "the path is empty"));
  const std::string longest = directory / std::string(300, 'n');
  EXPECT_TRUE(contains(error_of([&] { write_file_atomically(longest, "x"); }), "the name is too long"));
  EXPECT_TRUE(fs::is_empty(directory.path()));
}

#if defined(__unix__) || defined(__APPLE__)

TEST(AtomicFile, FollowsLinksAndKeepsPermissions) {
  const TemporaryDirectory directory;
  make_directories(directory / "elsewhere");
  plain_write(directory / "elsewhere/real", "old");
  fs::permissions(directory / "elsewhere/real", fs::perms(0640));
  fs::create_symlink("elsewhere/real", directory / "link");
  write_file_atomically(directory / "link", "new");
  EXPECT_TRUE(fs::is_symlink(directory / "link"));
  EXPECT_EQ(read_file(directory / "elsewhere/real"), "new");
  EXPECT_EQ(fs::status(directory / "elsewhere/real").permissions(), fs::perms(0640));
}

TEST(AtomicFile, WritesIntoAPipeDirectly) {
  const TemporaryDirectory directory;
  const std::string path = directory / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  std::string received;
  std::thread reader([&] { received = read_file(path); });
  write_file_atomically(path, "through the pipe");
  reader.join();
  EXPECT_EQ(received, "through the pipe");
  EXPECT_TRUE(fs::is_fifo(path));
}

// A limit on the file size stands in for a full disk: writes fail in the middle.
class LimitedFileSize {
 public:
  explicit LimitedFileSize(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~LimitedFileSize() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

TEST(AtomicFile, AFailingWriteLeavesTheOldFile) {
  const TemporaryDirectory directory;
  const std::string path = directory / "checkpoint";
  write_file_atomically(path, "old");
  // Small files fail when they are flushed, large ones in the middle of a write.
  for (const std::size_t size : {5000u, 5000000u}) {
    std::string line;
    {
      const LimitedFileSize limit(4096);
      line = error_of([&] { write_file_atomically(path, std::string(size, 'n')); });
    }
    EXPECT_TRUE(contains(line, path + ": cannot be written: it exceeds the maximum file size")) << size;
    EXPECT_TRUE(contains(line, "the old file is unchanged")) << size;
    EXPECT_EQ(read_file(path), "old");
    EXPECT_EQ(list_directory(directory.path()), std::vector<std::string>{"checkpoint"})
        << "the temporary file was not removed";
  }
}

TEST(AppendLine, ReportsAFailingWrite) {
  const TemporaryDirectory directory;
  const std::string path = directory / "log.jsonl";
  append_line(path, "first");
  std::string line;
  {
    const LimitedFileSize limit(8);
    line = error_of([&] { append_line(path, "second"); });
  }
  EXPECT_TRUE(contains(line, path + ": cannot be appended to: "));
  append_line(path, "third");
  EXPECT_EQ(read_file(path), "first\nse\nthird\n");  // the incomplete line stays incomplete
}

TEST(AtomicFile, AFullDeviceIsAnErrorAndStaysADevice) {
  if (!path_exists("/dev/full")) GTEST_SKIP() << "this system has no /dev/full";
  EXPECT_TRUE(contains(error_of([] { write_file_atomically("/dev/full", "x"); }),
                       "/dev/full: cannot be written: the disk is full"));
  EXPECT_TRUE(contains(error_of([] { append_line("/dev/full", "x"); }), "the disk is full"));
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

// Runs the action in a child process as a user without special rights and returns its result.
template <class Action>
int as_ordinary_user(const Action& action) {
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(99);
    _exit(action());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

TEST(AtomicFile, PermissionDeniedLeavesTheOldFile) {
  const TemporaryDirectory directory;
  const std::string path = directory / "file";
  write_file_atomically(path, "old");
  const auto denied = [&] {
    return as_ordinary_user([&] {
      const std::string line = error_of([&] { write_file_atomically(path, "new"); });
      return line.find("permission denied") != std::string::npos ? 0 : 1;
    });
  };
  fs::permissions(directory.path(), fs::perms(0555));
  EXPECT_EQ(denied(), 0) << "a directory that may not be written";
  fs::permissions(directory.path(), fs::perms(0777));
  fs::permissions(path, fs::perms(0444));
  EXPECT_EQ(denied(), 0) << "a file that may not be written, in a directory that may";
  EXPECT_EQ(read_file(path), "old");

  fs::permissions(path, fs::perms(0000));
  EXPECT_EQ(as_ordinary_user([&] {
              const std::string line = error_of([&] { read_file(path); });
              return line == path + ": cannot be read: permission denied; ask the owner for read permission" ? 0 : 1;
            }),
            0);
}

TEST(StandardStreams, DashReadsAndWritesThem) {
  const TemporaryDirectory directory;
  plain_write(directory / "in", "given\n");
  std::fflush(stdout);  // otherwise the child would write the parent's buffered output again
  const pid_t child = fork();
  if (child == 0) {
    const int in = open((directory / "in").c_str(), O_RDONLY);
    const int out = open((directory / "out").c_str(), O_WRONLY | O_CREAT, 0600);
    dup2(in, 0);
    dup2(out, 1);
    write_file_atomically("-", read_file("-") + "taken\n");
    _exit(0);
  }
  int status = 1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_file(directory / "out"), "given\ntaken\n");
}

#endif

TEST(AppendLine, AddsLinesAndTerminatesAnIncompleteOne) {
  const TemporaryDirectory directory;
  const std::string path = directory / "log.jsonl";
  append_line(path, "{\"step\":1}");
  append_line(path, "{\"step\":2}");
  EXPECT_EQ(read_file(path), "{\"step\":1}\n{\"step\":2}\n");
  plain_write(path, "{\"step\":1}\n{\"st");
  append_line(path, "{\"step\":2}");
  EXPECT_EQ(read_file(path), "{\"step\":1}\n{\"st\n{\"step\":2}\n");
}

TEST(AppendLine, RefusesBadLinesAndPaths) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(contains(error_of([&] { append_line(directory / "log", "a\nb"); }), "line break"));
  EXPECT_FALSE(path_exists(directory / "log"));
  EXPECT_TRUE(contains(error_of([&] { append_line(directory / "no/log", "a"); }), "there is no folder"));
  EXPECT_TRUE(contains(error_of([&] { append_line(directory.path(), "a"); }), "it is a directory"));
}

TEST(Directories, AreMadeListedAndRemoved) {
  const TemporaryDirectory directory;
  make_directories(directory / "a/b/c");
  make_directories(directory / "a/b/c");
  EXPECT_TRUE(is_directory(directory / "a/b/c"));
  plain_write(directory / "a/file", "x");
  plain_write(directory / "a/Zile", "x");
  EXPECT_EQ(list_directory(directory / "a"), (std::vector<std::string>{"Zile", "b", "file"}));
  EXPECT_FALSE(is_directory(directory / "a/file"));
  EXPECT_TRUE(path_exists(directory / "a/file"));
  EXPECT_TRUE(remove_file(directory / "a/file"));
  EXPECT_FALSE(remove_file(directory / "a/file"));
  EXPECT_FALSE(path_exists(directory / "a/file"));

  EXPECT_TRUE(contains(error_of([&] { remove_file(directory / "a"); }), "cannot be removed"));
  EXPECT_TRUE(contains(error_of([&] { make_directories(directory / "a/Zile"); }), "a file is in the way"));
  EXPECT_TRUE(contains(error_of([&] { make_directories(directory / "a/Zile/x"); }), "a file is in the way"));
  EXPECT_TRUE(contains(error_of([&] { make_directories(""); }), "the path is empty"));
  EXPECT_TRUE(contains(error_of([&] { list_directory(directory / "z"); }), "no such folder"));
  EXPECT_TRUE(contains(error_of([&] { list_directory(directory / "a/Zile"); }), "not a folder"));
}

TEST(Process, MemoryClockAndTerminal) {
#if (defined(__unix__) || defined(__APPLE__)) && !defined(HEADLIGHT_NO_POSIX)
  const Index before = peak_memory_bytes();
  const std::string large(std::size_t{64} << 20, 'x');
  EXPECT_EQ(large.back(), 'x');
  EXPECT_GT(peak_memory_bytes(), Index{64} << 20);
  EXPECT_GE(peak_memory_bytes(), before);
  EXPECT_GT(machine_memory_bytes(), peak_memory_bytes());
#else
  EXPECT_EQ(peak_memory_bytes(), 0) << "unknown";
#endif

  const double start = monotonic_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_GE(monotonic_seconds() - start, 0.02);
  EXPECT_LT(monotonic_seconds() - start, 20);

  EXPECT_GE(terminal_width(), 20);
}

}  // namespace
}  // namespace headlight
