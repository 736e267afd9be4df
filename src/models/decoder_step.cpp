// Reading one token: a chain of steps over the model's blocks, each divided among the threads.
//
// The threads divide the heads or rows of a step among themselves and wait for each other before the next step:
//
//   attend   z = the heads' outputs, from norm(x)
//   out      x += W_out z                                      these four in each block
//   up       hidden = f(W_up norm(x)), or f(W_gate norm(x)) * W_up norm(x)
//   down     x += W_down hidden
//   logits   W_head norm(x)                                    once, at the end
//
// Every part of a step needs the norm of the whole x. Each thread computes that norm itself, because fetching another
// thread's result would take longer. With post-norm, the next step begins with the norm, and the residual adds to the
// normalized x.
#include <algorithm>
#include <cmath>
#include <limits>

#include "headlight/base/threads.h"
#include "models/decoder_state.h"

namespace headlight {

using decoding::active_kernels;

namespace {

// A step is divided into at most one part per 16 KB of weights: reading 16 KB takes about 0.16 us (Zen 4), as long as
// synchronizing two threads.
constexpr Index kPartBytes = Index{1} << 14;

// Part number `part` of the range 0..count, divided into `parts` parts. Each result is independent of the division, so
// the number of parts may depend on the number of threads.
struct Range {
  Index begin, end;
  Range(Index count, Index part, Index parts) {
    const Index size = (count + parts - 1) / parts;
    begin = std::min(count, part * size);
    end = std::min(count, begin + size);
  }
};

// phi of linear_attention(), in place; below the least denominator the output is 0.
void apply_phi(Index n, float* x) {
  for (Index i = 0; i < n; ++i) x[i] = x[i] > 0 ? x[i] + 1 : std::exp(x[i]);
}
// If phi(q) n is smaller, the output is 0, as in linear_attention().
const float kMinDenominator = std::sqrt(std::numeric_limits<float>::min());

}  // namespace

void Decoder::State::build_steps() {
  steps.clear();
  most_bytes = 0;
  const Normalization* pending = nullptr;  // post-norm: the norm that the next step applies to x
  for (Layer& layer : layers) {
    steps.push_back({Step::Kind::kAttend, &layer, config.pre_norm ? &layer.norm1 : pending, layer.qkv.bytes()});
    steps.push_back({Step::Kind::kOut, &layer, nullptr, layer.out.bytes()});
    pending = &layer.norm1;
    if (!layer.up.weight.defined()) continue;
    steps.push_back({Step::Kind::kUp, &layer, config.pre_norm ? &layer.norm2 : pending,
                     layer.up.bytes() + (layer.gate.weight.defined() ? layer.gate.bytes() : 0)});
    steps.push_back({Step::Kind::kDown, &layer, nullptr, layer.down.bytes()});
    pending = &layer.norm2;
  }
  if (config.pre_norm) pending = norm.gamma.defined() ? &norm : nullptr;
  steps.push_back({Step::Kind::kLogits, nullptr, pending, head.bytes()});
  for (const Step& step : steps) most_bytes = std::max(most_bytes, step.bytes);
}

void Decoder::State::run(const Step& step, Index part, Index parts, Index slot, Index keys) {
  float* own = normal.data() + part * width;
  const auto normalized = [&]() -> const float* {
    if (step.norm) step.norm->apply(x.data(), own);
    else if (!config.pre_norm) std::copy_n(x.data(), width, own);
    else return x.data();
    return own;
  };
  const auto add_rows = [&](const Projection& projection, const float* in) {
    const Range rows(width, part, parts);
    const Index count = rows.end - rows.begin;
    projection.apply(rows.begin, rows.end, in, y.data());
    const float* residual = config.pre_norm ? x.data() : own;
    active_kernels().binary(kernels::Binary::kAdd, count, residual + rows.begin, 1, y.data() + rows.begin, 1,
                            x.data() + rows.begin);
  };
  switch (step.kind) {
    case Step::Kind::kAttend: {
      const float* in = normalized();
      const Range heads(step.layer->key_heads, part, parts);
      for (Index h = heads.begin; h < heads.end; ++h) attend(*step.layer, h, in, slot, keys);
      return;
    }
    case Step::Kind::kOut:
      return add_rows(step.layer->out, z.data());
    case Step::Kind::kUp: {
      const float* in = normalized();
      const Range rows(step.layer->up.rows(), part, parts);
      const Index count = rows.end - rows.begin;
      float *out = hidden.data() + rows.begin, *gated = gates.data() + rows.begin;
      step.layer->up.apply(rows.begin, rows.end, in, hidden.data());
      const bool own_gate = step.layer->gate.weight.defined();
      if (!own_gate && !step.layer->gated_by_up) return step.layer->f(count, out, out);
      if (own_gate) step.layer->gate.apply(rows.begin, rows.end, in, gates.data());
      step.layer->f(count, own_gate ? gated : out, gated);
      return active_kernels().binary(kernels::Binary::kMul, count, gated, 1, out, 1, out);
    }
    case Step::Kind::kDown:
      return add_rows(step.layer->down, hidden.data());
    case Step::Kind::kLogits: {
      const float* in = normalized();
      const Range rows(config.vocabulary, part, parts);
      return head.apply(rows.begin, rows.end, in, logits.data());
    }
  }
}

// S += phi(k)^T v, n += phi(k), for one key head; overwrites k.
void Decoder::State::add_to_sums(Layer& layer, Index key_head, float* k, const float* v) {
  const Index d = head_size;
  float* sums = layer.sums.data<float>() + key_head * d * d;
  apply_phi(d, k);
  for (Index i = 0; i < d; ++i) active_kernels().multiply_add(d, k[i], v, sums + i * d);
  active_kernels().accumulate(d, k, layer.totals.data<float>() + key_head * d);
}

// One key head of one layer, and the heads that share it: computes their parts of q, k and v from `in`, stores k and v,
// and writes their parts of z.
void Decoder::State::attend(Layer& layer, Index key_head, const float* in, Index slot, Index keys) {
  const Index d = head_size, group = layer.heads / layer.key_heads;
  const auto projected = [&](Index part) {  // one head of q, k or v
    layer.qkv.apply(part * d, (part + 1) * d, in, packed.data());
    return packed.data() + part * d;
  };
  const auto rotate = [&](float* vector) {
    if (!rotated.defined()) return;
    const float *cosine = rotated.data<float>(), *sine = cosine + d / 2;
    for (Index i = 0; i < d / 2; ++i) {
      const float low = vector[i], high = vector[i + d / 2];
      vector[i] = low * cosine[i] - high * sine[i];
      vector[i + d / 2] = low * sine[i] + high * cosine[i];
    }
  };
  float* k = projected(layer.heads + key_head);
  float* v = projected(layer.heads + layer.key_heads + key_head);
  rotate(k);
  if (attention.linear) {
    add_to_sums(layer, key_head, k, v);
  } else {
    float* all_keys = layer.keys.data<float>() + key_head * d * capacity;
    for (Index i = 0; i < d; ++i) all_keys[i * capacity + slot] = k[i];
    std::copy_n(v, d, layer.values.data<float>() + (key_head * capacity + slot) * d);
  }
  for (Index h = key_head * group; h < (key_head + 1) * group; ++h) {
    float* q = projected(h);
    rotate(q);
    if (attention.linear) mix_sums(layer, key_head, q, z.data() + h * d);
    else mix_values(layer, h, q, slot, keys, z.data() + h * d);
  }
}

// out = phi(q) S / (phi(q) n).
void Decoder::State::mix_sums(const Layer& layer, Index key_head, float* q, float* out) {
  const Index d = head_size;
  apply_phi(d, q);
  float total = 0;
  active_kernels().vecmat(d, 1, q, layer.totals.data<float>() + key_head * d, 1, &total);
  active_kernels().vecmat(d, d, q, layer.sums.data<float>() + key_head * d * d, d, out);
  active_kernels().scale(d, total < kMinDenominator ? 0 : 1 / total, out, out);
}

// out = softmax(q K^T / sqrt(D)) V over the cached keys.
void Decoder::State::mix_values(const Layer& layer, Index h, float* q, Index slot, Index keys, float* out) {
  const Index d = head_size, key_head = h / (layer.heads / layer.key_heads);
  active_kernels().scale(d, 1 / std::sqrt(static_cast<float>(d)), q, q);
  float* s = scores.data() + h * capacity;
  active_kernels().vecmat(d, keys, q, layer.keys.data<float>() + key_head * d * capacity, capacity, s);
  if (layer.distance_bias.defined()) {
    // The bias is ordered by falling distance, ending with 0. The slots up to `slot` hold the most recent tokens; once
    // the cache has wrapped around, the slots after it hold the older ones.
    const float* bias = layer.distance_bias.data<float>() + h * capacity;
    active_kernels().accumulate(slot + 1, bias + capacity - 1 - slot, s);
    active_kernels().accumulate(keys - slot - 1, bias, s + slot + 1);
  }
  active_kernels().softmax_row(keys, s, nullptr, s);
  active_kernels().vecmat(keys, d, s, layer.values.data<float>() + key_head * d * capacity, d, out);
}

void Decoder::State::read_one(std::int32_t id) {
  const Index slot = position % most_rows, keys = std::min(position + 1, most_rows);
  reserve(keys);
  std::copy_n(model.tokens->weight.value().data<float>() + id * width, width, embedded.data<float>());
  std::copy_n(model.position->embed(embedded, position).data<float>(), width, x.data());
  if (model.position->is_rotary()) rotated = model.position->rotate(unit, position);
  const Index parts = std::clamp<Index>(most_bytes / kPartBytes, 1, thread_count());
  if (static_cast<Index>(normal.size()) < parts * width) normal.resize(static_cast<std::size_t>(parts * width));
  parallel_steps(static_cast<Index>(steps.size()), parts,
                 [&](Index step, Index part) { run(steps[static_cast<std::size_t>(step)], part, parts, slot, keys); });
  ++position;
}

}  // namespace headlight
