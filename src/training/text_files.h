// Texts from files, folders and standard input, as one.
#pragma once

#include <string>
#include <vector>

#include "data/text_tokens.h"

namespace headlight {

struct TextFiles {
  TextTokens::Result text;
  Index files = 0;                   // that were read
  std::vector<std::string> skipped;  // "notes/face.png (not text)"; only of folders
};

// Adds the paths one after the other to `reader`: a file (a large one is mapped, os/file_bytes.h); "-", standard input; a folder, for the text files in it and
// below, sorted by path (files_below in os/file.h). Of a folder what is empty, has a zero byte in its first megabyte, or is
// not UTF-8 where that is asked for, is skipped; a file that was named must be a text.
// Errors: a path that cannot be read, an empty file, what TextTokens refuses, a folder without any text.
TextFiles read_text_files(const std::vector<std::string>& paths, TextTokens reader);

// A UTF-8 text that is small, such as a grammar, without a byte order mark at its start.
// Errors: as for read_file (os/file.h); another encoding.
std::string read_text_file(const std::string& path);

// Where a relative path leads that was given in `folder`, also from elsewhere: there if something is there, else here.
std::string path_from(const std::string& folder, const std::string& path);

}  // namespace headlight
