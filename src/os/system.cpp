// The system calls of os/system.h and os/process.h, and their defaults for systems other than POSIX.
#include "os/system.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <system_error>

#include "os/process.h"

#if (defined(__unix__) || defined(__APPLE__)) && !defined(HEADLIGHT_NO_POSIX)
#define HEADLIGHT_POSIX 1
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

// An entry of a list that the signal handler walks without locks. Entries are never removed: a free entry has size 0
// and is reused.
struct MappedRange {
  std::atomic<char*> begin = nullptr;
  std::atomic<std::size_t> size = 0;
  std::atomic<bool> taken = true, lost = false;
  MappedRange* next = nullptr;
};

namespace {

std::atomic<MappedRange*> first_range = nullptr;
struct sigaction handled_before;

MappedRange* take_range() {
  for (MappedRange* range = first_range; range; range = range->next)
    if (!range->taken.exchange(true)) return range;
  auto* range = new MappedRange;
  range->next = first_range;
  while (!first_range.compare_exchange_weak(range->next, range)) {
  }
  return range;
}

// Uses only atomics and system calls, because a signal may interrupt any code.
void on_bus_error(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (MappedRange* range = first_range; range; range = range->next) {
    char* const begin = range->begin;
    const std::size_t size = range->size;
    const auto first = reinterpret_cast<std::uintptr_t>(begin);
    if (info->si_code <= 0 || at < first || at - first >= size) continue;  // si_code <= 0: sent by kill or raise
    // Map zeros over the whole range, so that the interrupted access succeeds; the reader calls state_of afterwards.
    if (::mmap(begin, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) break;
    range->lost = true;
    errno = error;
    return;
  }
  errno = error;
  if (handled_before.sa_flags & SA_SIGINFO) return handled_before.sa_sigaction(signal, info, context);
  if (handled_before.sa_handler != SIG_DFL && handled_before.sa_handler != SIG_IGN)
    return handled_before.sa_handler(signal);
  ::sigaction(SIGBUS, &handled_before, nullptr);
  if (info->si_code <= 0) ::raise(signal);  // otherwise the access repeats and raises the signal again
}

void handle_bus_errors() {
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, &handled_before);
}

}  // namespace

int map_file(const std::string& path, Mapping& mapping) {
  static const bool handled = (handle_bus_errors(), true);
  static_cast<void>(handled);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  struct stat status {};
  int error = ::fstat(descriptor, &status) == 0 ? 0 : errno;
  if (error == 0 && status.st_size > 0) {
    const auto size = static_cast<std::size_t>(status.st_size);
    void* data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
    if (data != MAP_FAILED) {
      MappedRange* range = take_range();
      range->lost = false;
      range->begin = static_cast<char*>(data);
      range->size = size;
      mapping = {static_cast<const char*>(data), size, descriptor, range};
      return 0;
    }
    error = errno;
  }
  ::close(descriptor);
  return error != 0 ? error : ENOTSUP;  // an empty file cannot be mapped
}

void unmap(Mapping& mapping) noexcept {
  if (mapping.range) {
    mapping.range->size = 0;
    mapping.range->taken = false;
  }
  if (mapping.data) ::munmap(const_cast<char*>(mapping.data), mapping.size);
  if (mapping.descriptor >= 0) ::close(mapping.descriptor);
  mapping = {};
}

MappingState state_of(const Mapping& mapping) {
  struct stat status {};
  if (::fstat(mapping.descriptor, &status) == 0 && static_cast<std::size_t>(status.st_size) < mapping.size)
    return MappingState::kShortened;
  return mapping.range->lost ? MappingState::kUnreadable : MappingState::kWhole;
}

void expect_access(const Mapping& mapping, Access access) {
  ::madvise(const_cast<char*>(mapping.data), mapping.size,
            access == Access::kSequential ? MADV_SEQUENTIAL : MADV_RANDOM);
}

void give_back(const Mapping& mapping, std::size_t first, std::size_t size) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t begin = first / page * page, end = first + size;
  ::madvise(const_cast<char*>(mapping.data) + begin, end - begin, MADV_DONTNEED);
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

int map_file(const std::string&, Mapping&) { return ENOTSUP; }
void unmap(Mapping&) noexcept {}
MappingState state_of(const Mapping&) { return MappingState::kWhole; }
void expect_access(const Mapping&, Access) {}
void give_back(const Mapping&, std::size_t, std::size_t) {}

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
