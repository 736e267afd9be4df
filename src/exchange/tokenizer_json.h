// tokenizer.json of Hugging Face's tokenizers, for vocabularies of characters and of bytes: a BPE model without merges.
#pragma once

#include "formats/json.h"
#include "headlight/data/vocabulary.h"

namespace headlight {

// Characters: no steps before or after, and a decoder that joins the tokens. Bytes: the ByteLevel step and decoder.
// Either way a character outside the vocabulary is left out of the text without a word: that is what such a model does.
Json tokenizer_json(const Vocabulary& vocabulary);

// The vocabulary, ids in order. Errors: merges, steps that change the text, tokens of more than one character, ids with gaps.
Vocabulary vocabulary_of(const JsonView& tokenizer);

}  // namespace headlight
