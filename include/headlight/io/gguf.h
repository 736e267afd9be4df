// GGUF, version 3: the file of llama.cpp and the programs built on it; metadata and tensors in one.
//
//   "GGUF", u32 3, u64 tensors, u64 entries
//   entries    name, u32 kind, value              strings are u64 length and bytes; all little-endian
//   tensors    name, u32 rank, u64 sizes (the innermost first), u32 type, u64 offset
//   data       from the next multiple of 32, each tensor at one
//
// Reading trusts nothing: every length is held against what is left of the file, names must be UTF-8 and come once, and a
// tensor must lie within the data.
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

#include "headlight/io/safetensors.h"

namespace headlight {

using GgufValue = std::variant<std::uint32_t, std::int32_t, float, bool, std::string, std::vector<std::string>,
                               std::vector<std::int32_t>>;
using GgufMetadata = std::vector<std::pair<std::string, GgufValue>>;

// Through AtomicFile. Tensors are F32 or F16, rank 1 to 4. Errors: others, a name twice, and those of AtomicFile.
// `check` reads the file before it takes its name (base/file.h).
void save_gguf(const std::string& path, const GgufMetadata& metadata, std::span<const TensorView> tensors,
               const std::function<void(const std::string& temporary)>& check = {});

// A file read into memory; views are good as long as a copy of it lives.
class Gguf {
 public:
  // Errors: what is said above, values of other kinds than GgufValue has and tensors of other types than F32 and F16 (a
  // quantized file: read the one it was made from); the line begins with the path.
  static Gguf load(const std::string& path);
  static Gguf parse(std::string bytes, const std::string& source);

  const std::string& source() const { return file_->source; }
  const GgufMetadata& metadata() const { return file_->metadata; }
  const std::vector<TensorView>& tensors() const { return file_->tensors; }
  // A value by its name. Errors: none, or of another kind.
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
  [[noreturn]] void another_kind(std::string_view name) const;

  std::shared_ptr<const File> file_;
};

template <class T>
const T& Gguf::at(std::string_view name) const {
  const T* found = std::get_if<T>(&value(name));
  if (!found) another_kind(name);
  return *found;
}

}  // namespace headlight
