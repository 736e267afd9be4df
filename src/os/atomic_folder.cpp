// Writes a folder atomically: into a temporary folder beside it, then renamed.
#include "os/atomic_folder.h"

#include <filesystem>
#include <system_error>
#include <vector>

#include "headlight/base/error.h"
#include "os/file.h"
#include "os/file_errors.h"
#include "os/folder.h"

namespace headlight {

namespace fs = std::filesystem;

namespace {

// A temporary folder. The destructor removes the folder with its contents, then those of its parent folders that the
// constructor created, if they are empty.
class Scratch {
 public:
  explicit Scratch(const std::string& path) : path_(path) {
    for (fs::path above = fs::path(path).parent_path(); !above.empty() && !path_exists(above.string());
         above = above.parent_path())
      made_.push_back(above.string());
    std::error_code ignored;
    fs::remove_all(path_, ignored);  // left by a dead process with the same process number
    make_directories(path_);
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    for (const std::string& folder : made_) fs::remove(folder, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

 private:
  std::string path_;
  std::vector<std::string> made_;
};

void rename(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) fail(to, ": cannot be written: ", write_reason(to, error.value()));
}

std::string without_end_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

}  // namespace

void write_folder_atomically(const std::string& path, const std::function<void(const std::string& folder)>& write) {
  const std::string target = without_end_slashes(path);
  const bool exists = is_directory(target);
  if (!exists && path_exists(target)) fail(path, ": cannot be created: a file is in the way; choose another name");
  // If the target exists, write inside the target: its parent folder may be on another disk.
  const std::string folder = temporary_path(exists ? target + "/export" : target);
  try {
    const Scratch scratch(folder);
    write(folder);
    if (!exists) rename(folder, target);
    else
      for (const std::string& name : list_directory(folder)) rename(cat(folder, "/", name), cat(target, "/", name));
  } catch (const Error& e) {
    throw Error(replaced(e.what(), folder, target));
  }
}

}  // namespace headlight
