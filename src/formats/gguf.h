// Reader and writer of GGUF version 3, the model format of llama.cpp: metadata and tensors in one file.
//
//   "GGUF", u32 3, u64 number of tensors, u64 number of entries
//   entries    name, u32 kind, value              strings are a u64 length and bytes; all numbers are little-endian
//   tensors    name, u32 rank, u64 sizes (the innermost first), u32 type, u64 offset in the data
//   data       begins at the next multiple of 32, as does each tensor
//
// The reader checks that every length fits the rest of the file, that names are unique and UTF-8, and that each tensor
// lies within the data.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "headlight/formats/safetensors.h"

namespace headlight {

using GgufValue = std::variant<std::uint32_t, std::int32_t, float, bool, std::string, std::vector<std::string>,
                               std::vector<std::int32_t>>;
using GgufMetadata = std::vector<std::pair<std::string, GgufValue>>;

// Writes a file atomically (AtomicFile, os/file.h). `check` may read the complete temporary file before the file gets
// its final name. Errors: a tensor that is not F32 or F16 or whose rank is not 1 to 4, a duplicate name, the errors of
// AtomicFile.
void save_gguf(const std::string& path, const GgufMetadata& metadata, std::span<const TensorView> tensors,
               const std::function<void(const std::string& temporary)>& check = {});

// A file in memory. Copies share the data; tensor views are valid as long as one copy lives.
class Gguf {
 public:
  // Error messages begin with the path. Errors: a failed check (see above), a value of a kind that GgufValue lacks, a
  // tensor that is not F32 or F16, such as a quantized tensor.
  static Gguf load(const std::string& path);
  static Gguf parse(std::string bytes, const std::string& source);

  const std::string& source() const { return file_->source; }
  const GgufMetadata& metadata() const { return file_->metadata; }
  const std::vector<TensorView>& tensors() const { return file_->tensors; }
  // A metadata value by name. Errors: no such entry, an entry of another type.
  template <class T>
  const T& at(std::string_view name) const;

 private:
  struct File {
    std::string source;
    std::string bytes;
    GgufMetadata metadata;
    std::vector<TensorView> tensors;
  };
  explicit Gguf(std::shared_ptr<const File> file) : file_(std::move(file)) {}
  const GgufValue& value(std::string_view name) const;
  [[noreturn]] void wrong_kind(std::string_view name) const;

  std::shared_ptr<const File> file_;
};

template <class T>
const T& Gguf::at(std::string_view name) const {
  const T* found = std::get_if<T>(&value(name));
  if (!found) wrong_kind(name);
  return *found;
}

}  // namespace headlight
