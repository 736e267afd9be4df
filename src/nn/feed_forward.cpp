// The table of feed-forward parts.
#include "headlight/nn/feed_forward.h"

#include <utility>

#include "base/part_table.h"
#include "nn/feed_forward_parts.h"
#include "ops/common.h"

namespace headlight {

namespace {

PartTable<FeedForwardKind>& table() {
  static PartTable<FeedForwardKind> parts(
      "feed-forward part", "feed_forward",
      {{"mlp", "two matrices with --activation between them", 2,
        [](const FeedForwardOptions& o) -> std::unique_ptr<FeedForward> { return std::make_unique<Mlp>(o); }},
       swiglu_kind(),
       relu2_kind()});
  return parts;
}

}  // namespace

Tensor Mlp::operator()(const Tensor& x, const Tensor& residual) const {
  const Tensor h = up(x);  // [B,T,F]
  const auto f = kernel_of(activation_);
  const std::size_t bytes = static_cast<std::size_t>(h.numel()) * element_bytes(h.dtype());
  // Small activations stay in the caches, and storing their derivative is faster.
  if (!f || !h.requires_grad() || h.dtype() != DType::kFloat32 || h.numel() == 0 || bytes < recompute_bytes())
    return finish(down, activation_.apply(h), drop_, residual);  // [B,T,C]
  const double p = drop_.active_probability();
  Tensor y = [&] {
    const LayerScope scope("down");
    const Tensor bias = down->bias ? down->bias->value() : Tensor();
    return activated_linear(*f, h, down->weight, bias, p > 0 ? Tensor() : residual);
  }();
  if (p == 0) return y;
  return residual.defined() ? add_dropped(std::move(y), p, residual) : drop_(y);
}

const std::deque<FeedForwardKind>& feed_forward_kinds() { return table().all(); }
const FeedForwardKind& find_feed_forward(const std::string& name) { return table().get(name); }
void register_feed_forward(FeedForwardKind kind) { table().add(std::move(kind), &FeedForwardKind::make); }

}  // namespace headlight
