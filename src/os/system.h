// The only interface to the operating system beyond the C++ library; only system.cpp includes system headers.
// Without POSIX (or with HEADLIGHT_NO_POSIX), every function returns a harmless default.
// Error codes are errno values; 0 is success.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "headlight/base/text.h"

namespace headlight::system {

long process_id();

int flush_to_disk(std::FILE* stream);
// Flushes a folder, which makes a rename in it durable. Returns 0 without flushing if the folder cannot be opened.
int flush_directory(const std::string& path);
bool may_write(const std::string& path);

bool is_terminal(int descriptor);
struct Window {
  int columns = 0, rows = 0;  // 0: unknown
};
Window window();
// Writes to standard error; safe in a signal handler.
void write_to_terminal(std::string_view codes);

// Locks the directory itself, so that no lock file is left behind. Returns EWOULDBLOCK if another process holds the
// lock, and 0 if the file system has no locks. The caller closes the descriptor even after an error, unless it is -1.
int lock_directory(const std::string& path, int& descriptor);
void close_descriptor(int descriptor);

// A file mapped into memory. If the file is truncated or its disk fails, access to a missing page raises SIGBUS. A
// handler, installed by the first map_file, then replaces the whole mapping by zeros, and state_of reports the loss.
// SIGBUS outside of a mapping goes to the previous handler.
struct MappedRange;  // the signal handler's entry for a mapping
struct Mapping {
  const char* data = nullptr;
  std::size_t size = 0;
  int descriptor = -1;  // open until unmap
  MappedRange* range = nullptr;
};
// Errors: those of open and mmap; ENOTSUP for an empty file or without POSIX.
int map_file(const std::string& path, Mapping& mapping);
void unmap(Mapping& mapping) noexcept;
// Callers read from the mapping first and then ask for its state: after kWhole, the bytes read were those of the file.
enum class MappingState { kWhole, kShortened, kUnreadable };
MappingState state_of(const Mapping& mapping);
enum class Access { kSequential, kRandom };
// Hint: how the bytes will be accessed.
void expect_access(const Mapping& mapping, Access access);
// Hint: these bytes are not needed for a while, so that the system may release their memory.
void give_back(const Mapping& mapping, std::size_t first, std::size_t size);

}  // namespace headlight::system
