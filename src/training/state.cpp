// Checksummed safetensors files and numbers in their metadata.
#include "training/state.h"

#include <algorithm>
#include <charconv>

#include "headlight/base/error.h"
#include "headlight/base/random.h"

namespace headlight {

namespace {

template <class T>
T metadata_number(const SafeTensors& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end())
    fail(file.source(), ": metadata \"", key, "\" is missing; use a file that Headlight saved");
  T value{};
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    fail(file.source(), ": metadata \"", key, "\" is not a number; restore a copy");
  return value;
}

constexpr const char* kChecksum = "checksum";

// Hashes eight bytes at a time in little-endian order, so that the result does not depend on the machine.
std::uint64_t mixed(std::uint64_t hash, const std::byte* bytes, std::size_t count) {
  const auto word_at = [&](std::size_t i, std::size_t size) {
    std::uint64_t word = 0;
    for (std::size_t k = 0; k < size; ++k) word |= std::to_integer<std::uint64_t>(bytes[i + k]) << (8 * k);
    return word;
  };
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) hash = mix64(hash ^ word_at(i, 8));
  return mix64(mix64(hash ^ word_at(i, count - i)) ^ count);
}

std::uint64_t mixed(std::uint64_t hash, const std::string& text) {
  return mixed(hash, reinterpret_cast<const std::byte*>(text.data()), text.size());
}

std::uint64_t checksum_of(std::span<const TensorView> tensors, const Metadata& metadata) {
  std::vector<const TensorView*> sorted;
  for (const TensorView& tensor : tensors) sorted.push_back(&tensor);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->name < b->name; });
  std::uint64_t hash = 0;
  for (const auto& [key, value] : metadata)
    if (key != kChecksum) hash = mixed(mixed(hash, key), value);
  for (const TensorView* tensor : sorted)
    hash = mixed(mixed(hash, tensor->name), tensor->data.data(), tensor->data.size());
  return hash;
}

}  // namespace

void save_checked(const std::string& path, std::span<const TensorView> tensors, Metadata metadata) {
  metadata[kChecksum] = std::to_string(checksum_of(tensors, metadata));
  save_safetensors(path, tensors, metadata);
}

SafeTensors load_checked(const std::string& path) {
  SafeTensors file = SafeTensors::load(path);
  if (metadata_uint64(file, kChecksum) != checksum_of(file.tensors(), file.metadata()))
    fail(path, ": the file is damaged: its contents do not match its checksum; restore a copy, or train again");
  return file;
}

void check_size(const SafeTensors& file, const std::string& prefix, const ModelCost& cost) {
  double found = 0;
  for (const TensorView& view : file.tensors())
    if (view.name.rfind(prefix, 0) == 0)
      found += static_cast<double>(view.data.size()) / static_cast<double>(bytes_of(view.type));
  if (found < cost.parameters)
    fail(file.source(), ": holds ", found, " weights, but the model of config.json has ", cost.parameters,
         " or more; restore the file that belongs to config.json");
}

Index metadata_whole(const SafeTensors& file, const std::string& key) { return metadata_number<Index>(file, key); }
std::uint64_t metadata_uint64(const SafeTensors& file, const std::string& key) {
  return metadata_number<std::uint64_t>(file, key);
}
double metadata_real(const SafeTensors& file, const std::string& key) { return metadata_number<double>(file, key); }

std::string real_text(double value) {
  char buffer[40];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

}  // namespace headlight
