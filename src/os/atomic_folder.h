// A folder of files that appears whole or not at all.
#pragma once

#include <functional>
#include <string>

namespace headlight {

// Calls write(folder) with a new, empty folder, then moves the written files to `path`. If `path` does not exist, the
// new folder is renamed to `path`. If `path` exists, its files of the same names are replaced. If write() throws or the
// disk is full, nothing is left behind and `path` is unchanged. Errors that name the temporary folder are reworded to
// name `path`. Errors: a file is in the way, permission denied; those of write().
void write_folder_atomically(const std::string& path, const std::function<void(const std::string& folder)>& write);

}  // namespace headlight
