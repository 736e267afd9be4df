// The system calls of os/system.h and os/process.h, and their defaults for systems other than POSIX.
#include "os/system.h"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "os/process.h"

#if (defined(__unix__) || defined(__APPLE__)) && !defined(HEADLIGHT_NO_POSIX)
#define HEADLIGHT_POSIX 1
#include <fcntl.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>
#endif

namespace headlight {

namespace system {

#ifdef HEADLIGHT_POSIX

namespace {

// Some file systems do not support fsync (EINVAL, ENOTSUP); that is no error.
int flush_descriptor(int descriptor) {
#ifdef F_FULLFSYNC  // on macOS, fsync does not flush the cache of the drive
  if (::fcntl(descriptor, F_FULLFSYNC) == 0) return 0;
#endif
  while (::fsync(descriptor) != 0) {
    if (errno == EINTR) continue;
    return errno == EINVAL || errno == ENOTSUP || errno == EROFS ? 0 : errno;
  }
  return 0;
}

}  // namespace

long process_id() { return static_cast<long>(::getpid()); }

int flush_to_disk(std::FILE* stream) { return flush_descriptor(::fileno(stream)); }

int flush_directory(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return 0;
  const int error = flush_descriptor(descriptor);
  ::close(descriptor);
  return error;
}

bool may_write(const std::string& path) { return ::access(path.c_str(), W_OK) == 0; }

bool is_terminal(int descriptor) { return ::isatty(descriptor) == 1; }

Window window() {
  for (const int descriptor : {STDERR_FILENO, STDOUT_FILENO}) {
    winsize size{};
    if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return {size.ws_col, size.ws_row};
  }
  return {};
}

// Bypasses stdio, whose locks could deadlock in a signal handler.
void write_to_terminal(std::string_view codes) {
  const auto written = ::write(STDERR_FILENO, codes.data(), codes.size());
  static_cast<void>(written);  // an error means that the terminal is gone
}

int lock_directory(const std::string& path, int& descriptor) {
  descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return errno == EACCES ? 0 : errno;
  int failed = 0;
  do failed = ::flock(descriptor, LOCK_EX | LOCK_NB);
  while (failed != 0 && errno == EINTR);
  return failed != 0 && errno == EWOULDBLOCK ? EWOULDBLOCK : 0;
}
void close_descriptor(int descriptor) { ::close(descriptor); }

int open_file(const std::string& path) { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }

int read_at(int descriptor, std::size_t first, std::span<char> to, std::size_t& got) {
  for (got = 0; got < to.size();) {
    const auto count = ::pread(descriptor, to.data() + got, to.size() - got, static_cast<off_t>(first + got));
    if (count == 0) break;
    if (count > 0) got += static_cast<std::size_t>(count);
    else if (errno != EINTR) return errno;
  }
  return 0;
}

#else

int lock_directory(const std::string&, int&) { return 0; }
void close_descriptor(int) {}

// Without process numbers, the start time tells processes apart.
long process_id() {
  static const auto started = std::chrono::steady_clock::now().time_since_epoch().count();
  return static_cast<long>(started & 0x7FFFFFFF);
}
int flush_to_disk(std::FILE*) { return 0; }
int flush_directory(const std::string&) { return 0; }
bool may_write(const std::string& path) {
  std::error_code ignored;
  return (std::filesystem::status(path, ignored).permissions() & std::filesystem::perms::owner_write) !=
         std::filesystem::perms::none;
}
bool is_terminal(int) { return false; }
Window window() { return {}; }
void write_to_terminal(std::string_view codes) { std::fwrite(codes.data(), 1, codes.size(), stderr); }

int open_file(const std::string&) { return -1; }
int read_at(int, std::size_t, std::span<char>, std::size_t&) { return ENOTSUP; }

#endif

}  // namespace system

#ifdef HEADLIGHT_POSIX

Index peak_memory_bytes() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
#ifdef __APPLE__
  return static_cast<Index>(usage.ru_maxrss);  // bytes on macOS, KiB elsewhere
#else
  return static_cast<Index>(usage.ru_maxrss) * 1024;
#endif
}

Index machine_memory_bytes() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? static_cast<Index>(pages) * size : 0;
}

#else

Index peak_memory_bytes() { return 0; }
Index machine_memory_bytes() { return 0; }

#endif

}  // namespace headlight
