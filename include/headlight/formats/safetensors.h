// Reader and writer of safetensors, a common format for named tensors in one file.
//
//   8 bytes           N, little-endian
//   N bytes           JSON: {"__metadata__":{...},"name":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},...}
//   remaining bytes   the tensors, row-major, little-endian, at their offsets, without gaps
//
// The reader checks every file. A file is valid if
//   1. it has at least 8 bytes,
//   2. N <= 100,000,000,
//   3. it has at least 8 + N bytes,
//   4. the header is UTF-8,
//   5. the header is a JSON object without duplicate keys; each tensor has a known dtype, a shape of unsigned integers
//      and two unsigned offsets (other keys are ignored); __metadata__ maps strings to strings,
//   6. sorted by offset, the first tensor begins at 0, each other tensor begins at the end of the previous one, and no
//      tensor ends before it begins,
//   7. no tensor's number of elements or bits overflows 64 bits,
//   8. each tensor has as many bytes as its dtype and shape need,
//   9. the last tensor ends at the end of the file.
// A file without tensors, rank 0, sizes of 0 and NaN are valid.
// The reader needs memory for the file and for a bounded multiple of N.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headlight/base/index.h"

namespace headlight {

// The element types of stored tensors, under the names of the format.
enum class StoredType {
  kBool,  // one byte
  kU8,
  kI8,
  kF8_E5M2,  // 8-bit float: 5 bits of exponent, 2 of mantissa
  kF8_E4M3,  // 8-bit float: 4 bits of exponent, 3 of mantissa; no infinity (Micikevicius et al. 2022)
  kI16,
  kU16,
  kF16,
  kBF16,  // the upper 16 bits of an F32
  kI32,
  kU32,
  kF32,
  kF64,
  kI64,
  kU64,
};
// The name of a type: "F32".
std::string to_text(StoredType type);
// The size of an element in bytes: 1, 2, 4 or 8.
Index bytes_of(StoredType type);

// A named tensor whose bytes are owned elsewhere. The bytes may be unaligned: copy them, do not cast the pointer.
struct TensorView {
  std::string name;
  StoredType type = StoredType::kF32;
  std::vector<Index> shape;  // any rank; empty for a scalar
  std::span<const std::byte> data;
};

// A view of values in memory, for saving. T is float, double, std::int32_t, std::int64_t, std::uint8_t or
// std::uint64_t. The values must outlive the view.
template <class T>
TensorView tensor_view(std::string name, std::vector<Index> shape, std::span<const T> values);

// Converts the values of a tensor of any floating-point type to floats. Errors, which begin with `source`: the number
// of elements differs, a type that is not floating-point.
void copy_values(const TensorView& tensor, const std::string& source, std::span<float> values);

using Metadata = std::map<std::string, std::string>;

// A file in memory. Copies are cheap and share the data; tensor views are valid as long as one copy lives.
class SafeTensors {
 public:
  // Errors, which begin with the path: those of read_file, and each of the nine checks above.
  static SafeTensors load(const std::string& path);
  // The same for bytes in memory; errors begin with `source`.
  static SafeTensors parse(std::string bytes, const std::string& source);

  // Sorted by offset; tensors of equal offset and size 0 are sorted by name.
  const std::vector<TensorView>& tensors() const { return file_->tensors; }
  std::vector<std::string> names() const;
  const Metadata& metadata() const { return file_->metadata; }
  const std::string& source() const { return file_->source; }

  // The tensor called `name`. If there is none, find() returns null and at() throws.
  const TensorView* find(std::string_view name) const;
  const TensorView& at(std::string_view name) const;

  // Copies the values of a tensor. Floats and doubles are converted from any floating-point type (F64 to float rounds
  // to nearest); integers must be stored in exactly the type that is read.
  // Errors, which name the file and the tensor: no such tensor, the number of elements differs, the type differs.
  void read(std::string_view name, std::span<float> values) const;
  void read(std::string_view name, std::span<double> values) const;
  void read(std::string_view name, std::span<std::int32_t> values) const;
  void read(std::string_view name, std::span<std::int64_t> values) const;
  void read(std::string_view name, std::span<std::uint8_t> values) const;
  void read(std::string_view name, std::span<std::uint64_t> values) const;

 private:
  struct File {
    std::string source;
    std::string bytes;
    std::vector<TensorView> tensors;
    Metadata metadata;
    std::map<std::string_view, std::size_t> index;  // from name to index in `tensors`
  };
  explicit SafeTensors(std::shared_ptr<const File> file) : file_(std::move(file)) {}

  std::shared_ptr<const File> file_;
};

// Writes a file atomically. Equal tensors and metadata give equal bytes in any order. Tensors are sorted by element
// size, largest first, then by name. Spaces pad the header to a multiple of 8 bytes, so that every tensor is aligned
// for its type.
// Errors: a duplicate name or the name "__metadata__", names or metadata that are not UTF-8, data that does not match
// dtype and shape, a header of more than 100,000,000 bytes; the errors of AtomicFile.
void save_safetensors(const std::string& path, std::span<const TensorView> tensors, const Metadata& metadata = {});

}  // namespace headlight
