// safetensors: named tensors in one file, which many other programs read and write.
//
//   8 bytes           N, little-endian
//   N bytes           JSON: {"__metadata__":{...},"name":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},...}
//   all that remains  the tensors, row-major, little-endian, at their offsets, without gaps
//
// Reading trusts nothing: a file is refused, with a line that says why, unless
//   1. it has at least 8 bytes,
//   2. N <= 100,000,000,
//   3. 8 + N is within the file,
//   4. the header is UTF-8,
//   5. it is a JSON object with no key twice; each tensor has a known dtype, a shape of unsigned sizes and two unsigned
//      offsets (other keys are ignored); __metadata__ maps strings to strings,
//   6. by offset, the first tensor begins at 0, each begins where the one before it ends, none ends before it begins,
//   7. the number of elements and of bits overflows for none,
//   8. each has as many bytes as its dtype and shape need,
//   9. the last one ends where the file ends.
// No tensors, rank 0, sizes of 0 and NaN are all fine. Memory taken is the file's size and a bounded multiple of N.
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

// How the elements of a stored tensor are written, under the format's own names.
enum class StoredType {
  kBool,  // one byte
  kU8,
  kI8,
  kF8_E5M2,  // 8-bit float: 5 bits of exponent, 2 of mantissa
  kF8_E4M3,  // 4 and 3; no infinity, one NaN (Micikevicius et al. 2022)
  kI16,
  kU16,
  kF16,
  kBF16,  // the upper half of an F32
  kI32,
  kU32,
  kF32,
  kF64,
  kI64,
  kU64,
};
// "F32"
std::string to_text(StoredType type);
// Bytes an element takes: 1, 2, 4 or 8.
Index bytes_of(StoredType type);

// A stored tensor: a name, and bytes that lie elsewhere. Not aligned in general: copy, do not cast.
struct TensorView {
  std::string name;
  StoredType type = StoredType::kF32;
  std::vector<Index> shape;  // [] is a scalar; any rank
  std::span<const std::byte> data;
};

// A view of values in memory, to be saved. T is float, double, std::int32_t, std::int64_t, std::uint8_t or
// std::uint64_t. The values must outlive the view.
template <class T>
TensorView tensor_view(std::string name, std::vector<Index> shape, std::span<const T> values);

// Copies the values of a stored tensor of any floating type, converted. `source` begins the errors: another number of
// elements, another type.
void copy_values(const TensorView& tensor, const std::string& source, std::span<float> values);

using Metadata = std::map<std::string, std::string>;

// A file read into memory. Copies are cheap and share it; views are good as long as one of them lives.
class SafeTensors {
 public:
  // Errors: those of read_file, and the nine checks above; the line begins with the path.
  static SafeTensors load(const std::string& path);
  // The same from bytes; `source` stands for the path.
  static SafeTensors parse(std::string bytes, const std::string& source);

  // In the order in which they lie in the file (those without bytes by name).
  const std::vector<TensorView>& tensors() const { return file_->tensors; }
  std::vector<std::string> names() const;
  const Metadata& metadata() const { return file_->metadata; }
  const std::string& source() const { return file_->source; }

  // A tensor by name; a null pointer / an error if there is none.
  const TensorView* find(std::string_view name) const;
  const TensorView& at(std::string_view name) const;

  // Copies the values of a tensor. Into floats and doubles: from any of the floating types, converted (F64 into float
  // rounds to nearest). Into whole numbers: from exactly that type.
  // Errors: no such tensor, another number of elements, another type; names the file and the tensor.
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
    std::map<std::string_view, std::size_t> index;  // name to place in `tensors`
  };
  explicit SafeTensors(std::shared_ptr<const File> file) : file_(std::move(file)) {}

  std::shared_ptr<const File> file_;
};

// Writes a file, through AtomicFile. The same tensors and metadata give the same bytes, in whatever order they come: the
// tensors are sorted by size of element, largest first, then by name, and spaces pad the header to a multiple of 8, so that
// every tensor is aligned for its type.
// Errors: a name twice or "__metadata__", names or metadata that are not UTF-8, data that does not match dtype and
// shape, a header past 100,000,000 bytes; and those of AtomicFile.
void save_safetensors(const std::string& path, std::span<const TensorView> tensors, const Metadata& metadata = {});

}  // namespace headlight
