// Folders and what is in them; a lock on a folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headlight {

// Whether there is anything at the path (a link counts as what it points to) / a directory. Never an error.
bool path_exists(const std::string& path);
bool is_directory(const std::string& path);
// Creates a directory and those above it; nothing to do is fine. Error: a file is in the way, permission denied.
void make_directories(const std::string& path);
// The files in a directory and all below it, as paths beginning with `path`, sorted. Links to directories are not
// followed, and hidden files and directories (".name") are left out, as are devices and pipes.
// Errors: not a directory, permission denied, more than a million files.
std::vector<std::string> files_below(const std::string& path);
// The current folder; "" where that is unknown. / Whether a path begins at the root, not at the current folder.
std::string current_folder();
bool is_absolute_path(const std::string& path);

// A directory that one process at a time may write: held from construction to destruction, and never longer than the
// process lives, whatever ends it. Nothing is left in the directory. Where the system or the file system has no locks this
// does nothing. Errors: another holds it ("<path>: <busy>"), no such directory.
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

// The names in a directory, sorted. Error: not a directory, permission denied.
std::vector<std::string> list_directory(const std::string& path);
// Removes a file or an empty directory; false if there was none. Errors: permission denied, directory not empty.
bool remove_file(const std::string& path);

}  // namespace headlight
