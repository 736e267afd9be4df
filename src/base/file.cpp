#include "headlight/base/file.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "headlight/base/error.h"

#if (defined(__unix__) || defined(__APPLE__)) && !defined(HEADLIGHT_NO_POSIX)
#define HEADLIGHT_POSIX 1
#include <fcntl.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>
#endif

namespace headlight {

namespace fs = std::filesystem;

namespace {

// ---- what only the system knows ---------------------------------------------------------------------------------------

#ifdef HEADLIGHT_POSIX

long process_id() { return static_cast<long>(::getpid()); }

// A file system that cannot flush (EINVAL, ENOTSUP) has done all it can.
int flush_descriptor(int descriptor) {
#ifdef F_FULLFSYNC  // Apple: fsync alone stops at the drive's cache
  if (::fcntl(descriptor, F_FULLFSYNC) == 0) return 0;
#endif
  while (::fsync(descriptor) != 0) {
    if (errno == EINTR) continue;
    return errno == EINVAL || errno == ENOTSUP || errno == EROFS ? 0 : errno;
  }
  return 0;
}

int flush_to_disk(std::FILE* stream) { return flush_descriptor(::fileno(stream)); }

// A rename is safe only once its folder is on the disk. A folder that may not be read cannot be flushed.
int flush_directory(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return 0;
  const int error = flush_descriptor(descriptor);
  ::close(descriptor);
  return error;
}

bool may_write(const std::string& path) { return ::access(path.c_str(), W_OK) == 0; }

bool is_terminal(int descriptor) { return ::isatty(descriptor) == 1; }

struct Window {
  int columns = 0, rows = 0;
};
Window window() {
  for (const int descriptor : {STDERR_FILENO, STDOUT_FILENO}) {
    winsize size{};
    if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return {size.ws_col, size.ws_row};
  }
  return {};
}

// Not through stdio, whose locks a signal handler must not wait for.
void write_to_terminal(std::string_view codes) {
  const auto written = ::write(STDERR_FILENO, codes.data(), codes.size());
  static_cast<void>(written);  // a terminal that is gone needs no restoring
}

Index peak_memory() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
#ifdef __APPLE__
  return static_cast<Index>(usage.ru_maxrss);  // bytes there, kibibytes elsewhere
#else
  return static_cast<Index>(usage.ru_maxrss) * 1024;
#endif
}

Index whole_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? static_cast<Index>(pages) * size : 0;
}

// Of a directory itself, so that no file stays behind. 0, or EWOULDBLOCK; a file system without locks counts as 0.
int lock_directory(const std::string& path, int& descriptor) {
  descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return errno == EACCES ? 0 : errno;
  int failed = 0;
  do failed = ::flock(descriptor, LOCK_EX | LOCK_NB);
  while (failed != 0 && errno == EINTR);
  return failed != 0 && errno == EWOULDBLOCK ? EWOULDBLOCK : 0;
}
void close_descriptor(int descriptor) { ::close(descriptor); }

#else

int lock_directory(const std::string&, int&) { return 0; }
void close_descriptor(int) {}

// Told apart by when they started, for want of a number.
long process_id() {
  static const auto started = std::chrono::steady_clock::now().time_since_epoch().count();
  return static_cast<long>(started & 0x7FFFFFFF);
}
int flush_to_disk(std::FILE*) { return 0; }
int flush_directory(const std::string&) { return 0; }
bool may_write(const std::string& path) {
  std::error_code ignored;
  return (fs::status(path, ignored).permissions() & fs::perms::owner_write) != fs::perms::none;
}
bool is_terminal(int) { return false; }
struct Window {
  int columns = 0, rows = 0;
};
Window window() { return {}; }
void write_to_terminal(std::string_view codes) { std::fwrite(codes.data(), 1, codes.size(), stderr); }
Index peak_memory() { return 0; }
Index whole_memory() { return 0; }

#endif

// ---- words for errors -------------------------------------------------------------------------------------------------

std::string parent_of(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string read_reason(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return "no such file; check the spelling and the folder you are in";
    case EISDIR:
      return "it is a directory; name a file";
    case EACCES:
    case EPERM:
      return "permission denied; ask its owner for the right to read it";
    case ENOMEM:
      return "it does not fit in memory";
    default:
      return std::generic_category().message(error);
  }
}

std::string write_reason(const std::string& path, int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return cat("there is no folder ", parent_of(path), "; create it first");
    case EISDIR:
      return "it is a directory; name a file";
    case EACCES:
    case EPERM:
      return "permission denied; choose a place where you may write";
    case EROFS:
      return "the file system is read-only; choose another place";
    case ENOSPC:
      return "the disk is full; free some space or choose another place";
#ifdef EDQUOT
    case EDQUOT:
      return "your disk quota is used up; free some space or choose another place";
#endif
    case EFBIG:
      return "it would be larger than a file may be here (see: ulimit -f)";
    case ENAMETOOLONG:
      return "the name is too long; choose a shorter one";
    default:
      return std::generic_category().message(error);
  }
}

// errno is only promised by POSIX; without it there is at least "input/output error".
int last_error() { return errno != 0 ? errno : EIO; }

int write_all(std::FILE* stream, std::string_view bytes) {
  errno = 0;
  if (!bytes.empty() && std::fwrite(bytes.data(), 1, bytes.size(), stream) != bytes.size()) return last_error();
  return 0;
}

int flush(std::FILE* stream) {
  errno = 0;
  return std::fflush(stream) == 0 ? 0 : last_error();
}

struct Closer {
  void operator()(std::FILE* stream) const {
    if (stream && stream != stdin) std::fclose(stream);
  }
};
using Stream = std::unique_ptr<std::FILE, Closer>;

}  // namespace

// ---- reading ----------------------------------------------------------------------------------------------------------

namespace {

[[noreturn]] void refuse_reading(const std::string& path, int error) {
  fail(path == "-" ? "standard input" : path.empty() ? "\"\"" : path, ": cannot be read: ", read_reason(error));
}

// Up to `most` bytes and one more, which tells that there are more.
std::string read_up_to(const std::string& path, std::size_t most) {
  try {
    FileReader reader(path);
    std::string bytes;
    // One more than the size, so that one read meets the end. The size is a hint only: some files (in /proc) say 0,
    // others grow while they are read.
    bytes.reserve(std::min(static_cast<std::size_t>(reader.size()), most) + 1);
    for (;;) {
      const std::size_t have = bytes.size(), room = bytes.capacity() - have;
      const std::size_t wanted = std::min({room > 0 ? room : std::max<std::size_t>(have, 1 << 16), most + 1 - have});
      bytes.resize(have + wanted);
      const std::size_t got = reader.read(std::span(bytes).subspan(have));
      bytes.resize(have + got);
      if (got < wanted || bytes.size() > most) return bytes;
    }
  } catch (const std::bad_alloc&) {
    refuse_reading(path, ENOMEM);
  } catch (const std::length_error&) {
    refuse_reading(path, ENOMEM);
  }
}

}  // namespace

std::string read_file(const std::string& path) { return read_up_to(path, std::string().max_size() - 1); }

std::string read_file(const std::string& path, Index most) {
  std::string bytes = read_up_to(path, static_cast<std::size_t>(most));
  if (static_cast<Index>(bytes.size()) > most)
    fail(path == "-" ? "standard input" : path, ": cannot be read: more than ", most, " bytes");
  return bytes;
}

FileReader::FileReader(std::string path) : path_(std::move(path)) {
  if (path_ != "-" && is_directory(path_)) refuse_reading(path_, EISDIR);
  errno = 0;
  stream_ = path_ == "-" ? stdin : std::fopen(path_.c_str(), "rb");
  if (!stream_) refuse_reading(path_, last_error());
  std::error_code unsized;  // a pipe or a device has no size
  const auto size = fs::is_regular_file(path_, unsized) ? fs::file_size(path_, unsized) : 0;
  if (!unsized) size_ = static_cast<Index>(size);
}

FileReader::~FileReader() {
  if (stream_ && stream_ != stdin) std::fclose(stream_);
}

std::size_t FileReader::read(std::span<char> buffer) {
  std::size_t have = 0;
  while (have < buffer.size()) {
    errno = 0;
    const std::size_t wanted = std::min(buffer.size() - have, std::size_t{1} << 30);
    const std::size_t got = std::fread(buffer.data() + have, 1, wanted, stream_);
    have += got;
    const int error = std::ferror(stream_) ? last_error() : 0;
    if (error == EINTR) std::clearerr(stream_);
    else if (error) refuse_reading(path_, error);
    else if (got < wanted) break;
  }
  return have;
}

// ---- writing ----------------------------------------------------------------------------------------------------------

std::string temporary_path(const std::string& path) { return cat(path, ".tmp.", process_id()); }

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)), target_(path_) {
  if (path_ == "-") {
    stream_ = stdout;
    return;
  }
  if (path_.empty()) fail("\"\": cannot be written: the path is empty; name a file");
  std::error_code ignored;
  if (fs::is_symlink(path_, ignored)) {
    const fs::path real = fs::canonical(path_, ignored);
    if (!ignored) target_ = real.string();
  }
  const fs::file_status status = fs::status(target_, ignored);
  replaces_ = fs::exists(status);
  if (fs::is_directory(status)) give_up(EISDIR);
  if (replaces_ && !may_write(target_)) give_up(EACCES);
  if (replaces_ && !fs::is_regular_file(status)) {  // a device or a pipe must not be replaced
    errno = 0;
    stream_ = std::fopen(target_.c_str(), "wb");
    if (!stream_) give_up(last_error());
    return;
  }

  // A number after the name, should another thread of this process be writing the same file, or a process that had
  // this number once have died in the middle.
  const std::string wanted = temporary_path(target_);
  for (int attempt = 0; attempt < 100 && !stream_; ++attempt) {
    const std::string candidate = attempt == 0 ? wanted : cat(wanted, ".", attempt);
    errno = 0;
    stream_ = std::fopen(candidate.c_str(), "wbx");
    if (stream_) temporary_ = candidate;
    else if (errno != EEXIST) break;
  }
  if (!stream_) give_up(last_error());
  if (replaces_) fs::permissions(temporary_, status.permissions(), ignored);
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::write(std::string_view bytes) {
  if (!stream_) fail(path_, ": cannot be written: it was committed or given up already");
  if (const int error = write_all(stream_, bytes)) give_up(error);
}

void AtomicFile::commit() {
  if (!stream_) fail(path_, ": cannot be written: it was committed or given up already");
  if (const int error = flush(stream_)) give_up(error);
  if (stream_ == stdout) {
    stream_ = nullptr;
    return;
  }
  if (!temporary_.empty()) {
    if (const int error = flush_to_disk(stream_)) give_up(error);
  }
  errno = 0;
  if (std::fclose(std::exchange(stream_, nullptr)) != 0) give_up(last_error());
  if (temporary_.empty()) return;

  std::error_code error;
  fs::rename(temporary_, target_, error);
  if (error) give_up(error.value());
  temporary_.clear();
  if (const int unflushed = flush_directory(parent_of(target_))) {
    fail(path_, ": is written, but may not survive a power failure: the folder could not be flushed to the disk: ",
         std::generic_category().message(unflushed));
  }
}

void AtomicFile::give_up(int error) {
  const bool untouched = replaces_ && (stream_ == nullptr || !temporary_.empty());
  discard();
  fail(path_ == "-" ? "standard output" : path_, ": cannot be written: ", write_reason(target_, error),
       untouched && error != EISDIR ? "; the file that is there is unchanged" : "");
}

void AtomicFile::discard() noexcept {
  if (stream_ && stream_ != stdout) std::fclose(stream_);
  stream_ = nullptr;
  if (!temporary_.empty()) std::remove(temporary_.c_str());
  temporary_.clear();
}

void write_file_atomically(const std::string& path, std::span<const std::string_view> pieces) {
  AtomicFile file(path);
  for (const std::string_view piece : pieces) file.write(piece);
  file.commit();
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  write_file_atomically(path, std::span<const std::string_view>(&bytes, 1));
}

void append_line(const std::string& path, std::string_view line) {
  if (line.find('\n') != std::string_view::npos) fail(path, ": a line of a log cannot contain a line break");
  append_lines(path, line);
}

void append_lines(const std::string& path, std::string_view lines) {
  const auto refuse = [&](int error) { fail(path, ": cannot be added to: ", write_reason(path, error)); };
  if (is_directory(path)) refuse(EISDIR);
  errno = 0;
  const Stream stream(std::fopen(path.c_str(), "a+b"));
  if (!stream) refuse(last_error());
  // Where seeking is impossible (a pipe) there is no half line to look for.
  const bool half_line = std::fseek(stream.get(), -1, SEEK_END) == 0 && std::fgetc(stream.get()) != '\n';
  std::fseek(stream.get(), 0, SEEK_END);
  if (const int error = write_all(stream.get(), cat(half_line ? "\n" : "", lines, "\n"))) refuse(error);
  if (const int error = flush(stream.get())) refuse(error);
}

// ---- folders ----------------------------------------------------------------------------------------------------------

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
  constexpr std::size_t kMost = 1'000'000;
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
    if (files.size() > kMost) fail(path, ": holds more than ", kMost, " files; name a smaller folder");
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
  const int error = lock_directory(path, descriptor_);
  if (error == 0) return;
  if (descriptor_ >= 0) close_descriptor(descriptor_);
  if (error == EWOULDBLOCK) fail(path, ": ", busy);
  fail(path, ": cannot be opened: ", read_reason(error));
}

DirectoryLock::~DirectoryLock() {
  if (descriptor_ >= 0) close_descriptor(descriptor_);
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
  if (error.value() == ENOTDIR) fail(path, ": cannot be listed: it is not a folder");
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

// ---- terminal and process ---------------------------------------------------------------------------------------------

bool stdin_is_terminal() { return is_terminal(0); }
bool stdout_is_terminal() { return is_terminal(1); }
bool stderr_is_terminal() { return is_terminal(2); }

namespace {

int size_or_variable(int size, const char* variable, int otherwise) {
  if (size <= 0) {
    if (const char* text = std::getenv(variable)) size = std::atoi(text);
  }
  return size <= 0 ? otherwise : size;
}

volatile std::sig_atomic_t own_screen = 0;

}  // namespace

int terminal_width() { return std::max(20, size_or_variable(window().columns, "COLUMNS", 80)); }
int terminal_height() { return size_or_variable(window().rows, "LINES", 24); }

void enter_own_screen() {
  if (own_screen) return;
  own_screen = 1;
  write_to_terminal("\033[?1049h\033[?25l");
}

void leave_own_screen() noexcept {
  if (!own_screen) return;
  own_screen = 0;
  write_to_terminal("\033[?25h\033[?1049l");
}

Index peak_memory_bytes() { return peak_memory(); }
Index machine_memory_bytes() { return whole_memory(); }

double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace headlight
