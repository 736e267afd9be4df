#include "headlight/run/generate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "headlight/autograd/tape.h"
#include "headlight/base/error.h"
#include "headlight/nn/probe.h"

namespace headlight {

std::int32_t sample_token(std::span<const float> logits, const SampleOptions& o, Rng& rng) {
  if (!(o.temperature >= 0) || o.top_k < 0 || !(o.top_p > 0 && o.top_p <= 1))
    fail("sample: temperature ", o.temperature, ", top-k ", o.top_k, ", top-p ", o.top_p,
         ": the first two must not be negative, the last is above 0 and at most 1");
  if (logits.empty()) fail("sample: no logits");
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float top = -kInfinity;
  for (const float x : logits) top = std::isnan(x) ? x : std::isnan(top) ? top : std::max(top, x);
  if (!std::isfinite(top))
    fail("sample: the model's output is not a number; its weights are damaged or training diverged");
  // Tokens by falling logit; equal ones by id, so that the order is the same everywhere.
  PoolVector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
    return x > y || (x == y && a < b);
  });
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

void check_prompt(std::span<const std::int32_t> prompt) {
  if (prompt.empty()) fail("sample: the prompt is empty; give at least one character");
}

}  // namespace

std::vector<std::int32_t> generate_by_whole_model(const CharTransformer& model, std::span<const std::int32_t> prompt,
                                                  Index count, const SampleOptions& options, Rng& rng,
                                                  const std::function<bool(std::int32_t)>& each,
                                                  std::span<const std::int32_t> document_end) {
  check_prompt(prompt);
  const NoGrad no_recording;
  const auto context = static_cast<std::size_t>(model.config().context);
  const auto vocabulary = static_cast<std::size_t>(model.config().vocabulary);
  std::vector<std::int32_t> tokens(prompt.begin(), prompt.end()), written;
  for (Index i = 0; i < count; ++i) {
    const std::size_t seen = seen_tokens(tokens, context, document_end);
    const Tensor logits = model(std::span(tokens).last(seen), 1);  // [1,T,V]
    const float* last = logits.data<float>() + (seen - 1) * vocabulary;
    const std::int32_t token = sample_token({last, vocabulary}, options, rng);
    tokens.push_back(token);
    written.push_back(token);
    if (each && !each(token)) break;
  }
  return written;
}

std::vector<std::int32_t> generate(Decoder& decoder, std::span<const std::int32_t> prompt, Index count,
                                   const SampleOptions& options, Rng& rng,
                                   const std::function<bool(std::int32_t)>& each,
                                   std::span<const std::int32_t> document_end) {
  check_prompt(prompt);
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
    tokens.push_back(sample_token(logits, options, rng));
    if (each && !each(tokens.back())) break;
  }
  return {tokens.begin() + static_cast<std::ptrdiff_t>(prompt.size()), tokens.end()};
}

std::vector<std::int32_t> generate(const CharTransformer& model, std::span<const std::int32_t> prompt, Index count,
                                   const SampleOptions& options, Rng& rng,
                                   const std::function<bool(std::int32_t)>& each,
                                   std::span<const std::int32_t> document_end) {
  check_prompt(prompt);
  std::optional<Decoder> decoder;
  if (!Probe::active()) {
    try {
      decoder.emplace(model);
    } catch (const Decoder::Mismatch&) {  // a model that computes more than the decoder knows
    }
  }
  return decoder ? generate(*decoder, prompt, count, options, rng, each, document_end)
                 : generate_by_whole_model(model, prompt, count, options, rng, each, document_end);
}

}  // namespace headlight
