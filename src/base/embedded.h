// The files of data/ that travel inside the program; src/base/embed.cmake writes the definitions.
#pragma once

#include <cstddef>

namespace headlight::detail {

struct EmbeddedFile {
  const char* name;            // "tales" for data/tales.grammar
  const unsigned char* bytes;  // a 0 stands behind the last
  std::size_t size;
};

extern const EmbeddedFile kEmbeddedFiles[];
extern const std::size_t kEmbeddedFileCount;

}  // namespace headlight::detail
