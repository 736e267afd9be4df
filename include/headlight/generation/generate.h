// Writing text with a model, one token at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "headlight/base/random.h"
#include "headlight/generation/decoder.h"
#include "headlight/models/transformer.h"

namespace headlight {

struct SampleOptions {
  double temperature = 1;  // divides the logits; 0 always takes the likeliest token
  Index top_k = 0;         // only the k likeliest; 0: all
  double top_p = 1;        // only the likeliest that together reach this probability
  // Above 1, what was written lately is drawn less: the logit x of each of the last kRepetitionSpan tokens becomes x / penalty
  // where it is positive, x * penalty where it is not (Keskar and others, CTRL, 2019).
  double repetition_penalty = 1;
  bool log_probabilities = false;  // also measure Drawn::log_probability
};
inline constexpr Index kRepetitionSpan = 64;

// A token that was written.
struct Drawn {
  std::int32_t token = 0;
  // What the model itself gave it, before temperature and all else changed that; nats. Not a number unless asked for.
  double log_probability = 0;
  operator std::int32_t() const { return token; }
};
// Called with each token as it is drawn; false ends the text.
using EachToken = std::function<bool(const Drawn&)>;

// Draws one token from logits [V]. The order of what is left out: top_k, then temperature, then top_p.
// Errors: temperature or top_k negative, top_p outside (0, 1], a logit that is not a number, or
// none that is finite. A logit of -infinity is a token that is never drawn.
std::int32_t sample_token(std::span<const float> logits, const SampleOptions& options, Rng& rng);
// The same after `before`, whose last tokens the repetition penalty holds down. Error: a penalty that is not above 0.
Drawn draw_token(std::span<const float> logits, std::span<const std::int32_t> before, const SampleOptions& options,
                 Rng& rng);

// Continues `prompt` by `count` tokens. The model sees the last `context` tokens; `each` is called with every new token
// and ends the text by returning false. An empty prompt is an error: give at least one token to start from.
// `document_end` is for models trained on documents, whose windows all begin with the end of one: of the last `context`
// tokens they see those from the first such place on, if there is one.
//
// Runs a Decoder (generation/decoder.h): each token is read once. Until the text is longer than the context, and for documents
// that fit into it at any length, this is the text of generate_by_whole_model up to rounding; beyond, generation/decoder.h says
// what the model sees. A model that the decoder does not know, or a probe that watches, gets generate_by_whole_model.
std::vector<std::int32_t> generate(const CharTransformer& model, std::span<const std::int32_t> prompt, Index count,
                                   const SampleOptions& options, Rng& rng, const EachToken& each = {},
                                   std::span<const std::int32_t> document_end = {});
// The same with a decoder that is there already, whatever it has read before.
std::vector<std::int32_t> generate(Decoder& decoder, std::span<const std::int32_t> prompt, Index count,
                                   const SampleOptions& options, Rng& rng, const EachToken& each = {},
                                   std::span<const std::int32_t> document_end = {});
// By running the model over its whole context for each token: slow, and the definition of what it sees.
std::vector<std::int32_t> generate_by_whole_model(const CharTransformer& model, std::span<const std::int32_t> prompt,
                                                  Index count, const SampleOptions& options, Rng& rng,
                                                  const EachToken& each = {},
                                                  std::span<const std::int32_t> document_end = {});

// A model that is to write many texts: what can be made ready once is.
class Writer {
 public:
  // Errors: as Decoder's; but float32 weights of a model that it does not know are written with by the whole model.
  // The model must outlive the writer.
  explicit Writer(const CharTransformer& model, Decoder::Weights weights = Decoder::Weights::kFloat32);
  // generate() above.
  std::vector<std::int32_t> write(std::span<const std::int32_t> prompt, Index count, const SampleOptions& options,
                                  Rng& rng, const EachToken& each = {},
                                  std::span<const std::int32_t> document_end = {});

 private:
  const CharTransformer& model_;
  std::unique_ptr<Decoder> decoder_;  // null: the whole model
};

}  // namespace headlight
