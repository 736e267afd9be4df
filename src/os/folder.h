// Creating, listing and locking of folders.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headlight {

// Whether the path exists, and whether it is a directory. Follows symbolic links. Never fails.
bool path_exists(const std::string& path);
bool is_directory(const std::string& path);
// Creates a directory and its missing parents; does nothing if the directory exists.
// Errors: a file is in the way, permission denied.
void make_directories(const std::string& path);
// Lists the regular files in a directory and its subdirectories, as sorted paths that begin with `path`. Skips hidden
// files and directories (".name"), and links to directories.
// Errors: not a directory, permission denied, more than a million files.
std::vector<std::string> files_below(const std::string& path);
// The current folder, or "" if it is unknown.
std::string current_folder();
bool is_absolute_path(const std::string& path);

// An exclusive lock on a directory, held until destruction or until the process ends in any way. Creates no file. Does
// nothing if the system or the file system has no locks.
// Errors: another process holds the lock ("<path>: <busy>"), no such directory.
class DirectoryLock {
 public:
  DirectoryLock() = default;
  DirectoryLock(const std::string& path, std::string_view busy);
  ~DirectoryLock();
  DirectoryLock(DirectoryLock&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = -1; }
  DirectoryLock& operator=(DirectoryLock&& other) noexcept;

 private:
  int descriptor_ = -1;
};

// The sorted names in a directory. Errors: not a directory, permission denied.
std::vector<std::string> list_directory(const std::string& path);
// Removes a file or an empty directory; returns false if none existed. Errors: permission denied, directory not empty.
bool remove_file(const std::string& path);

}  // namespace headlight
