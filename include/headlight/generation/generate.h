// Text generation: sampling from logits, continuing a prompt token by token, and filling gaps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "headlight/base/random.h"
#include "headlight/models/language_model.h"

namespace headlight {

struct SampleOptions {
  double temperature = 1;  // divides the logits; 0 always takes the most likely token
  Index top_k = 0;         // sample from the k most likely tokens; 0: from all
  double top_p = 1;        // sample from the fewest most likely tokens with a total probability of at least top_p
  // Above 1, recent tokens become less likely: the logit x of each of the last kRepetitionSpan tokens becomes x /
  // penalty if x > 0, otherwise x * penalty (CTRL, Keskar et al. 2019).
  double repetition_penalty = 1;
  bool log_probabilities = false;  // also compute SampledToken::log_probability
};
inline constexpr Index kRepetitionSpan = 64;

// A sampled token.
struct SampledToken {
  std::int32_t token = 0;
  // The model's own log-probability in nats, before temperature, top-k, top-p and penalty. NaN unless requested.
  double log_probability = 0;
  operator std::int32_t() const { return token; }
};
// Called with each sampled token; returning false ends the generation.
using EachToken = std::function<bool(const SampledToken&)>;

// Samples one token from logits [V]. Applies top_k, then temperature, then top_p. A token whose logit is -inf is never
// sampled. Errors: temperature or top_k negative, top_p outside (0, 1], a NaN or +inf among the logits, or none finite.
std::int32_t sample_token(std::span<const float> logits, const SampleOptions& options, Rng& rng);
// The same with the repetition penalty applied to the last tokens of `before`. Error: a penalty that is not above 0.
SampledToken draw_token(std::span<const float> logits, std::span<const std::int32_t> before,
                        const SampleOptions& options, Rng& rng);

// Checks that the model can continue a text. Error: the model does not predict the next token; the message begins with
// `where`.
void require_next_token(const LanguageModel& model, const std::string& where);

// Continues `prompt` by up to `count` tokens and returns them. Calls `each` with every new token, and stops if `each`
// returns false. The model's input is the last `context` tokens. Pass `document_end` if all training
// windows of the model began at a document end. The input then starts at the first document end among the last
// `context` tokens, if there is one. Errors: an empty prompt, require_next_token().
//
// Reads each token once with the model's reader. The result equals generate_full_context() up to rounding as long as
// the text, or the current document, fits the context. For longer texts, the reader defines which tokens the logits
// depend on (for transformers see models/decoder.h). If the model has no reader, this function is
// generate_full_context().
std::vector<std::int32_t> generate(const LanguageModel& model, std::span<const std::int32_t> prompt, Index count,
                                   const SampleOptions& options, Rng& rng, const EachToken& each = {},
                                   std::span<const std::int32_t> document_end = {});
// The same with an existing reader, which first forgets its tokens.
std::vector<std::int32_t> generate(TokenReader& reader, Index context, std::span<const std::int32_t> prompt,
                                   Index count, const SampleOptions& options, Rng& rng, const EachToken& each = {},
                                   std::span<const std::int32_t> document_end = {});
// The same by running the model over its whole context for each token. Slow; defines the correct result.
std::vector<std::int32_t> generate_full_context(const LanguageModel& model, std::span<const std::int32_t> prompt,
                                                Index count, const SampleOptions& options, Rng& rng,
                                                const EachToken& each = {},
                                                std::span<const std::int32_t> document_end = {});

// Generates many texts with one model: builds the reader once.
class TextGenerator {
 public:
  // The model must outlive this object. Errors: `format` is not kFloat32 and the model has no
  // reader for it; require_next_token().
  explicit TextGenerator(const LanguageModel& model, WeightFormat format = WeightFormat::kFloat32);
  // True if the model has no reader; generation then runs the model on the whole window for each token.
  bool reruns_window() const { return !reader_; }
  // As generate() above.
  std::vector<std::int32_t> generate(std::span<const std::int32_t> prompt, Index count, const SampleOptions& options,
                                     Rng& rng, const EachToken& each = {},
                                     std::span<const std::int32_t> document_end = {});

 private:
  const LanguageModel& model_;
  std::unique_ptr<TokenReader> reader_;  // null: generate_full_context()
};

// A gap that fill_gaps() filled.
struct FilledGap {
  std::size_t place = 0;  // index in the ids
  std::int32_t token = 0;
  Index round = 0;                  // counted from 0; gaps filled in earlier rounds were visible
  std::vector<double> probability;  // [V]: of each token, when the gap was filled
};
enum class FillOrder {
  kConfidentFirst,  // one gap per round: the gap whose best token is most probable; later rounds see this token
  kAtOnce,          // all gaps in one round, each independently of the others
};
// Replaces each gap (id V) by its most probable token. Returns the gaps in the order of the text.
// Errors: the objective of the model is not kMasked, no gaps, more ids than the context, an id outside 0..V.
std::vector<FilledGap> fill_gaps(const LanguageModel& model, std::span<std::int32_t> ids,
                                 FillOrder order = FillOrder::kConfidentFirst);

}  // namespace headlight
