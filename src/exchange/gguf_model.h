// Builds a model from a GGUF file, with the configuration in the file's metadata, as llama.cpp does.
#pragma once

#include <memory>

#include "formats/gguf.h"
#include "headlight/data/vocabulary.h"
#include "headlight/models/transformer.h"

namespace headlight {

inline constexpr const char *kGgufTokens = "tokenizer.ggml.tokens", *kGgufTokenKinds = "tokenizer.ggml.token_type";
inline constexpr std::int32_t kGgufNormal = 1, kGgufControl = 3;  // token kinds

struct GgufModel {
  Vocabulary vocabulary;  // the normal tokens; control tokens come last and are not part of the model
  std::unique_ptr<TransformerLM> model;
};
// Reads a file written by export_gguf(). Errors: another architecture, unsupported metadata, tokens that are not
// characters or bytes, tensors that do not match the metadata. The message begins with the file and names the entry.
GgufModel model_of_gguf(const Gguf& file);

}  // namespace headlight
