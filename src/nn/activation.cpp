// The table of activations.
#include "base/part_table.h"
#include "headlight/nn/feed_forward.h"
#include "nn/feed_forward_parts.h"

namespace headlight {

namespace {

template <kernels::Unary kernel>
void values(Index n, const float* x, float* y) {
  kernels::active<float>().unary(kernel, n, x, y);
}

PartTable<ActivationKind>& table() {
  using kernels::Unary;
  static PartTable<ActivationKind> activations(
      "activation", "activation",
      {{"gelu", "tanh form", [](const Tensor& x) { return gelu(x, Gelu::kTanh); }, values<Unary::kGeluTanh>},
       {"gelu-erf", "", [](const Tensor& x) { return gelu(x, Gelu::kErf); }, values<Unary::kGeluErf>},
       {"relu", "", [](const Tensor& x) { return relu(x); }, values<Unary::kRelu>},
       {"silu", "", [](const Tensor& x) { return silu(x); }, values<Unary::kSilu>}});
  return activations;
}

}  // namespace

std::optional<kernels::Unary> kernel_of(const ActivationKind& activation) {
  using kernels::Unary;
  if (activation.values == values<Unary::kGeluTanh>) return Unary::kGeluTanh;
  if (activation.values == values<Unary::kGeluErf>) return Unary::kGeluErf;
  if (activation.values == values<Unary::kSilu>) return Unary::kSilu;
  return {};
}

const std::deque<ActivationKind>& activation_kinds() { return table().all(); }
const ActivationKind& find_activation(const std::string& name) { return table().get(name); }
void register_activation(ActivationKind kind) { table().add(std::move(kind), &ActivationKind::apply); }

}  // namespace headlight
