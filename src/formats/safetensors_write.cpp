// The safetensors writer.
#include <algorithm>

#include "formats/json.h"
#include "formats/safetensors_format.h"
#include "headlight/base/error.h"
#include "headlight/formats/safetensors.h"
#include "os/file.h"

namespace headlight {

namespace {

void check_tensor(const std::string& path, const TensorView& tensor) {
  if (tensor.name == kSafeTensorsMetadata)
    fail(path, ": a tensor cannot be named \"", kSafeTensorsMetadata, "\"; rename it");
  std::vector<std::uint64_t> shape;
  for (const Index size : tensor.shape) {
    if (size < 0) fail(path, ": tensor \"", tensor.name, "\" has a negative size: ", shape_text(tensor.shape));
    shape.push_back(static_cast<std::uint64_t>(size));
  }
  const auto needed = bytes_needed(tensor.type, shape);
  if (!needed || *needed != tensor.data.size())
    fail(path, ": tensor \"", tensor.name, "\": ", tensor.type, " ", shape_text(tensor.shape), " needs ",
         needed ? cat(*needed) : "too many", " bytes, but has ", tensor.data.size());
}

// Sorts tensors by element size, largest first. The header is padded to 8 bytes, so every tensor is then aligned for
// its type.
std::vector<const TensorView*> in_order(const std::string& path, std::span<const TensorView> tensors) {
  std::vector<const TensorView*> order;
  for (const TensorView& tensor : tensors) {
    check_tensor(path, tensor);
    order.push_back(&tensor);
  }
  std::sort(order.begin(), order.end(), [](const TensorView* a, const TensorView* b) { return a->name < b->name; });
  for (std::size_t i = 1; i < order.size(); ++i)
    if (order[i - 1]->name == order[i]->name)
      fail(path, ": two tensors are named \"", order[i]->name, "\"; rename one");
  std::stable_sort(order.begin(), order.end(),
                   [](const TensorView* a, const TensorView* b) { return bytes_of(a->type) > bytes_of(b->type); });
  return order;
}

std::string header_text(const std::string& path, const std::vector<const TensorView*>& order,
                        const Metadata& metadata) {
  Json::Object header;
  if (!metadata.empty()) {
    Json::Object pairs;
    for (const auto& [key, value] : metadata) pairs.push_back({key, value});
    header.push_back({kSafeTensorsMetadata, std::move(pairs)});
  }
  std::uint64_t offset = 0;
  for (const TensorView* tensor : order) {
    const std::uint64_t end = offset + tensor->data.size();
    Json::Object entry;
    entry.push_back({"dtype", to_text(tensor->type)});
    entry.push_back({"shape", Json::Array(tensor->shape.begin(), tensor->shape.end())});
    entry.push_back({"data_offsets", Json::Array{offset, end}});
    header.push_back({tensor->name, std::move(entry)});
    offset = end;
  }
  std::string text = json_text(std::move(header));
  text.append((8 - text.size() % 8) % 8, ' ');
  if (text.size() > kSafeTensorsMaxHeader)
    fail(path, ": the header would take ", text.size(), " bytes; at most ", kSafeTensorsMaxHeader,
         " are allowed; save fewer tensors or less metadata");
  return text;
}

}  // namespace

void save_safetensors(const std::string& path, std::span<const TensorView> tensors, const Metadata& metadata) {
  const std::vector<const TensorView*> order = in_order(path, tensors);
  const std::string header = header_text(path, order, metadata);
  std::string length;
  for (int i = 0; i < 8; ++i) length += static_cast<char>(header.size() >> (8 * i) & 0xFF);

  std::vector<std::string_view> pieces{length, header};
  for (const TensorView* tensor : order) pieces.push_back(characters(tensor->data));
  write_file_atomically(path, pieces);
}

}  // namespace headlight
