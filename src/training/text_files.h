// Reads files, folders and standard input as one text.
#pragma once

#include <string>
#include <vector>

#include "data/text_tokens.h"

namespace headlight {

struct TextFiles {
  TextTokens::Result text;
  Index files = 0;                   // number of files read
  std::vector<std::string> skipped;  // "notes/face.png (not text)"; only files found in folders
};

// Adds each path to `reader` in order. A path is a file (large files stay on the disk, os/file_bytes.h), "-" for
// standard input, or a folder. A folder stands for all text files below it, sorted by path (files_below() in
// os/file.h). Files in a folder are skipped if they are empty, have a zero byte in the first megabyte, or are not UTF-8
// although `reader` requires UTF-8. The same faults in a named file are errors.
// Errors: an unreadable path, an empty file, input that TextTokens refuses, a folder without text files.
TextFiles read_text_files(const std::vector<std::string>& paths, TextTokens reader);

// Reads a small UTF-8 text, such as a grammar, and removes a byte order mark.
// Errors: those of read_file() (os/file.h); another encoding.
std::string read_text_file(const std::string& path);

// Resolves a relative path against `folder` if it exists there, otherwise against the current folder.
std::string path_from(const std::string& folder, const std::string& path);

}  // namespace headlight
