#include "headlight/generation/decoder.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "base/words.h"
#include "generation/decoder_check.h"
#include "generation/quantize.h"
#include "headlight/autograd/tape.h"
#include "headlight/base/threads.h"
#include "kernels/kernels.h"

namespace headlight {

namespace {

const kernels::Table<float>& fast() { return kernels::active<float>(); }

// A token is divided into parts, for threads, as far as a part of its largest step reads this much: that takes a sixth of a
// microsecond, about as much as for two threads to wait for each other.
constexpr Index kPartBytes = Index{1} << 14;

// Part `part` of `parts` of 0..count. Each of the `count` results is computed in the same way whatever part it falls into,
// so the parts may depend on the number of threads.
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
  fail("decoder: no such activation");
}

// ---- views of the model's layers ----

struct Projection {
  Tensor weight, bias;               // [out,in] and [out] or not defined; the model's own
  std::optional<QuantizedMatrix> q;  // used instead of the weight

  Index rows() const { return weight.size(0); }
  Index columns() const { return weight.size(1); }
  Index row_bytes() const { return q ? q->groups * (kernels::kInt8Group + 4) : 4 * columns(); }
  Index bytes() const { return rows() * (row_bytes() + (bias.defined() ? 4 : 0)); }

  // y[begin..end) = those rows times x, plus their bias.
  void apply(Index begin, Index end, const float* x, float* y) const {
    const float* b = bias.defined() ? bias.data<float>() + begin : nullptr;
    if (!q) return fast().matvec(end - begin, columns(), weight.data<float>() + begin * columns(), x, b, y + begin);
    fast().matvec_int8(end - begin, columns(), q->values.data() + begin * q->groups * kernels::kInt8Group,
                       q->scales.data() + begin * q->groups, x, b, y + begin);
  }
};

struct Normalisation {
  Tensor gamma, beta;  // [C]; beta not defined for RMSNorm
  float eps = 0;

  void apply(const float* x, float* y) const {
    float mean = 0, rstd = 0;
    const Index n = gamma.numel();
    if (beta.defined()) fast().layer_norm(1, n, x, gamma.data<float>(), beta.data<float>(), eps, y, &mean, &rstd);
    else fast().rms_norm(1, n, x, gamma.data<float>(), eps, y, &rstd);
  }
};

struct Layer {
  Index heads;  // H, which may differ from layer to layer
  Normalisation norm1, norm2;
  Projection qkv, out, up, down;  // the last two not defined without feed-forward
  Tensor keys;                    // [H,D,S]: a key is a column, so that scores are sums of rows
  Tensor values;                  // [H,S,D]
  Tensor distance_bias;           // [H,1,S] for the last of S positions; not defined for none
};

// What is done for one token between two points at which the threads wait for each other (see "one token" below).
struct Step {
  enum class Kind { kAttend, kOut, kUp, kDown, kLogits };
  Kind kind;
  Layer* layer = nullptr;
  const Normalisation* norm = nullptr;  // of x, where the step begins with one
  Index bytes = 0;                      // of weights that it reads
};

}  // namespace

struct Decoder::State {
  explicit State(const CharTransformer& model);

  Tensor read_all(std::span<const std::int32_t> ids);
  void read_one(std::int32_t id);
  void link_steps();
  void run(const Step& step, Index part, Index parts, Index slot, Index keys);
  void attend(Layer& layer, Index head, const float* in, Index slot, Index keys);
  void check_parameters() const;
  void forget();  // all that was read, and the cache's memory
  void quantize_weights();
  void reserve(Index tokens);
  void keep(Layer& layer, const Tensor& k, const Tensor& v);
  void compute_logits(const float* x);
  void check_id(std::int32_t id) const;
  Index length() const { return std::min(position, context); }

  Projection bind(const Linear& linear) {
    parameters_known += linear.bias ? 2 : 1;
    return {linear.weight.value().detach(), linear.bias ? linear.bias->value().detach() : Tensor(), {}};
  }
  Normalisation bind(const Norm& n) {
    parameters_known += n.beta ? 2 : 1;
    return {n.gamma.value().detach(), n.beta ? n.beta->value().detach() : Tensor(), static_cast<float>(n.eps())};
  }

  const CharTransformer& model;
  const TransformerConfig& config;
  const Index context, width, head_size;
  Index most_heads = 0;  // in a layer
  std::size_t parameters_known = 0;

  std::vector<Layer> layers;
  Normalisation norm;
  Projection head;
  std::vector<Step> steps;
  Index most_bytes = 0;  // that a step reads

  Index position = 0;  // of the next token; the cache holds the last `context` of those before it
  Index capacity = 0;  // S: tokens there is room for, doubling up to the context
  // Where the keys of older tokens may stay: ids since the start, as far as they are needed to start again.
  std::vector<std::int32_t> history;
  Tensor embedded;  // [1,1,C]
  Tensor unit;      // [1,1,1,D], ones then zeros: turned, it becomes cosines and sines
  Tensor turned;    // of this position; not defined where positions do not turn
  Tensor bias_of(std::size_t layer, Index queries, Index keys) const;
  PoolVector<float> x, packed, z, y, hidden, scores, logits;
  PoolVector<float> normal;  // x normalised, [parts,C]: each part of a step has its own
};

Decoder::State::State(const CharTransformer& m)
    : model(m), config(m.config()), context(config.context), width(config.width), head_size(config.size_of_heads()) {
  for (const NamedTensor& p : model.parameters())
    if (p.value.dtype() != DType::kFloat32) fail("decoder: ", p.name, " is ", p.value.dtype(), "; float32 is needed");
  parameters_known = 1 + model.position->parameters().size();  // the embeddings
  for (const Child<TransformerBlock>& block : model.blocks) {
    Layer& layer = layers.emplace_back();
    layer.heads = block->attn->heads();
    most_heads = std::max(most_heads, layer.heads);
    layer.norm1 = bind(*block->norm1);
    layer.qkv = bind(*block->attn->qkv);
    layer.out = bind(*block->attn->out);
    if (!block->ff) continue;
    layer.norm2 = bind(**block->norm2);
    layer.up = bind(*(*block->ff)->up);
    layer.down = bind(*(*block->ff)->down);
  }
  if (model.norm) norm = bind(**model.norm);
  head = model.head ? bind(**model.head) : Projection{model.tokens->weight.value().detach(), {}, {}};

  const auto floats = [](PoolVector<float>& v, Index count) { v.assign(static_cast<std::size_t>(count), 0.0f); };
  floats(x, width);
  floats(normal, width);
  floats(packed, 3 * most_heads * head_size);
  floats(z, most_heads * head_size);
  floats(y, width);
  floats(hidden, layers.empty() || !layers[0].up.weight.defined() ? 0 : layers[0].up.rows());
  floats(logits, config.vocabulary);
  embedded = Tensor::empty({1, 1, width}, DType::kFloat32);
  unit = Tensor::zeros({1, 1, 1, head_size}, DType::kFloat32);
  std::fill_n(unit.data<float>(), head_size / 2, 1.0f);

  check_parameters();
  link_steps();
}

void Decoder::State::quantize_weights() {
  const auto eight_bits = [](Projection& p) {
    if (p.weight.defined()) p.q = quantize(p.weight);
  };
  for (Layer& layer : layers)
    for (Projection* p : {&layer.qkv, &layer.out, &layer.up, &layer.down}) eight_bits(*p);
  eight_bits(head);
  link_steps();
}

// A layer that was added to the model and not to the decoder, and does nothing yet, shows among the parameters.
void Decoder::State::check_parameters() const {
  if (const std::size_t all = model.parameters().size(); all != parameters_known)
    throw Mismatch(
        cat("decoder: the model has ", all, " parameters and ", parameters_known, " are known here", kTeachDecoder));
}

void Decoder::State::forget() {
  position = capacity = 0;
  history = {};
  for (Layer& layer : layers) layer.keys = layer.values = layer.distance_bias = {};
}

void Decoder::State::check_id(std::int32_t id) const {
  if (id < 0 || id >= config.vocabulary) fail("decoder: id ", id, " is outside 0 to ", config.vocabulary - 1);
}

// ---- the cache ----

void Decoder::State::reserve(Index tokens) {
  if (tokens <= capacity) return;
  constexpr Index kLeast = 64;
  const Index more = std::min(context, std::max({tokens, 2 * capacity, kLeast}));
  const Index kept = std::min(position, capacity);
  for (Layer& layer : layers) {
    const Index heads = layer.heads;
    Tensor keys = Tensor::zeros({heads, head_size, more}, DType::kFloat32);
    Tensor values = Tensor::zeros({heads, more, head_size}, DType::kFloat32);
    if (kept > 0) {
      for (Index row = 0; row < heads * head_size; ++row)
        std::copy_n(layer.keys.data<float>() + row * capacity, kept, keys.data<float>() + row * more);
      for (Index h = 0; h < heads; ++h)
        std::copy_n(layer.values.data<float>() + h * capacity * head_size, kept * head_size,
                    values.data<float>() + h * more * head_size);
    }
    layer.keys = std::move(keys);
    layer.values = std::move(values);
  }
  capacity = more;
  scores.assign(static_cast<std::size_t>(most_heads * capacity), 0.0f);
  for (std::size_t i = 0; i < layers.size(); ++i) layers[i].distance_bias = bias_of(i, 1, capacity);
}

// What positions add to the scores of a layer, [H,T,S]; not defined for none.
Tensor Decoder::State::bias_of(std::size_t layer, Index queries, Index keys) const {
  if (layers[layer].heads == 0) return {};
  const std::span<const Index> which = config.slopes.empty() ? std::span<const Index>{} : config.slopes[layer];
  return model.position->bias(config.heads, queries, keys, DType::kFloat32, which);
}

// Keys (turned) and values [1,H,T,D] of the first T positions.
void Decoder::State::keep(Layer& layer, const Tensor& k, const Tensor& v) {
  const Index count = k.size(2);
  for (Index h = 0; h < layer.heads; ++h) {
    const float* key = k.data<float>() + h * count * head_size;
    float* keys = layer.keys.data<float>() + h * head_size * capacity;
    for (Index t = 0; t < count; ++t)
      for (Index d = 0; d < head_size; ++d) keys[d * capacity + t] = key[t * head_size + d];
    std::copy_n(v.data<float>() + h * count * head_size, count * head_size,
                layer.values.data<float>() + h * capacity * head_size);
  }
}

// ---- many tokens at a time, by the operations that train ----

// What comes out of the last block for the last token: [1,1,C].
Tensor Decoder::State::read_all(std::span<const std::int32_t> ids) {
  const auto t = static_cast<Index>(ids.size());
  position = 0;
  reserve(t);
  Tensor in = model.position->embed((*model.tokens)(ids, Shape{1, t}));  // [1,T,C]
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const TransformerBlock& block = *model.blocks[static_cast<Index>(i)];
    const Index heads = layers[i].heads;
    const Tensor h = config.pre_norm ? block.norm1(in) : in;
    const Tensor qkv = permute(reshape(block.attn->qkv(h), {1, t, 3 * heads, head_size}), {0, 2, 1, 3});
    const Tensor q = model.position->turn(slice(qkv, 1, 0, heads));  // [1,H,T,D]
    const Tensor k = model.position->turn(slice(qkv, 1, heads, 2 * heads));
    const Tensor v = slice(qkv, 1, 2 * heads, 3 * heads);
    keep(layers[i], k, v);
    AttentionOptions options;
    options.causal = true;
    options.bias = bias_of(i, t, t);
    const Tensor seen = reshape(permute(attention(q, k, v, options), {0, 2, 1, 3}), {1, t, heads * head_size});
    in = block.attn->out(seen, in);
    if (!config.pre_norm) in = block.norm1(in);
    if (!block.ff) continue;
    in = (*block.ff)(config.pre_norm ? (*block.norm2)(in) : in, in);
    if (!config.pre_norm) in = (*block.norm2)(in);
  }
  position = t;
  return slice(in, 1, t - 1, t);
}

// ---- one token ----
//
// A chain of steps. Threads share out the heads or rows of each and wait for each other before the next:
//
//   attend   z = what the heads bring back, from norm(x)
//   out      x += W_out z                                      these four in each block
//   up       hidden = f(W_up norm(x))
//   down     x += W_down hidden
//   logits   W_head norm(x)                                    at last
//
// Every part of a step needs the norm of all of x, and computes it for itself: that is done sooner than another thread's
// could be fetched. Where the norm comes after the residual (post-norm), it is the next step's to begin with, and what
// it gives is then what the residual adds to.

void Decoder::State::link_steps() {
  steps.clear();
  most_bytes = 0;
  const Normalisation* pending = nullptr;  // post-norm: of what the step before wrote
  for (Layer& layer : layers) {
    steps.push_back({Step::Kind::kAttend, &layer, config.pre_norm ? &layer.norm1 : pending, layer.qkv.bytes()});
    steps.push_back({Step::Kind::kOut, &layer, nullptr, layer.out.bytes()});
    pending = &layer.norm1;
    if (!layer.up.weight.defined()) continue;
    steps.push_back({Step::Kind::kUp, &layer, config.pre_norm ? &layer.norm2 : pending, layer.up.bytes()});
    steps.push_back({Step::Kind::kDown, &layer, nullptr, layer.down.bytes()});
    pending = &layer.norm2;
  }
  if (config.pre_norm) pending = norm.gamma.defined() ? &norm : nullptr;
  steps.push_back({Step::Kind::kLogits, nullptr, pending, head.bytes()});
  for (const Step& step : steps) most_bytes = std::max(most_bytes, step.bytes);
}

void Decoder::State::run(const Step& step, Index part, Index parts, Index slot, Index keys) {
  float* own = normal.data() + part * width;
  const auto begins_with = [&]() -> const float* {
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
    fast().binary(kernels::Binary::kAdd, count, residual + rows.begin, 1, y.data() + rows.begin, 1,
                  x.data() + rows.begin);
  };
  switch (step.kind) {
    case Step::Kind::kAttend: {
      const float* in = begins_with();
      const Range heads(step.layer->heads, part, parts);
      for (Index h = heads.begin; h < heads.end; ++h) attend(*step.layer, h, in, slot, keys);
      return;
    }
    case Step::Kind::kOut:
      return add_rows(step.layer->out, z.data());
    case Step::Kind::kUp: {
      const float* in = begins_with();
      const Range rows(step.layer->up.rows(), part, parts);
      float* out = hidden.data() + rows.begin;
      step.layer->up.apply(rows.begin, rows.end, in, hidden.data());
      return fast().unary(function_of(config.activation), rows.end - rows.begin, out, out);
    }
    case Step::Kind::kDown:
      return add_rows(step.layer->down, hidden.data());
    case Step::Kind::kLogits: {
      const float* in = begins_with();
      const Range rows(config.vocabulary, part, parts);
      return head.apply(rows.begin, rows.end, in, logits.data());
    }
  }
}

// One head of one layer: its part of q, k and v from `in`, then what it brings back, into its part of z.
void Decoder::State::attend(Layer& layer, Index h, const float* in, Index slot, Index keys) {
  const Index d = head_size, part_size = layer.heads * d;
  float* q = packed.data() + h * d;
  float* k = q + part_size;
  float* v = k + part_size;
  for (Index part = 0; part < 3; ++part)
    layer.qkv.apply(part * part_size + h * d, part * part_size + (h + 1) * d, in, packed.data());
  if (turned.defined()) {
    const float *cosine = turned.data<float>(), *sine = cosine + d / 2;
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

  fast().scale(d, 1 / std::sqrt(static_cast<float>(d)), q, q);
  float* s = scores.data() + h * capacity;
  fast().vecmat(d, keys, q, all_keys, capacity, s);
  if (layer.distance_bias.defined()) {
    // The bias lies by falling distance, the last being 0. The slots up to this one hold the tokens just before it, and
    // those behind it, once the cache has gone round, the ones before these.
    const float* bias = layer.distance_bias.data<float>() + h * capacity;
    fast().accumulate(slot + 1, bias + capacity - 1 - slot, s);
    fast().accumulate(keys - slot - 1, bias, s + slot + 1);
  }
  fast().softmax_row(keys, s, nullptr, s);
  fast().vecmat(keys, d, s, all_values, d, z.data() + h * d);
}

void Decoder::State::read_one(std::int32_t id) {
  const Index slot = position % context, keys = std::min(position + 1, context);
  reserve(keys);
  std::copy_n(model.tokens->weight.value().data<float>() + id * width, width, embedded.data<float>());
  std::copy_n(model.position->embed(embedded, position).data<float>(), width, x.data());
  if (model.position->turns()) turned = model.position->turn(unit, position);
  const Index parts = std::clamp<Index>(most_bytes / kPartBytes, 1, thread_count());
  if (static_cast<Index>(normal.size()) < parts * width) normal.resize(static_cast<std::size_t>(parts * width));
  parallel_steps(static_cast<Index>(steps.size()), parts,
                 [&](Index step, Index part) { run(steps[static_cast<std::size_t>(step)], part, parts, slot, keys); });
  ++position;
}

// From what comes out of the last block.
void Decoder::State::compute_logits(const float* out) {
  if (norm.gamma.defined()) {
    norm.apply(out, normal.data());
    out = normal.data();
  }
  head.apply(0, config.vocabulary, out, logits.data());
}

// ---- the decoder ----

Decoder::Decoder(const CharTransformer& model, Weights weights) : state_(std::make_unique<State>(model)) {
  check_decoder(*this);
  state_->forget();
  if (weights == Weights::kInt8) state_->quantize_weights();
}
Decoder::~Decoder() = default;

std::span<const float> Decoder::start(std::span<const std::int32_t> ids) {
  State& s = *state_;
  const auto count = static_cast<Index>(ids.size());
  if (count == 0) fail("decoder: no tokens to start from");
  if (count > s.context) fail("decoder: ", counted(count, "token"), ", and the context is ", s.context);
  for (const std::int32_t id : ids) s.check_id(id);
  s.position = 0;
  s.history.clear();
  if (count == 1) return next(ids[0]);
  const NoGrad no_recording;
  const Tensor last = s.read_all(ids);
  s.compute_logits(last.data<float>());
  if (!s.model.position->relative()) s.history.assign(ids.begin(), ids.end());
  return s.logits;
}

std::span<const float> Decoder::next(std::int32_t id) {
  State& s = *state_;
  s.check_id(id);
  const NoGrad no_recording;
  if (!s.model.position->relative()) {
    if (s.position == s.context && s.context > 1) {
      std::vector<std::int32_t> kept(s.history.end() - s.context / 2, s.history.end());
      kept.push_back(id);
      return start(kept);
    }
    if (s.position == s.context) s.position = 0;  // a context of one token
    s.history.resize(static_cast<std::size_t>(s.position));
    s.history.push_back(id);
  }
  s.read_one(id);
  return s.logits;
}

Index Decoder::length() const { return state_->length(); }
bool Decoder::full() const { return state_->length() == state_->context; }
const CharTransformer& Decoder::model() const { return state_->model; }

Index Decoder::bytes_read(Index length) const {
  const State& s = *state_;
  const auto of_norm = [](const Normalisation& n) {
    return n.gamma.defined() ? 4 * n.gamma.numel() * (n.beta.defined() ? 2 : 1) : 0;
  };
  const auto of = [](const Projection& p) { return p.weight.defined() ? p.bytes() : 0; };
  Index bytes = 4 * s.width + of_norm(s.norm) + of(s.head);
  for (const Layer& layer : s.layers)
    bytes += of_norm(layer.norm1) + of_norm(layer.norm2) + of(layer.qkv) + of(layer.out) + of(layer.up) +
             of(layer.down) + 2 * 4 * layer.heads * s.head_size * length;
  return bytes;
}

}  // namespace headlight
