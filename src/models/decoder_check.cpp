// Compares a decoder with its model at every position of the context, after a prompt, and with a full cache.
#include "models/decoder_check.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "headlight/autograd/tape.h"
#include "headlight/base/random.h"

namespace headlight {

namespace {

// Limits on the work of the check, for tokens read one by one and for tokens read in one batch: number of tokens times
// bytes of weights and cache per token. Each limit takes a few tenths of a second (Zen 4, two cores).
constexpr Index kMaxByOne = Index{1} << 30, kMaxTogether = Index{96} << 30;
// Minimum numbers of compared tokens for any model size: tokens read one by one (at each end), and tokens in all.
constexpr Index kMinByOne = 16, kMin = 64;
// A sliding cache is compared for contexts up to this size, because its mask grows with the square of the context.
constexpr Index kLongestWindow = 256;

using Ids = std::vector<std::int32_t>;

class Comparison {
 public:
  explicit Comparison(Decoder& decoder) : decoder_(decoder), model_(decoder.model()), c_(model_.config()) {
    Rng rng(1);
    for (Index i = 0; i < c_.context + 2; ++i) ids_.push_back(static_cast<std::int32_t>(rng.below(c_.vocabulary)));
  }

  void run() {
    const Index bytes = decoder_.bytes_read(c_.context);
    const Index count = std::min(c_.context, std::max(kMin, kMaxTogether / bytes));
    const Index by_one = kMaxByOne / bytes >= count ? count : std::min(count, kMinByOne);
    const Tensor model_logits = model_(first(count), 1);  // [1,T,V]
    for (Index t = 0; t < by_one; ++t) compare(model_logits, t, decoder_.next(id(t)), t);
    // A prompt in one batch, then the tokens after it.
    const Index prompt = std::max<Index>(1, count - kMinByOne);
    compare(model_logits, prompt - 1, decoder_.start(first(prompt)), prompt - 1);
    for (Index t = prompt; t < count; ++t) compare(model_logits, t, decoder_.next(id(t)), t);
    if (count == c_.context) model_.position->relative() ? slide() : start_again();
  }

 private:
  std::int32_t id(Index t) const { return ids_[static_cast<std::size_t>(t)]; }
  std::span<const std::int32_t> first(Index count) const {
    return std::span(ids_).first(static_cast<std::size_t>(count));
  }

  // With a full cache, the decoder reads the last half of the context again, together with the next token.
  void start_again() {
    const Index kept = c_.context / 2 + 1;
    const Tensor model_logits = model_(
        std::span(ids_).subspan(static_cast<std::size_t>(c_.context + 1 - kept), static_cast<std::size_t>(kept)), 1);
    compare(model_logits, kept - 1, decoder_.next(id(c_.context)), c_.context);
  }

  // With a full cache, a sliding decoder equals the model with an attention window of T tokens in every block, or with
  // the pattern's own, smaller window.
  void slide() {
    const Index length = c_.context + 2;
    if (c_.context > kLongestWindow) return;
    Tensor window = Tensor::zeros({length, length}, DType::kFloat32);
    for (Index t = 0; t < length; ++t)
      for (Index s = std::max<Index>(0, t - c_.context + 1); s <= t; ++s) window.data<float>()[t * length + s] = 1;
    const bool sums = make_attention(c_.attention)->step()->linear;  // the sums also keep tokens beyond the context
    const AttentionMask mask{.causal = true, .allowed = sums ? Tensor() : window};
    Tensor x = model_.position->embed(model_.tokens(ids_, Shape{1, length}));
    for (const Child<TransformerBlock>& block : model_.blocks) x = block(x, mask, model_.position.get());
    const Tensor model_logits = model_.logits(x);
    for (Index t = c_.context; t < length; ++t) compare(model_logits, t, decoder_.next(id(t)), t);
  }

  void compare(const Tensor& model_logits, Index row, std::span<const float> logits, Index t) const {
    const float* expected = model_logits.data<float>() + row * c_.vocabulary;
    double size = 1, error = 0;
    for (Index i = 0; i < c_.vocabulary; ++i) {
      const auto a = static_cast<double>(expected[i]), b = static_cast<double>(logits[static_cast<std::size_t>(i)]);
      if (!std::isfinite(a) && !std::isfinite(b)) continue;  // damaged weights: both are non-finite
      size = std::max(size, std::abs(a));
      error = std::isfinite(a - b) ? std::max(error, std::abs(a - b)) : INFINITY;
    }
    if (error > 1e-3 * size)
      throw Decoder::Mismatch(cat("decoder: its logits differ from the model's by ", error, " at token ", t, " of ",
                                  c_.context, kDecoderAdvice));
  }

  Decoder& decoder_;
  const TransformerLM& model_;
  const TransformerConfig& c_;
  Ids ids_;
};

}  // namespace

void check_decoder(Decoder& decoder) {
  const NoGrad no_recording;
  Comparison(decoder).run();
}

}  // namespace headlight
