// Reads text files and applies the skip rules for folders.
#include "training/text_files.h"

#include <new>
#include <stdexcept>
#include <utility>

#include "base/utf8.h"
#include "headlight/base/error.h"
#include "os/file.h"
#include "os/file_bytes.h"
#include "os/folder.h"

namespace headlight {

namespace {

// Adds one file. Returns "", or the reason why a file in a folder was skipped.
std::string add_one(const std::string& path, TextTokens& reader, bool in_folder) {
  const std::string name = path == "-" ? "standard input" : path;
  FileBytes bytes(path);
  if (bytes.size() == 0) {
    if (in_folder) return "empty";
    fail(name, ": the file is empty; pass a text to train on");
  }
  const std::string encoding = other_encoding(bytes.part(0, kEncodingSample));
  if (in_folder && bytes.part(0, 1 << 20).find('\0') != std::string::npos)
    return encoding.empty() ? "not text" : encoding;
  try {
    reader.add(std::move(bytes), name);
  } catch (const Error& e) {
    if (!in_folder || std::string_view(e.what()).find("is not UTF-8") == std::string_view::npos) throw;
    return encoding.empty() ? "not UTF-8" : encoding;
  }
  return "";
}

}  // namespace

TextFiles read_text_files(const std::vector<std::string>& paths, TextTokens reader) {
  TextFiles result;
  for (const std::string& path : paths) {
    try {
      if (path == "-" || !is_directory(path)) {
        add_one(path, reader, false);
        ++result.files;
        continue;
      }
      const Index before = result.files;
      for (const std::string& file : files_below(path)) {
        const std::string reason = add_one(file, reader, true);
        if (reason.empty()) ++result.files;
        else result.skipped.push_back(cat(file, " (", reason, ")"));
      }
      if (result.files == before) fail(path, ": the folder contains no text file; name another folder or a file");
    } catch (const std::bad_alloc&) {
      fail(path, ": cannot be read: it does not fit in memory; use a smaller text");
    } catch (const std::length_error&) {
      fail(path, ": cannot be read: it does not fit in memory; use a smaller text");
    }
  }
  result.text = reader.finish();
  return result;
}

std::string read_text_file(const std::string& path) {
  std::string text = read_file(path);
  refuse_other_encodings(text, path, path);
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  return text;
}

std::string path_from(const std::string& folder, const std::string& path) {
  if (folder.empty() || path.empty() || path == "-" || is_absolute_path(path) || folder == current_folder())
    return path;
  const std::string there = cat(folder, "/", path);
  return path_exists(there) ? there : path;
}

}  // namespace headlight
