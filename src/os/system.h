// The only interface to the operating system beyond the C++ library; only system.cpp includes system headers.
// Without POSIX (or with HEADLIGHT_NO_POSIX), every function returns a harmless default.
// Error codes are errno values; 0 is success.
#pragma once

#include <cstddef>
#include <cstdio>
#include <span>
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

// Opens a file for read_at. Returns -1 if that fails, and always without POSIX.
int open_file(const std::string& path);
// Reads from offset `first` on until `to` is full or the file ends; `got` is the number of bytes.
int read_at(int descriptor, std::size_t first, std::span<char> to, std::size_t& got);

}  // namespace headlight::system
