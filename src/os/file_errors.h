// Words for what the system says of files: how to mend it.
#pragma once

#include <string>

namespace headlight {

// After "cannot be read: " / "cannot be written: " (to this path). `error` as in errno.
std::string read_reason(int error);
std::string write_reason(const std::string& path, int error);
// "runs" for runs/model, "." for model.
std::string parent_of(const std::string& path);
// errno is only promised by POSIX; without it there is at least "input/output error".
int last_error();
// Error: always; the line begins with the path.
[[noreturn]] void refuse_reading(const std::string& path, int error);

}  // namespace headlight
