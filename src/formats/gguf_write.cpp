// The GGUF writer.
#include <set>

#include "formats/gguf.h"
#include "formats/gguf_format.h"
#include "formats/little_endian.h"
#include "formats/safetensors_format.h"
#include "headlight/base/error.h"
#include "os/file.h"

namespace headlight {

namespace {

void append_kind(std::string& bytes, GgufKind kind) { append_little(bytes, static_cast<std::uint32_t>(kind)); }

void append_string(std::string& bytes, std::string_view text) {
  append_little(bytes, static_cast<std::uint64_t>(text.size()));
  bytes += text;
}

struct AppendValue {
  std::string& bytes;

  void operator()(std::uint32_t value) const { number(GgufKind::kU32, value); }
  void operator()(std::int32_t value) const { number(GgufKind::kI32, value); }
  void operator()(float value) const { number(GgufKind::kF32, value); }
  void operator()(bool value) const { number(GgufKind::kBool, std::uint8_t{value}); }
  void operator()(const std::string& text) const {
    append_kind(bytes, GgufKind::kString);
    append_string(bytes, text);
  }
  void operator()(const std::vector<std::string>& texts) const {
    array(GgufKind::kString, texts.size());
    for (const std::string& text : texts) append_string(bytes, text);
  }
  void operator()(const std::vector<std::int32_t>& numbers) const {
    array(GgufKind::kI32, numbers.size());
    for (const std::int32_t value : numbers) append_little(bytes, value);
  }

 private:
  template <class T>
  void number(GgufKind kind, T value) const {
    append_kind(bytes, kind);
    append_little(bytes, value);
  }
  void array(GgufKind kind, std::size_t count) const {
    append_kind(bytes, GgufKind::kArray);
    append_kind(bytes, kind);
    append_little(bytes, static_cast<std::uint64_t>(count));
  }
};

std::string padding(std::uint64_t size) {
  return std::string(static_cast<std::size_t>((kGgufAlignment - size % kGgufAlignment) % kGgufAlignment), '\0');
}

void check_gguf_tensor(const std::string& path, const TensorView& tensor) {
  const std::string which = cat(path, ": tensor \"", tensor.name, "\" ");
  if (tensor.type != StoredType::kF32 && tensor.type != StoredType::kF16)
    fail(which, "holds ", tensor.type, "; convert it to F32 or F16");
  if (tensor.shape.empty() || tensor.shape.size() > 4)
    fail(which, "has rank ", tensor.shape.size(), "; expected 1 to 4");
  std::vector<std::uint64_t> shape;
  for (const Index size : tensor.shape) shape.push_back(static_cast<std::uint64_t>(size));
  const auto needed = bytes_needed(tensor.type, shape);
  if (!needed || *needed != tensor.data.size())
    fail(which, shape_text(tensor.shape), " does not take ", tensor.data.size(), " bytes");
}

}  // namespace

void save_gguf(const std::string& path, const GgufMetadata& metadata, std::span<const TensorView> tensors,
               const std::function<void(const std::string& temporary)>& check) {
  std::set<std::string_view> names;
  std::string header(kGgufMagic);
  append_little(header, kGgufVersion);
  append_little(header, static_cast<std::uint64_t>(tensors.size()));
  append_little(header, static_cast<std::uint64_t>(metadata.size()));
  for (const auto& [name, value] : metadata) {
    if (!names.insert(name).second) fail(path, ": two entries are named \"", name, "\"; rename one");
    append_string(header, name);
    std::visit(AppendValue{header}, value);
  }
  std::uint64_t offset = 0;
  names.clear();
  std::vector<std::string> gaps;
  for (const TensorView& tensor : tensors) {
    check_gguf_tensor(path, tensor);
    if (!names.insert(tensor.name).second) fail(path, ": two tensors are named \"", tensor.name, "\"; rename one");
    append_string(header, tensor.name);
    append_little(header, static_cast<std::uint32_t>(tensor.shape.size()));
    for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size)
      append_little(header, static_cast<std::uint64_t>(*size));
    const GgufTensorType type = tensor.type == StoredType::kF32 ? GgufTensorType::kF32 : GgufTensorType::kF16;
    append_little(header, static_cast<std::uint32_t>(type));
    append_little(header, offset);
    gaps.push_back(padding(tensor.data.size()));
    offset += tensor.data.size() + gaps.back().size();
  }
  header += padding(header.size());

  std::vector<std::string_view> pieces{header};
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    pieces.emplace_back(reinterpret_cast<const char*>(tensors[i].data.data()), tensors[i].data.size());
    pieces.push_back(gaps[i]);
  }
  write_file_atomically(path, pieces, check);
}

}  // namespace headlight
