// Error messages for failed file operations, with advice for the user.
#pragma once

#include <string>

namespace headlight {

// The reason and the advice that follow "cannot be read: " or "cannot be written: ". `error` is an errno value.
std::string read_reason(int error);
std::string write_reason(const std::string& path, int error);
// The folder part of a path: "runs" for runs/model, "." for model.
std::string parent_of(const std::string& path);
// errno, or EIO where the C library did not set errno (only POSIX requires it).
int last_error();
// Always throws "<path>: cannot be read: <reason>".
[[noreturn]] void refuse_reading(const std::string& path, int error);

}  // namespace headlight
