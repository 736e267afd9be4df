// The .npy header and the .npy and .npz writers.
#include "formats/npy.h"

#include <set>

#include "formats/little_endian.h"
#include "formats/safetensors_format.h"
#include "formats/zip.h"
#include "headlight/base/error.h"
#include "os/file.h"

namespace headlight {

namespace {

// NumPy's type descriptor: byte order, kind, size in bytes.
std::string descriptor(const TensorView& tensor) {
  switch (tensor.type) {
    case StoredType::kBool:
      return "|b1";
    case StoredType::kU8:
      return "|u1";
    case StoredType::kI8:
      return "|i1";
    case StoredType::kI16:
      return "<i2";
    case StoredType::kU16:
      return "<u2";
    case StoredType::kF16:
      return "<f2";
    case StoredType::kI32:
      return "<i4";
    case StoredType::kU32:
      return "<u4";
    case StoredType::kF32:
      return "<f4";
    case StoredType::kF64:
      return "<f8";
    case StoredType::kI64:
      return "<i8";
    case StoredType::kU64:
      return "<u8";
    default:
      fail("tensor \"", tensor.name, "\" holds ", tensor.type, ", which NumPy lacks; convert it to F32");
  }
}

void check_size(const TensorView& tensor) {
  std::vector<std::uint64_t> shape;
  for (const Index size : tensor.shape) shape.push_back(static_cast<std::uint64_t>(size));
  const auto needed = bytes_needed(tensor.type, shape);
  if (!needed || *needed != tensor.data.size())
    fail("tensor \"", tensor.name, "\": ", tensor.type, " ", shape_text(tensor.shape), " does not take ",
         tensor.data.size(), " bytes");
}

}  // namespace

std::string npy_header(const TensorView& tensor) {
  std::string sizes;
  for (const Index size : tensor.shape) sizes += cat(size, ",");
  if (tensor.shape.size() > 1) sizes.pop_back();  // (3,) but (3,4)
  std::string text = cat("{'descr': '", descriptor(tensor), "', 'fortran_order': False, 'shape': (", sizes, "), }");
  constexpr std::size_t kBefore = 10, kAlignment = 64;
  while ((kBefore + text.size() + 1) % kAlignment != 0) text += ' ';
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  append_little(header, static_cast<std::uint16_t>(text.size()));
  return header + text;
}

void save_npy(const std::string& path, const TensorView& tensor) {
  check_size(tensor);
  const std::string header = npy_header(tensor);
  const std::string_view pieces[] = {header, characters(tensor.data)};
  write_file_atomically(path, pieces);
}

void save_npz(const std::string& path, std::span<const TensorView> tensors,
              const std::map<std::string, std::string>& texts) {
  std::vector<std::string> headers;
  headers.reserve(tensors.size());  // no reallocation, because the pieces refer to the strings
  std::vector<ZipFile> files;
  std::set<std::string> names;
  const auto add = [&](ZipFile file) {
    if (!names.insert(file.name).second)
      fail(path, ": two files of the archive are named \"", file.name, "\"; rename one");
    files.push_back(std::move(file));
  };
  for (const TensorView& tensor : tensors) {
    check_size(tensor);
    headers.push_back(npy_header(tensor));
    add({tensor.name + ".npy", {headers.back(), characters(tensor.data)}});
  }
  for (const auto& [name, text] : texts) add({name, {text}});
  save_zip(path, files);
}

}  // namespace headlight
