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

#include "headlight/base/threads.h"
#include "models/decoder_state.h"

namespace headlight {

using decoding::active_kernels;

namespace {

// A step is divided into at most one part per 16 KB of weights: reading 16 KB takes about 0.16 us (Zen 4), as long as
// synchronizing two threads.
constexpr Index kPartBytes = Index{1} << 14;

// Part `part` of `parts` of 0..count. A result does not depend on the part it falls into, so the number of parts may
// depend on the number of threads.
struct Range {
  Index begin, end;
  Range(Index count, Index part, Index parts) {
    const Index size = (count + parts - 1) / parts;
    begin = std::min(count, part * size);
    end = std::min(count, begin + size);
  }
};

kernels::Unary function_of(Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return kernels::Unary::kGeluTanh;
    case Activation::kGeluErf:
      return kernels::Unary::kGeluErf;
    case Activation::kRelu:
      return kernels::Unary::kRelu;
    case Activation::kSilu:
      return kernels::Unary::kSilu;
  }
  fail("decoder: unknown activation");
}

}  // namespace

void Decoder::State::link_steps() {
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
      const Range heads(step.layer->heads, part, parts);
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
      if (!own_gate && !step.layer->gated_by_up)
        return active_kernels().unary(function_of(step.layer->f), count, out, out);
      if (own_gate) step.layer->gate.apply(rows.begin, rows.end, in, gates.data());
      active_kernels().unary(function_of(step.layer->f), count, own_gate ? gated : out, gated);
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

// One head of one layer: computes its part of q, k and v from `in`, stores k and v, and writes its part of z.
void Decoder::State::attend(Layer& layer, Index h, const float* in, Index slot, Index keys) {
  const Index d = head_size, part_size = layer.heads * d;
  float* q = packed.data() + h * d;
  float* k = q + part_size;
  float* v = k + part_size;
  for (Index part = 0; part < 3; ++part)
    layer.qkv.apply(part * part_size + h * d, part * part_size + (h + 1) * d, in, packed.data());
  if (rotated.defined()) {
    const float *cosine = rotated.data<float>(), *sine = cosine + d / 2;
    for (float* vector : {q, k})
      for (Index i = 0; i < d / 2; ++i) {
        const float low = vector[i], high = vector[i + d / 2];
        vector[i] = low * cosine[i] - high * sine[i];
        vector[i + d / 2] = low * sine[i] + high * cosine[i];
      }
  }
  float* all_keys = layer.keys.data<float>() + h * d * capacity;
  float* all_values = layer.values.data<float>() + h * capacity * d;
  for (Index i = 0; i < d; ++i) all_keys[i * capacity + slot] = k[i];
  std::copy_n(v, d, all_values + slot * d);

  active_kernels().scale(d, 1 / std::sqrt(static_cast<float>(d)), q, q);
  float* s = scores.data() + h * capacity;
  active_kernels().vecmat(d, keys, q, all_keys, capacity, s);
  if (layer.distance_bias.defined()) {
    // The bias is ordered by falling distance, ending with 0. The slots up to `slot` hold the most recent tokens; once
    // the cache has wrapped around, the slots after it hold the older ones.
    const float* bias = layer.distance_bias.data<float>() + h * capacity;
    active_kernels().accumulate(slot + 1, bias + capacity - 1 - slot, s);
    active_kernels().accumulate(keys - slot - 1, bias, s + slot + 1);
  }
  active_kernels().softmax_row(keys, s, nullptr, s);
  active_kernels().vecmat(keys, d, s, all_values, d, z.data() + h * d);
}

void Decoder::State::read_one(std::int32_t id) {
  const Index slot = position % context, keys = std::min(position + 1, context);
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
