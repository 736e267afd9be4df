#include "headlight/generation/generate.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "headlight/autograd/tape.h"
#include "headlight/base/error.h"
#include "headlight/nn/probe.h"

namespace headlight {

namespace {

// Tokens by falling logit; equal ones by id, so that the order is the same everywhere. What is sorted are whole numbers, a
// logit in the upper half and its id in the lower one: a comparison then looks nothing up. Of a character of the preset
// cpu, 28 microseconds on two threads, that saves one.
PoolVector<std::int32_t> by_falling_logit(std::span<const float> logits) {
  constexpr std::uint32_t kSign = 0x80000000u;
  PoolVector<std::uint64_t> keys(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(logits[i] + 0.0f);  // -0 becomes 0
    // The bits of a float above 0 rise with it, those of one below fall.
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
         ": the first two must not be negative, the last is above 0 and at most 1");
  if (logits.empty()) fail("sample: no logits");
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float top = -kInfinity;
  for (const float x : logits) top = std::isnan(x) ? x : std::isnan(top) ? top : std::max(top, x);
  if (!std::isfinite(top))
    fail("sample: the model's output is not a number; its weights are damaged or training diverged");
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
  return order[weights.size() - 1];  // rounding alone gets here
}

Drawn draw_token(std::span<const float> logits, std::span<const std::int32_t> before, const SampleOptions& o,
                 Rng& rng) {
  if (!(o.repetition_penalty > 0) || std::isinf(o.repetition_penalty))
    fail("sample: repetition penalty ", o.repetition_penalty, ": must be above 0");
  Drawn drawn{0, std::numeric_limits<double>::quiet_NaN()};
  if (o.repetition_penalty == 1) {
    drawn.token = sample_token(logits, o, rng);
  } else {
    const auto span = std::min(before.size(), static_cast<std::size_t>(kRepetitionSpan));
    PoolVector<std::int32_t> lately(before.end() - static_cast<std::ptrdiff_t>(span), before.end());
    std::sort(lately.begin(), lately.end());
    lately.erase(std::unique(lately.begin(), lately.end()), lately.end());
    PoolVector<float> changed(logits.begin(), logits.end());
    const auto penalty = static_cast<float>(o.repetition_penalty);
    for (const std::int32_t id : lately) {
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

// How many of the last tokens the model is to see: those from the first end of a document on, when they are more than
// the context; 0 where no document ends.
std::size_t from_document_end(std::span<const std::int32_t> tokens, std::size_t context,
                              std::span<const std::int32_t> document_end) {
  if (document_end.empty()) return 0;
  for (std::size_t seen = context; seen > 0; --seen) {
    const auto before = tokens.first(tokens.size() - seen + 1);  // up to the first token that would be seen
    if (before.size() >= document_end.size() && std::ranges::equal(before.last(document_end.size()), document_end))
      return seen;
  }
  return 0;
}

std::size_t seen_tokens(std::span<const std::int32_t> tokens, std::size_t context,
                        std::span<const std::int32_t> document_end) {
  if (tokens.size() <= context) return tokens.size();
  const std::size_t seen = from_document_end(tokens, context, document_end);
  return seen > 0 ? seen : context;
}

void check_request(std::span<const std::int32_t> prompt, Index count) {
  if (count < 0) fail("sample: ", count, " tokens; give a count from 0 up");
  if (prompt.empty()) fail("sample: the prompt is empty; give at least one character");
}

}  // namespace

std::vector<std::int32_t> generate_by_whole_model(const CharTransformer& model, std::span<const std::int32_t> prompt,
                                                  Index count, const SampleOptions& options, Rng& rng,
                                                  const EachToken& each, std::span<const std::int32_t> document_end) {
  check_request(prompt, count);
  const NoGrad no_recording;
  const auto context = static_cast<std::size_t>(model.config().context);
  const auto vocabulary = static_cast<std::size_t>(model.config().vocabulary);
  std::vector<std::int32_t> tokens(prompt.begin(), prompt.end()), written;
  for (Index i = 0; i < count; ++i) {
    const std::size_t seen = seen_tokens(tokens, context, document_end);
    const Tensor logits = model(std::span(tokens).last(seen), 1);  // [1,T,V]
    const float* last = logits.data<float>() + (seen - 1) * vocabulary;
    const Drawn drawn = draw_token({last, vocabulary}, tokens, options, rng);
    tokens.push_back(drawn);
    written.push_back(drawn);
    if (each && !each(drawn)) break;
  }
  return written;
}

std::vector<std::int32_t> generate(Decoder& decoder, std::span<const std::int32_t> prompt, Index count,
                                   const SampleOptions& options, Rng& rng, const EachToken& each,
                                   std::span<const std::int32_t> document_end) {
  check_request(prompt, count);
  const auto context = static_cast<std::size_t>(decoder.model().config().context);
  std::vector<std::int32_t> tokens(prompt.begin(), prompt.end());
  const auto last = [&](std::size_t seen) { return std::span<const std::int32_t>(tokens).last(seen); };
  std::span<const float> logits;
  for (Index i = 0; i < count; ++i) {
    if (i == 0) {
      logits = decoder.start(last(seen_tokens(tokens, context, document_end)));
    } else {
      // A document that has slid out of the context takes what was read of it along.
      const std::size_t seen =
          tokens.size() > context ? from_document_end(tokens, context, document_end) : std::size_t{0};
      if (seen > 0 && seen <= static_cast<std::size_t>(decoder.length())) logits = decoder.start(last(seen));
      else logits = decoder.next(tokens.back());
    }
    const Drawn drawn = draw_token(logits, tokens, options, rng);
    tokens.push_back(drawn);
    if (each && !each(drawn)) break;
  }
  return {tokens.begin() + static_cast<std::ptrdiff_t>(prompt.size()), tokens.end()};
}

std::vector<std::int32_t> generate(const CharTransformer& model, std::span<const std::int32_t> prompt, Index count,
                                   const SampleOptions& options, Rng& rng, const EachToken& each,
                                   std::span<const std::int32_t> document_end) {
  return Writer(model).write(prompt, count, options, rng, each, document_end);
}

Writer::Writer(const CharTransformer& model, Decoder::Weights weights) : model_(model) {
  if (Probe::active() && weights == Decoder::Weights::kFloat32) return;
  try {
    decoder_ = std::make_unique<Decoder>(model, weights);
  } catch (const Decoder::Mismatch&) {  // a model that computes more than the decoder knows
    if (weights != Decoder::Weights::kFloat32) throw;
  }
}

std::vector<std::int32_t> Writer::write(std::span<const std::int32_t> prompt, Index count, const SampleOptions& options,
                                        Rng& rng, const EachToken& each, std::span<const std::int32_t> document_end) {
  return decoder_ ? generate(*decoder_, prompt, count, options, rng, each, document_end)
                  : generate_by_whole_model(model_, prompt, count, options, rng, each, document_end);
}

}  // namespace headlight
