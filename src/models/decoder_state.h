// The state of a Decoder: views of the model's weights, the key-value cache, and the buffers of one token.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "headlight/models/transformer.h"
#include "headlight/tensor/pool.h"
#include "kernels/kernels.h"
#include "models/decoder.h"
#include "models/quantize.h"

namespace headlight {

namespace decoding {

inline const kernels::Table<float>& active_kernels() { return kernels::active<float>(); }

// ---- views of the model's layers ----

struct Projection {
  Tensor weight, bias;               // [out,in], and [out] or undefined; both share the model's storage
  std::optional<QuantizedMatrix> q;  // replaces the weight if present
  PoolVector<std::uint16_t> bf16;    // replaces the weight if not empty

  Index rows() const { return weight.size(0); }
  Index columns() const { return weight.size(1); }
  Index row_bytes() const { return q ? q->groups * (kernels::kInt8Group + 4) : (bf16.empty() ? 4 : 2) * columns(); }
  Index bytes() const { return rows() * (row_bytes() + (bias.defined() ? 4 : 0)); }

  // Computes y[begin..end): these rows of the weight times x, plus their bias.
  void apply(Index begin, Index end, const float* x, float* y) const {
    const float* b = bias.defined() ? bias.data<float>() + begin : nullptr;
    if (!bf16.empty())
      return active_kernels().matvec_bf16(end - begin, columns(), bf16.data() + begin * columns(), x, b, y + begin);
    if (!q)
      return active_kernels().matvec(end - begin, columns(), weight.data<float>() + begin * columns(), x, b, y + begin);
    active_kernels().matvec_int8(end - begin, columns(), q->values.data() + begin * q->groups * kernels::kInt8Group,
                                 q->scales.data() + begin * q->groups, x, b, y + begin);
  }
};

struct Normalization {
  Tensor gamma, beta;  // [C]; beta is undefined for RMS norm
  float eps = 0;

  void apply(const float* x, float* y) const {
    float mean = 0, rstd = 0;
    const Index n = gamma.numel();
    if (beta.defined())
      active_kernels().layer_norm(1, n, x, gamma.data<float>(), beta.data<float>(), eps, y, &mean, &rstd);
    else active_kernels().rms_norm(1, n, x, gamma.data<float>(), eps, y, &rstd);
  }
};

struct Layer {
  Index heads;      // H; may differ between layers
  Index key_heads;  // G
  Normalization norm1, norm2;
  Projection qkv, out, up, gate, down;  // up and down are undefined without a feed-forward part, gate without a gate
  bool gated_by_up = false;             // the gate is `up` itself
  void (*f)(Index n, const float* x, float* y) = nullptr;  // the activation of the feed-forward part
  Tensor keys;           // [G,D,S]: transposed, so that the scores are a vector times a matrix
  Tensor values;         // [G,S,D]
  Tensor sums, totals;   // of linear attention instead: S [G,D,D] and n [G,D] (ops/linear_attention.cpp)
  Tensor distance_bias;  // [H,1,S] for a query at the last of S positions; undefined without a bias
};

// One step of reading a token: the work between two synchronization points of the threads (decoder_step.cpp).
struct Step {
  enum class Kind { kAttend, kOut, kUp, kDown, kLogits };
  Kind kind;
  Layer* layer = nullptr;
  const Normalization* norm = nullptr;  // the norm of x with which the step begins; null for none
  Index bytes = 0;                      // the weights that the step reads
};

}  // namespace decoding

struct Decoder::State {
  using Layer = decoding::Layer;
  using Normalization = decoding::Normalization;
  using Projection = decoding::Projection;
  using Step = decoding::Step;

  explicit State(const TransformerLM& model);

  Tensor read_all(std::span<const std::int32_t> ids);
  void read_one(std::int32_t id);
  void build_steps();
  void run(const Step& step, Index part, Index parts, Index slot, Index keys);
  void attend(Layer& layer, Index key_head, const float* in, Index slot, Index keys);
  void mix_values(const Layer& layer, Index head, float* q, Index slot, Index keys, float* out);
  void mix_sums(const Layer& layer, Index key_head, float* q, float* out);
  void check_parameters() const;
  void reset();  // forgets all tokens and releases the cache
  void round_weights(WeightFormat format);
  void reserve(Index tokens);
  void store(Layer& layer, const Tensor& k, const Tensor& v);
  void add_to_sums(Layer& layer, Index key_head, float* k, const float* v);
  void compute_logits(const float* x);
  void check_id(std::int32_t id) const;
  Tensor bias_of(std::size_t layer, Index queries, Index keys) const;
  Index length() const { return std::min(position, context); }

  Projection bind(const Linear& linear) {
    parameters_known += linear.bias ? 2 : 1;
    return {linear.weight.value().detach(), linear.bias ? linear.bias->value().detach() : Tensor(), {}, {}};
  }
  // Error: a norm that does not implement step().
  Normalization bind(const Norm& norm);

  const TransformerLM& model;
  const TransformerConfig& config;
  const Index context, width, head_size;
  AttentionStep attention;  // of every layer
  Index most_rows = 0;      // tokens that the cache can hold: the context, or fewer with a window
  Index max_heads = 0;      // the largest number of heads in a layer
  std::size_t parameters_known = 0;

  std::vector<Layer> layers;
  Normalization norm;
  Projection head;
  std::vector<Step> steps;
  Index most_bytes = 0;  // the largest Step::bytes

  Index position = 0;  // of the next token; the cache holds the last `most_rows` tokens before it
  Index capacity = 0;  // S: allocated tokens; doubles up to `most_rows`
  // With absolute positions: the ids since start(), because a full cache starts again from the last ids. Empty with
  // relative positions.
  std::vector<std::int32_t> history;
  Tensor embedded;  // [1,1,C]
  Tensor unit;      // [1,1,1,D], ones then zeros: rotation maps it to cosines and sines
  Tensor rotated;   // `unit` rotated to this position; undefined unless positions are rotary
  PoolVector<float> x, packed, z, y, hidden, gates, scores, logits;
  PoolVector<float> normal;  // [parts,C]: x normalized, one copy per part of a step
};

}  // namespace headlight
