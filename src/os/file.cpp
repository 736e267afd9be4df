// File reading, AtomicFile, and appending to logs.
#include "os/file.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "headlight/base/error.h"
#include "os/file_errors.h"
#include "os/folder.h"
#include "os/system.h"

namespace headlight {

namespace fs = std::filesystem;

// ---- reading --------------------------------------------------------------------------------------------------------

namespace {

// Reads up to `most` + 1 bytes; the extra byte tells the caller that the input is longer than `most`.
std::string read_up_to(const std::string& path, std::size_t most) {
  try {
    FileReader reader(path);
    std::string bytes;
    // One byte more than the size, so that a single read reaches the end. The size is only a hint: files in /proc
    // report 0, and other files grow.
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
    fail(path == "-" ? "standard input" : path, ": cannot be read: more than ", most, " bytes; give a smaller input");
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

// ---- writing --------------------------------------------------------------------------------------------------------

namespace {

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

std::string temporary_path(const std::string& path) { return cat(path, ".tmp.", system::process_id()); }

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
  if (replaces_ && !system::may_write(target_)) give_up(EACCES);
  if (replaces_ && !fs::is_regular_file(status)) {  // a device or a pipe must not be replaced
    errno = 0;
    stream_ = std::fopen(target_.c_str(), "wb");
    if (!stream_) give_up(last_error());
    return;
  }

  // If the name is taken, by another thread or by a dead process that had the same number, append a counter.
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
  if (!stream_) fail(path_, ": cannot be written: the file was committed or abandoned before; create a new AtomicFile");
  if (const int error = write_all(stream_, bytes)) give_up(error);
}

void AtomicFile::commit(const std::function<void(const std::string& temporary)>& check) {
  if (!stream_) fail(path_, ": cannot be written: the file was committed or abandoned before; create a new AtomicFile");
  if (const int error = flush(stream_)) give_up(error);
  if (stream_ == stdout) {
    stream_ = nullptr;
    return;
  }
  if (!temporary_.empty()) {
    if (const int error = system::flush_to_disk(stream_)) give_up(error);
  }
  errno = 0;
  if (std::fclose(std::exchange(stream_, nullptr)) != 0) give_up(last_error());
  if (temporary_.empty()) return;
  if (check) check(temporary_);

  std::error_code error;
  fs::rename(temporary_, target_, error);
  if (error) give_up(error.value());
  temporary_.clear();
  if (const int unflushed = system::flush_directory(parent_of(target_))) {
    fail(path_, ": was written, but may be lost in a power failure: cannot flush the folder to the disk: ",
         std::generic_category().message(unflushed));
  }
}

void AtomicFile::give_up(int error) {
  const bool untouched = replaces_ && (stream_ == nullptr || !temporary_.empty());
  discard();
  fail(path_ == "-" ? "standard output" : path_, ": cannot be written: ", write_reason(target_, error),
       untouched && error != EISDIR ? "; the old file is unchanged" : "");
}

void AtomicFile::discard() noexcept {
  if (stream_ && stream_ != stdout) std::fclose(stream_);
  stream_ = nullptr;
  if (!temporary_.empty()) std::remove(temporary_.c_str());
  temporary_.clear();
}

void write_file_atomically(const std::string& path, std::span<const std::string_view> pieces,
                           const std::function<void(const std::string& temporary)>& check) {
  AtomicFile file(path);
  for (const std::string_view piece : pieces) file.write(piece);
  file.commit(check);
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  write_file_atomically(path, std::span<const std::string_view>(&bytes, 1));
}

void append_line(const std::string& path, std::string_view line) {
  if (line.find('\n') != std::string_view::npos)
    fail(path, ": a log line must not contain a line break; use append_lines()");
  append_lines(path, line);
}

void append_lines(const std::string& path, std::string_view lines) {
  const auto refuse = [&](int error) { fail(path, ": cannot be appended to: ", write_reason(path, error)); };
  if (is_directory(path)) refuse(EISDIR);
  errno = 0;
  const Stream stream(std::fopen(path.c_str(), "a+b"));
  if (!stream) refuse(last_error());
  // Seeking fails on a pipe, which has no incomplete line.
  const bool incomplete_line = std::fseek(stream.get(), -1, SEEK_END) == 0 && std::fgetc(stream.get()) != '\n';
  std::fseek(stream.get(), 0, SEEK_END);
  if (const int error = write_all(stream.get(), cat(incomplete_line ? "\n" : "", lines, "\n"))) refuse(error);
  if (const int error = flush(stream.get())) refuse(error);
}

void flush_file_to_disk(const std::string& path) {
  const auto refuse = [&](int error) { fail(path, ": cannot be flushed to the disk: ", write_reason(path, error)); };
  errno = 0;
  const Stream stream(std::fopen(path.c_str(), "r+b"));
  if (!stream) refuse(last_error());
  if (const int error = system::flush_to_disk(stream.get())) refuse(error);
  if (const int error = system::flush_directory(parent_of(path))) refuse(error);
}

}  // namespace headlight
