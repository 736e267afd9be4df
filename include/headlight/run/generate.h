// Writing text with a model, one token at a time.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "headlight/base/random.h"
#include "headlight/nn/decoder.h"
#include "headlight/nn/transformer.h"

namespace headlight {

struct SampleOptions {
  double temperature = 1;  // divides the logits; 0 always takes the likeliest token
  Index top_k = 0;         // only the k likeliest; 0: all
  double top_p = 1;        // only the likeliest that together reach this probability
};

// Draws one token from logits [V]. The order of what is left out: top_k, then temperature, then top_p.
// Errors: temperature or top_k negative, top_p outside (0, 1], a logit that is not a number, or
// none that is finite. A logit of -infinity is a token that is never drawn.
std::int32_t sample_token(std::span<const float> logits, const SampleOptions& options, Rng& rng);

// Continues `prompt` by `count` tokens. The model sees the last `context` tokens; `each` is called with every new token
// and ends the text by returning false. An empty prompt is an error: give at least one token to start from.
// `document_end` is for models trained on documents, whose windows all begin with the end of one: of the last `context`
// tokens they see those from the first such place on, if there is one.
//
// Runs a Decoder (nn/decoder.h): each token is read once. Until the text is longer than the context, and for documents
// that fit into it at any length, this is the text of generate_by_whole_model up to rounding; beyond, nn/decoder.h says
// what the model sees. A model that the decoder does not know, or a probe that watches, gets generate_by_whole_model.
std::vector<std::int32_t> generate(const CharTransformer& model, std::span<const std::int32_t> prompt, Index count,
                                   const SampleOptions& options, Rng& rng,
                                   const std::function<bool(std::int32_t)>& each = {},
                                   std::span<const std::int32_t> document_end = {});
// The same with a decoder that is there already, whatever it has read before.
std::vector<std::int32_t> generate(Decoder& decoder, std::span<const std::int32_t> prompt, Index count,
                                   const SampleOptions& options, Rng& rng,
                                   const std::function<bool(std::int32_t)>& each = {},
                                   std::span<const std::int32_t> document_end = {});
// By running the model over its whole context for each token: slow, and the definition of what it sees.
std::vector<std::int32_t> generate_by_whole_model(const CharTransformer& model, std::span<const std::int32_t> prompt,
                                                  Index count, const SampleOptions& options, Rng& rng,
                                                  const std::function<bool(std::int32_t)>& each = {},
                                                  std::span<const std::int32_t> document_end = {});

}  // namespace headlight
