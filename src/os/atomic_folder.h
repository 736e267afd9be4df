// A folder of files that appears whole or not at all.
#pragma once

#include <functional>
#include <string>

namespace headlight {

// Calls write(folder) with a new, empty folder, and moves what is there then to `path`: a new folder takes that name, and in
// one that exists files of the same names are replaced. If write() throws, or the disk is full, nothing is left behind and
// what was at `path` is as before; a line of error that names the new folder names `path` instead.
// Errors: a file is in the way, permission denied; those of write().
void write_folder_atomically(const std::string& path, const std::function<void(const std::string& folder)>& write);

}  // namespace headlight
