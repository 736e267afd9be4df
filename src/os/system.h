// All that this library asks of the operating system beyond the C++ library: system.cpp is the one file that includes
// the system's own headers. Where the system is not POSIX, or is said not to be (HEADLIGHT_NO_POSIX), every function gives
// the harmless answer. Errors are numbers as in errno; 0: none.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "headlight/base/text.h"

namespace headlight::system {

long process_id();

int flush_to_disk(std::FILE* stream);
// A rename is safe only once its folder is on the disk. A folder that may not be read cannot be flushed.
int flush_directory(const std::string& path);
bool may_write(const std::string& path);

bool is_terminal(int descriptor);
struct Window {
  int columns = 0, rows = 0;  // 0: unknown
};
Window window();
// To standard error, and safe in a signal handler.
void write_to_terminal(std::string_view codes);

// A lock of the directory itself, so that no file stays behind: EWOULDBLOCK when another holds it; a file system without
// locks counts as 0. The descriptor is to be closed either way; -1: there is none.
int lock_directory(const std::string& path, int& descriptor);
void close_descriptor(int descriptor);

// The bytes of a file as memory that the system fills when it is looked at, and may take back. Where it cannot fill it,
// because the file became shorter or its disk fails, all of the mapping turns into zeros, and says so when asked: the signal
// for that (SIGBUS), which otherwise ends the program, is handled from the first mapping on. Signals that are not about a
// mapping go where they went before.
struct MappedRange;  // what the signal handler knows of a mapping
struct Mapping {
  const char* data = nullptr;
  std::size_t size = 0;
  int descriptor = -1;  // open for as long as the mapping lasts
  MappedRange* range = nullptr;
};
// Error: what open or mmap say; ENOTSUP where there is no such thing.
int map_file(const std::string& path, Mapping& mapping);
void unmap(Mapping& mapping) noexcept;
// To be asked after a look: whether what was seen was the file's.
enum class MappingState { kWhole, kShortened, kUnreadable };
MappingState state_of(const Mapping& mapping);
enum class Access { kSequential, kRandom };
// Hints. / That these bytes are not needed for a while: their memory is given back.
void expect_access(const Mapping& mapping, Access access);
void give_back(const Mapping& mapping, std::size_t first, std::size_t size);

}  // namespace headlight::system
