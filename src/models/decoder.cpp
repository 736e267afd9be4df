// The decoder's construction, its key-value cache, and reading a prompt in one batch.
#include "models/decoder.h"

#include <algorithm>
#include <vector>

#include "base/words.h"
#include "headlight/autograd/tape.h"
#include "models/decoder_check.h"
#include "models/decoder_state.h"

namespace headlight {

Decoder::State::Normalization Decoder::State::bind(const Norm& n) {
  const std::optional<NormStep> step = n.step();
  if (!step) throw Mismatch(cat("decoder: the norm ", config.norm, " does not describe its step", kDecoderAdvice));
  parameters_known += step->beta ? 2 : 1;
  return {step->gamma->value().detach(), step->beta ? step->beta->value().detach() : Tensor(),
          static_cast<float>(step->eps)};
}

Decoder::State::State(const TransformerLM& m)
    : model(m),
      config(m.config()),
      context(config.context),
      width(config.width),
      head_size(config.resolved_head_size()) {
  for (const NamedTensor& p : model.parameters())
    if (p.value.dtype() != DType::kFloat32)
      fail("decoder: ", p.name, " is ", p.value.dtype(), "; convert the model to float32");
  parameters_known = 1 + model.position->parameters().size();  // the token embedding and the positions
  for (const Child<TransformerBlock>& block : model.blocks) {
    Layer& layer = layers.emplace_back();
    layer.heads = block->attn->heads();
    layer.key_heads = block->attn->key_heads();
    const std::optional<AttentionStep> pattern = block->attn->pattern().step();
    if (!pattern)
      throw Mismatch(
          cat("decoder: the attention pattern ", config.attention, " does not describe its step", kDecoderAdvice));
    attention = *pattern;
    max_heads = std::max(max_heads, layer.heads);
    layer.norm1 = bind(*block->norm1);
    layer.qkv = bind(*block->attn->qkv);
    layer.out = bind(*block->attn->out);
    if (!block->ff) continue;
    layer.norm2 = bind(*block->norm2);
    const std::optional<FeedForwardStep> step = block->ff->step();
    if (!step)
      throw Mismatch(
          cat("decoder: the feed-forward part ", config.feed_forward, " does not describe its step", kDecoderAdvice));
    layer.f = step->f->values;
    if (!layer.f)
      throw Mismatch(cat("decoder: the activation ", step->f->name, " does not describe its values", kDecoderAdvice));
    layer.up = bind(*step->up);
    layer.gated_by_up = step->gate == step->up;
    if (step->gate && !layer.gated_by_up) layer.gate = bind(*step->gate);
    layer.down = bind(*step->down);
  }
  most_rows = attention.window > 0 ? std::min(context, attention.window) : context;
  if (model.norm) norm = bind(*model.norm);
  head = model.lm_head ? bind(**model.lm_head) : Projection{model.tokens->weight.value().detach(), {}, {}, {}};

  const auto floats = [](PoolVector<float>& v, Index count) { v.assign(static_cast<std::size_t>(count), 0.0f); };
  floats(x, width);
  floats(normal, width);
  Index rows = 0;
  for (const Layer& layer : layers) rows = std::max(rows, layer.qkv.rows());
  floats(packed, rows);
  floats(z, max_heads * head_size);
  floats(y, width);
  floats(hidden, layers.empty() || !layers[0].up.weight.defined() ? 0 : layers[0].up.rows());
  gates = hidden;
  floats(logits, config.vocabulary);
  embedded = Tensor::empty({1, 1, width}, DType::kFloat32);
  unit = Tensor::zeros({1, 1, 1, head_size}, DType::kFloat32);
  std::fill_n(unit.data<float>(), head_size / 2, 1.0f);

  check_parameters();
  build_steps();
}

void Decoder::State::round_weights(WeightFormat format) {
  if (format == WeightFormat::kFloat32) return;
  const auto round = [&](Projection& p) {
    if (!p.weight.defined()) return;
    if (format == WeightFormat::kInt8) p.q = quantize(p.weight);
    else p.bf16 = bf16_of(p.weight);
  };
  for (Layer& layer : layers)
    for (Projection* p : {&layer.qkv, &layer.out, &layer.up, &layer.gate, &layer.down}) round(*p);
  round(head);
  build_steps();
}

// Also detects an unsupported layer that passes the logit comparison because its initial weights have no effect.
void Decoder::State::check_parameters() const {
  if (const std::size_t all = model.parameters().size(); all != parameters_known)
    throw Mismatch(cat("decoder: the model has ", all, " parameters, but the decoder supports ", parameters_known,
                       kDecoderAdvice));
}

void Decoder::State::reset() {
  position = capacity = 0;
  history = {};
  for (Layer& layer : layers) layer.keys = layer.values = layer.distance_bias = layer.sums = layer.totals = {};
}

void Decoder::State::check_id(std::int32_t id) const {
  if (id < 0 || id >= config.vocabulary) fail("decoder: id ", id, " is outside 0 to ", config.vocabulary - 1);
}

// ---- the cache ----

void Decoder::State::reserve(Index tokens) {
  if (attention.linear && position == 0)
    for (Layer& layer : layers) {
      layer.sums = Tensor::zeros({layer.key_heads, head_size, head_size}, DType::kFloat32);
      layer.totals = Tensor::zeros({layer.key_heads, head_size}, DType::kFloat32);
    }
  if (attention.linear || tokens <= capacity) return;
  constexpr Index kMin = 64;
  const Index more = std::min(most_rows, std::max({tokens, 2 * capacity, kMin}));
  const Index kept = std::min(position, capacity);
  for (Layer& layer : layers) {
    const Index heads = layer.key_heads;
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
  scores.assign(static_cast<std::size_t>(max_heads * capacity), 0.0f);
  for (std::size_t i = 0; i < layers.size(); ++i) layers[i].distance_bias = bias_of(i, 1, capacity);
}

// The position bias of a layer's scores, [H,T,S]; undefined without one.
Tensor Decoder::State::bias_of(std::size_t layer, Index queries, Index keys) const {
  if (layers[layer].heads == 0) return {};
  return model.position->bias(config.heads, queries, keys, DType::kFloat32);
}

// Caches the (rotated) keys and the values [1,G,T,D] of the first T positions. Linear attention adds all of them to its
// sums; other patterns store the last `most_rows` positions, position t in row t % most_rows.
void Decoder::State::store(Layer& layer, const Tensor& k, const Tensor& v) {
  const Index count = k.size(2);
  for (Index h = 0; h < layer.key_heads; ++h)
    for (Index t = attention.linear ? 0 : std::max<Index>(0, count - most_rows); t < count; ++t) {
      const float *key = k.data<float>() + (h * count + t) * head_size,
                  *value = v.data<float>() + (h * count + t) * head_size;
      if (attention.linear) {
        float* copy = packed.data();
        std::copy_n(key, head_size, copy);
        add_to_sums(layer, h, copy, value);
        continue;
      }
      const Index row = t % most_rows;
      float* keys = layer.keys.data<float>() + h * head_size * capacity;
      for (Index d = 0; d < head_size; ++d) keys[d * capacity + row] = key[d];
      std::copy_n(value, head_size, layer.values.data<float>() + (h * capacity + row) * head_size);
    }
}

// ---- many tokens in one batch, with the ops of training ----

// Returns the last block's output for the last token: [1,1,C].
Tensor Decoder::State::read_all(std::span<const std::int32_t> ids) {
  const auto t = static_cast<Index>(ids.size());
  position = 0;
  reserve(std::min(t, most_rows));
  Tensor in = model.position->embed((*model.tokens)(ids, Shape{1, t}));  // [1,T,C]
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const TransformerBlock& block = *model.blocks[static_cast<Index>(i)];
    const Index heads = layers[i].heads, key_heads = layers[i].key_heads;
    const Tensor h = config.pre_norm ? block.norm1(in) : in;
    const Tensor qkv = permute(reshape(block.attn->qkv(h), {1, t, heads + 2 * key_heads, head_size}), {0, 2, 1, 3});
    const Tensor q = model.position->rotate(slice(qkv, 1, 0, heads));                  // [1,H,T,D]
    const Tensor k = model.position->rotate(slice(qkv, 1, heads, heads + key_heads));  // [1,G,T,D]
    const Tensor v = slice(qkv, 1, heads + key_heads, heads + 2 * key_heads);
    store(layers[i], k, v);
    AttentionOptions options;
    options.causal = true;
    options.bias = bias_of(i, t, t);
    const Tensor mixed =
        reshape(permute(block.attn->pattern()(q, k, v, options, nullptr), {0, 2, 1, 3}), {1, t, heads * head_size});
    in = block.attn->out(mixed, in);
    if (!config.pre_norm) in = block.norm1(in);
    if (!block.ff) continue;
    in = block.ff(config.pre_norm ? block.norm2(in) : in, in);
    if (!config.pre_norm) in = block.norm2(in);
  }
  position = t;
  return slice(in, 1, t - 1, t);
}

// The logits from the last block's output [C].
void Decoder::State::compute_logits(const float* out) {
  if (norm.gamma.defined()) {
    norm.apply(out, normal.data());
    out = normal.data();
  }
  head.apply(0, config.vocabulary, out, logits.data());
}

// ---- the public interface ----

Decoder::Decoder(const TransformerLM& model, WeightFormat format) : state_(std::make_unique<State>(model)) {
  check_decoder(*this);
  state_->reset();
  state_->round_weights(format);
}
Decoder::~Decoder() = default;

std::span<const float> Decoder::start(std::span<const std::int32_t> ids) {
  State& s = *state_;
  const auto count = static_cast<Index>(ids.size());
  if (count == 0) fail("decoder: no tokens; pass at least one");
  if (count > s.context)
    fail("decoder: ", counted(count, "token"), " exceed the context of ", s.context, "; pass only the last ones");
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
    if (s.position == s.context) s.position = 0;  // a context of one token keeps nothing
    s.history.resize(static_cast<std::size_t>(s.position));
    s.history.push_back(id);
  }
  s.read_one(id);
  return s.logits;
}

Index Decoder::length() const { return state_->length(); }
bool Decoder::full() const { return state_->length() == state_->context; }
const TransformerLM& Decoder::model() const { return state_->model; }

Index Decoder::bytes_read(Index length) const {
  const State& s = *state_;
  const auto of_norm = [](const State::Normalization& n) {
    return n.gamma.defined() ? 4 * n.gamma.numel() * (n.beta.defined() ? 2 : 1) : 0;
  };
  const auto of_projection = [](const State::Projection& p) { return p.weight.defined() ? p.bytes() : 0; };
  Index bytes = 4 * s.width + of_norm(s.norm) + of_projection(s.head);
  for (const State::Layer& layer : s.layers)
    bytes +=
        of_norm(layer.norm1) + of_norm(layer.norm2) + of_projection(layer.qkv) + of_projection(layer.out) +
        of_projection(layer.up) + of_projection(layer.gate) + of_projection(layer.down) +
        4 * layer.key_heads * s.head_size * (s.attention.linear ? s.head_size + 1 : 2 * std::min(length, s.most_rows));
  return bytes;
}

}  // namespace headlight
