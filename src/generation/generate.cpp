// Sampling from logits, and the generation loops with a decoder and with the full model.
#include "headlight/generation/generate.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "headlight/autograd/tape.h"
#include "headlight/base/error.h"

namespace headlight {

namespace {

// Token ids by falling logit. Equal logits are ordered by id, so that the order is deterministic. A sort key is an
// integer with the logit in the upper 32 bits and the id in the lower 32, so that a comparison needs no lookup.
PoolVector<std::int32_t> by_falling_logit(std::span<const float> logits) {
  constexpr std::uint32_t kSign = 0x80000000u;
  PoolVector<std::uint64_t> keys(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(logits[i] + 0.0f);  // -0 becomes 0
    // The bits, read as an integer, increase with the value for floats >= 0 and decrease for negative floats.
    const std::uint32_t falling = (bits & kSign) != 0 ? bits : ~(bits | kSign);
    keys[i] = std::uint64_t{falling} << 32 | i;
  }
  std::sort(keys.begin(), keys.end());
  PoolVector<std::int32_t> order(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) order[i] = static_cast<std::int32_t>(keys[i] & 0xffffffffu);
  return order;
}

}  // namespace

std::int32_t sample_token(std::span<const float> logits, const SampleOptions& o, Rng& rng) {
  if (!(o.temperature >= 0) || std::isinf(o.temperature) || o.top_k < 0 || !(o.top_p > 0 && o.top_p <= 1))
    fail("sample: temperature ", o.temperature, ", top-k ", o.top_k, ", top-p ", o.top_p,
         ": out of range; use temperature >= 0, top-k >= 0 and 0 < top-p <= 1");
  if (logits.empty()) fail("sample: no logits; pass one per token of the vocabulary");
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float top = -kInfinity;
  for (const float x : logits) top = std::isnan(x) ? x : std::isnan(top) ? top : std::max(top, x);
  if (!std::isfinite(top))
    fail(
        "sample: a logit is NaN or +inf, or none is finite (damaged weights or diverged training); "
        "use another checkpoint");
  PoolVector<std::int32_t> order = by_falling_logit(logits);
  if (o.temperature == 0) return order[0];
  if (o.top_k > 0 && o.top_k < static_cast<Index>(order.size())) order.resize(static_cast<std::size_t>(o.top_k));

  const double largest = static_cast<double>(logits[static_cast<std::size_t>(order[0])]);
  PoolVector<double> weights;
  weights.reserve(order.size());
  for (const std::int32_t id : order)
    weights.push_back(std::exp((static_cast<double>(logits[static_cast<std::size_t>(id)]) - largest) / o.temperature));
  double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (o.top_p < 1) {
    double kept = 0;
    std::size_t count = 0;
    while (count < weights.size() && kept < o.top_p * total) kept += weights[count++];
    weights.resize(std::max<std::size_t>(count, 1));
    total = std::accumulate(weights.begin(), weights.end(), 0.0);
  }
  double u = rng.uniform() * total;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    u -= weights[i];
    if (u < 0) return order[i];
  }
  return order[weights.size() - 1];  // reached only through rounding
}

SampledToken draw_token(std::span<const float> logits, std::span<const std::int32_t> before, const SampleOptions& o,
                        Rng& rng) {
  if (!(o.repetition_penalty > 0) || std::isinf(o.repetition_penalty))
    fail("sample: repetition penalty ", o.repetition_penalty, " is out of range; use a finite number above 0");
  SampledToken drawn{0, std::numeric_limits<double>::quiet_NaN()};
  if (o.repetition_penalty == 1) {
    drawn.token = sample_token(logits, o, rng);
  } else {
    const auto span = std::min(before.size(), static_cast<std::size_t>(kRepetitionSpan));
    PoolVector<std::int32_t> recent(before.end() - static_cast<std::ptrdiff_t>(span), before.end());
    std::sort(recent.begin(), recent.end());
    recent.erase(std::unique(recent.begin(), recent.end()), recent.end());
    PoolVector<float> changed(logits.begin(), logits.end());
    const auto penalty = static_cast<float>(o.repetition_penalty);
    for (const std::int32_t id : recent) {
      float& x = changed[static_cast<std::size_t>(id)];
      x = x > 0 ? x / penalty : x * penalty;
    }
    drawn.token = sample_token(changed, o, rng);
  }
  if (o.log_probabilities) {
    const auto top = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
    double total = 0;
    for (const float x : logits) total += std::exp(static_cast<double>(x) - top);
    drawn.log_probability = static_cast<double>(logits[static_cast<std::size_t>(drawn.token)]) - top - std::log(total);
  }
  return drawn;
}

namespace {

// Returns the size of the longest window at the end of `tokens` that has at most `context` tokens and whose first token
// is the last token of a document end; 0 if there is no such window.
std::size_t window_from_document_end(std::span<const std::int32_t> tokens, std::size_t context,
                                     std::span<const std::int32_t> document_end) {
  if (document_end.empty()) return 0;
  for (std::size_t size = context; size > 0; --size) {
    const auto before = tokens.first(tokens.size() - size + 1);  // up to the first token of the window
    if (before.size() >= document_end.size() && std::ranges::equal(before.last(document_end.size()), document_end))
      return size;
  }
  return 0;
}

std::size_t window_size(std::span<const std::int32_t> tokens, std::size_t context,
                        std::span<const std::int32_t> document_end) {
  if (tokens.size() <= context) return tokens.size();
  const std::size_t window = window_from_document_end(tokens, context, document_end);
  return window > 0 ? window : context;
}

void check_request(std::span<const std::int32_t> prompt, Index count) {
  if (count < 0) fail("sample: ", count, " tokens; give a count from 0 up");
  if (prompt.empty()) fail("sample: the prompt is empty; pass at least one token");
}

}  // namespace

void require_next_token(const LanguageModel& model, const std::string& where) {
  if (model.objective() == Objective::kMasked)
    fail(where, ": the model fills gaps and does not continue a text; use headlight fill");
  if (model.objective() == Objective::kPairs)
    fail(where,
         ": the model maps a source to a target and does not continue a text; use headlight sample --prompt SOURCE, or "
         "EncoderDecoder::decode()");
}

std::vector<std::int32_t> generate_full_context(const LanguageModel& model, std::span<const std::int32_t> prompt,
                                                Index count, const SampleOptions& options, Rng& rng,
                                                const EachToken& each, std::span<const std::int32_t> document_end) {
  require_next_token(model, "sample");
  check_request(prompt, count);
  const NoGrad no_recording;
  const auto context = static_cast<std::size_t>(model.context());
  const auto vocabulary = static_cast<std::size_t>(model.vocabulary());
  std::vector<std::int32_t> tokens(prompt.begin(), prompt.end()), generated;
  for (Index i = 0; i < count; ++i) {
    const std::size_t window = window_size(tokens, context, document_end);
    const Tensor logits = model(std::span(tokens).last(window), 1);  // [1,T,V]
    const float* last = logits.data<float>() + (window - 1) * vocabulary;
    const SampledToken drawn = draw_token({last, vocabulary}, tokens, options, rng);
    tokens.push_back(drawn);
    generated.push_back(drawn);
    if (each && !each(drawn)) break;
  }
  return generated;
}

std::vector<std::int32_t> generate(TokenReader& reader, Index most, std::span<const std::int32_t> prompt, Index count,
                                   const SampleOptions& options, Rng& rng, const EachToken& each,
                                   std::span<const std::int32_t> document_end) {
  check_request(prompt, count);
  const auto context = static_cast<std::size_t>(most);
  std::vector<std::int32_t> tokens(prompt.begin(), prompt.end());
  const auto last = [&](std::size_t size) { return std::span<const std::int32_t>(tokens).last(size); };
  std::span<const float> logits;
  for (Index i = 0; i < count; ++i) {
    if (i == 0) {
      logits = reader.start(last(window_size(tokens, context, document_end)));
    } else {
      // Once the previous document has left the context, start again at the new one.
      const std::size_t window =
          tokens.size() > context ? window_from_document_end(tokens, context, document_end) : std::size_t{0};
      if (window > 0 && window <= static_cast<std::size_t>(reader.length())) logits = reader.start(last(window));
      else logits = reader.next(tokens.back());
    }
    const SampledToken drawn = draw_token(logits, tokens, options, rng);
    tokens.push_back(drawn);
    if (each && !each(drawn)) break;
  }
  return {tokens.begin() + static_cast<std::ptrdiff_t>(prompt.size()), tokens.end()};
}

std::vector<std::int32_t> generate(const LanguageModel& model, std::span<const std::int32_t> prompt, Index count,
                                   const SampleOptions& options, Rng& rng, const EachToken& each,
                                   std::span<const std::int32_t> document_end) {
  return TextGenerator(model).generate(prompt, count, options, rng, each, document_end);
}

TextGenerator::TextGenerator(const LanguageModel& model, WeightFormat format)
    : model_(model), reader_(model.reader(format)) {
  require_next_token(model, "sample");
  if (!reader_ && format != WeightFormat::kFloat32)
    fail("generate: this model has no ", format == WeightFormat::kInt8 ? "int8" : "bfloat16",
         " weights: ", model.summary(), "; use its float32 weights");
}

std::vector<std::int32_t> TextGenerator::generate(std::span<const std::int32_t> prompt, Index count,
                                                  const SampleOptions& options, Rng& rng, const EachToken& each,
                                                  std::span<const std::int32_t> document_end) {
  return reader_ ? headlight::generate(*reader_, model_.context(), prompt, count, options, rng, each, document_end)
                 : generate_full_context(model_, prompt, count, options, rng, each, document_end);
}

}  // namespace headlight
