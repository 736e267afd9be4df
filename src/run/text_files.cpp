#include "headlight/run/text_files.h"

#include <algorithm>
#include <new>
#include <stdexcept>

#include "headlight/base/error.h"
#include "headlight/base/file.h"

namespace headlight {

namespace {

constexpr std::size_t kPiece = 1 << 20;

// "" when the file was read; otherwise why a file of a folder was left out.
std::string read_one(const std::string& path, TextEncoder& encoder, std::vector<char>& buffer, bool in_folder) {
  FileReader reader(path);
  encoder.expect(reader.size());
  std::size_t got = reader.read(buffer);
  if (got == 0) {
    if (in_folder) return "empty";
    fail(path == "-" ? "standard input" : path, ": the file is empty; give a text to learn from");
  }
  if (in_folder && std::find(buffer.begin(), buffer.begin() + static_cast<Index>(got), '\0') !=
                       buffer.begin() + static_cast<Index>(got))
    return "not text";
  encoder.begin(path == "-" ? "standard input" : path);
  try {
    for (; got > 0; got = reader.read(buffer)) encoder.feed({buffer.data(), got});
    encoder.end();
  } catch (const Error& e) {
    if (!in_folder || std::string_view(e.what()).find("is not UTF-8") == std::string_view::npos) throw;
    encoder.undo();
    return "not UTF-8";
  }
  return "";
}

}  // namespace

TextFiles read_text_files(const std::vector<std::string>& paths, TextEncoder encoder) {
  TextFiles result;
  std::vector<char> buffer(kPiece);
  for (const std::string& path : paths) {
    try {
      if (path == "-" || !is_directory(path)) {
        read_one(path, encoder, buffer, false);
        ++result.files;
        continue;
      }
      const Index before = result.files;
      for (const std::string& file : files_below(path)) {
        const std::string reason = read_one(file, encoder, buffer, true);
        if (reason.empty()) ++result.files;
        else result.skipped.push_back(cat(file, " (", reason, ")"));
      }
      if (result.files == before) fail(path, ": there is no text file in this folder");
    } catch (const std::bad_alloc&) {
      fail(path, ": cannot be read: it does not fit in memory, which takes four bytes a character");
    } catch (const std::length_error&) {
      fail(path, ": cannot be read: it does not fit in memory, which takes four bytes a character");
    }
  }
  result.text = encoder.finish();
  return result;
}

std::string path_from(const std::string& folder, const std::string& path) {
  if (folder.empty() || path.empty() || path == "-" || is_absolute_path(path) || folder == current_folder())
    return path;
  const std::string there = cat(folder, "/", path);
  return path_exists(there) ? there : path;
}

}  // namespace headlight
