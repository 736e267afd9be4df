// Symmetric int8 quantization of weight matrices by groups, bfloat16 copies, and rounding a model to either.
#include "models/quantize.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "headlight/base/threads.h"
#include "kernels/bf16.h"
#include "kernels/kernels.h"

namespace headlight {

using kernels::kInt8Group;

namespace {

// Quantizes one group of `count` weights; returns its scale.
float quantize_group(Index count, const float* w, std::int8_t* q) {
  float largest = 0;
  for (Index i = 0; i < count; ++i) largest = std::isfinite(w[i]) ? std::max(largest, std::abs(w[i])) : INFINITY;
  // A non-finite weight makes its whole group NaN, so that the damage shows in the output.
  if (std::isinf(largest)) return std::numeric_limits<float>::quiet_NaN();
  const float scale = largest / 127;
  if (scale == 0) return 0;
  for (Index i = 0; i < count; ++i)
    q[i] = static_cast<std::int8_t>(std::clamp(std::nearbyint(w[i] / scale), -127.0f, 127.0f));
  return scale;
}

}  // namespace

QuantizedMatrix quantize(const Tensor& w) {
  if (w.rank() != 2 || w.dtype() != DType::kFloat32)
    fail("quantize: got ", w.dtype(), " ", w.shape(), "; pass a float32 matrix");
  QuantizedMatrix m;
  m.rows = w.size(0), m.columns = w.size(1);
  m.groups = (m.columns + kInt8Group - 1) / kInt8Group;
  m.values.assign(static_cast<std::size_t>(m.rows * m.groups * kInt8Group), 0);
  m.scales.resize(static_cast<std::size_t>(m.rows * m.groups));
  const float* from = w.data<float>();
  for (Index r = 0; r < m.rows; ++r)
    for (Index g = 0; g < m.groups; ++g)
      m.scales[static_cast<std::size_t>(r * m.groups + g)] =
          quantize_group(std::min(kInt8Group, m.columns - g * kInt8Group), from + r * m.columns + g * kInt8Group,
                         m.values.data() + (r * m.groups + g) * kInt8Group);
  return m;
}

Tensor dequantize(const QuantizedMatrix& m) {
  Tensor w = Tensor::empty({m.rows, m.columns}, DType::kFloat32);
  float* to = w.data<float>();
  for (Index r = 0; r < m.rows; ++r)
    for (Index i = 0; i < m.columns; ++i)
      to[r * m.columns + i] = m.scales[static_cast<std::size_t>(r * m.groups + i / kInt8Group)] *
                              static_cast<float>(m.values[static_cast<std::size_t>(r * m.groups * kInt8Group + i)]);
  return w;
}

PoolVector<std::uint16_t> bf16_of(const Tensor& w) {
  const float* from = w.data<float>();
  PoolVector<std::uint16_t> rounded(static_cast<std::size_t>(w.numel()));
  std::transform(from, from + w.numel(), rounded.begin(), kernels::to_bf16);
  return rounded;
}

void round_weights(TransformerLM& model, WeightFormat format) {
  const auto round = [&](Tensor weight) {
    if (format == WeightFormat::kInt8) weight.copy_from(dequantize(quantize(weight)));
    if (format != WeightFormat::kBf16) return;
    float* to = weight.data<float>();
    std::transform(to, to + weight.numel(), to, [](float x) { return kernels::from_bf16(kernels::to_bf16(x)); });
  };
  for (Child<TransformerBlock>& block : model.blocks) {
    round(block->attn->qkv->weight);
    round(block->attn->out->weight);
    if (!block->ff) continue;
    const std::optional<FeedForwardStep> step = block->ff->step();
    if (!step)
      fail("rounded weights: the feed-forward part ", model.config().feed_forward,
           " does not describe its step; use float32 weights");
    round(step->up->weight);
    if (step->gate && step->gate != step->up) round(step->gate->weight);
    round(step->down->weight);
  }
  round(model.lm_head ? (*model.lm_head)->weight : model.tokens->weight);
}

}  // namespace headlight
