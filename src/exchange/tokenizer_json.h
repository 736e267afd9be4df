// Hugging Face's tokenizer.json for vocabularies of characters and of bytes: a BPE model without merges.
#pragma once

#include "formats/json.h"
#include "headlight/data/vocabulary.h"

namespace headlight {

// For characters: no pre-tokenizer, and a decoder that joins the tokens. For bytes: the ByteLevel pre-tokenizer and
// decoder. Such a tokenizer silently drops characters outside the vocabulary.
Json tokenizer_json(const Vocabulary& vocabulary);

// The vocabulary of a tokenizer.json. Errors: merges, steps that change the text, tokens of more than one character,
// gaps between ids.
Vocabulary vocabulary_of(const JsonView& tokenizer);

}  // namespace headlight
