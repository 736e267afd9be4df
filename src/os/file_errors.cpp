// Reasons and advice for the errno values of file operations.
#include "os/file_errors.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "headlight/base/error.h"

namespace headlight {

std::string parent_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string read_reason(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return "no such file; check the spelling and the current folder";
    case EISDIR:
      return "it is a directory; name a file";
    case EACCES:
    case EPERM:
      return "permission denied; ask the owner for read permission";
    case ENOMEM:
      return "it does not fit in memory; use a smaller file";
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
      return "permission denied; choose a place with write permission";
    case EROFS:
      return "the file system is read-only; choose another place";
    case ENOSPC:
      return "the disk is full; free some space or choose another place";
#ifdef EDQUOT
    case EDQUOT:
      return "your disk quota is used up; free some space or choose another place";
#endif
    case EFBIG:
      return "it exceeds the maximum file size (see: ulimit -f)";
    case ENAMETOOLONG:
      return "the name is too long; choose a shorter one";
    default:
      return std::generic_category().message(error);
  }
}

int last_error() { return errno != 0 ? errno : EIO; }

void refuse_reading(const std::string& path, int error) {
  fail(path == "-" ? "standard input" : path.empty() ? "\"\"" : path, ": cannot be read: ", read_reason(error));
}

}  // namespace headlight
