// The files of data/ that are embedded in the program; src/base/embed.cmake generates the definitions.
#pragma once

#include <cstddef>

namespace headlight::detail {

struct EmbeddedFile {
  const char* name;            // "tales" for data/tales.grammar
  const unsigned char* bytes;  // `size` bytes, followed by a 0
  std::size_t size;
};

extern const EmbeddedFile kEmbeddedFiles[];
extern const std::size_t kEmbeddedFileCount;

}  // namespace headlight::detail
