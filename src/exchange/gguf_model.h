// The model in a GGUF file, as the file says: what a program that reads it computes.
#pragma once

#include <memory>

#include "formats/gguf.h"
#include "headlight/data/vocabulary.h"
#include "headlight/models/transformer.h"

namespace headlight {

inline constexpr const char *kGgufTokens = "tokenizer.ggml.tokens", *kGgufTokenKinds = "tokenizer.ggml.token_type";
inline constexpr std::int32_t kGgufNormal = 1, kGgufControl = 3;  // kinds of tokens

struct GgufModel {
  Vocabulary vocabulary;  // of the normal tokens; control tokens come last, and are left out of the model too
  std::unique_ptr<CharTransformer> model;
};
// Of a file that export_gguf() writes. Errors: another architecture, metadata that our models do not compute with, tokens
// that are no vocabulary, tensors that do not fit the metadata; the line begins with the file and names the entry.
GgufModel model_of_gguf(const Gguf& file);

}  // namespace headlight
