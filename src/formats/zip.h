// A zip archive whose files are stored, not compressed: what NumPy calls npz.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace headlight {

struct ZipFile {
  std::string name;
  std::vector<std::string_view> pieces;  // its bytes, one piece after the other; they must outlive the entry
};

// Through AtomicFile. The same files give the same bytes: no times are stored.
// Errors: more than 65,535 files, or 4 GB in all (the format's limits without its extensions); those of AtomicFile.
void save_zip(const std::string& path, std::span<const ZipFile> files);

}  // namespace headlight
