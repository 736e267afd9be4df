// Parameter storage: views of tensors, and loading with checks of names, shapes and types.
#include "headlight/training/checkpoint.h"

#include <algorithm>

#include "headlight/base/error.h"

namespace headlight {

namespace {

std::vector<Index> sizes_of(const Shape& shape) {
  std::vector<Index> sizes;
  for (int i = 0; i < shape.rank(); ++i) sizes.push_back(shape[i]);
  return sizes;
}

std::string text_of(const std::vector<Index>& sizes) {
  std::string text = "[";
  for (std::size_t i = 0; i < sizes.size(); ++i) text += cat(i ? "," : "", sizes[i]);
  return text + "]";
}

bool is_floating(StoredType type) {
  switch (type) {
    case StoredType::kF8_E5M2:
    case StoredType::kF8_E4M3:
    case StoredType::kF16:
    case StoredType::kBF16:
    case StoredType::kF32:
    case StoredType::kF64:
      return true;
    default:
      return false;
  }
}

constexpr const char* kRestore = "; restore the file that belongs to config.json";

}  // namespace

TensorView stored(const std::string& name, const Tensor& t) {
  const auto count = static_cast<std::size_t>(t.numel());
  if (t.dtype() == DType::kFloat32) return tensor_view<float>(name, sizes_of(t.shape()), {t.data<float>(), count});
  return tensor_view<double>(name, sizes_of(t.shape()), {t.data<double>(), count});
}

void load_parameters(const SafeTensors& file, std::span<const NamedTensor> parameters, const std::string& prefix) {
  for (const NamedTensor& p : parameters) {
    const TensorView& found = file.at(prefix + p.name);
    if (found.shape != sizes_of(p.value.shape()))
      fail(file.source(), ": ", found.name, " is ", text_of(found.shape), ", but this model needs ", p.value.shape(),
           kRestore);
    if (!is_floating(found.type))
      fail(file.source(), ": ", found.name, " holds ", found.type,
           ", but this model needs a floating type, such as F32", kRestore);
  }
  for (const TensorView& view : file.tensors()) {
    if (view.name.rfind(prefix, 0) != 0) continue;
    const auto known = [&](const NamedTensor& p) {
      return view.name.compare(prefix.size(), std::string::npos, p.name) == 0;
    };
    if (std::none_of(parameters.begin(), parameters.end(), known))
      fail(file.source(), ": ", view.name, " is not a part of this model", kRestore);
  }
  for (const NamedTensor& p : parameters) {
    Tensor value = p.value;
    const auto count = static_cast<std::size_t>(value.numel());
    if (value.dtype() == DType::kFloat32) file.read(prefix + p.name, std::span<float>(value.data<float>(), count));
    else file.read(prefix + p.name, std::span<double>(value.data<double>(), count));
  }
}

}  // namespace headlight
