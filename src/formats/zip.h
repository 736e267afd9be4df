// Writer of uncompressed zip archives, the container of NumPy's .npz files.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace headlight {

struct ZipFile {
  std::string name;
  std::vector<std::string_view> pieces;  // contents, concatenated; the bytes must outlive the ZipFile
};

// Writes an archive atomically. Equal files give equal bytes, because every date is fixed to 1980-01-01.
// Errors: more than 65,534 files or 4 GB in total (the limits without zip64); the errors of AtomicFile.
void save_zip(const std::string& path, std::span<const ZipFile> files);

}  // namespace headlight
