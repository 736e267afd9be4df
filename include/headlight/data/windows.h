// Windows: the pieces of a text that a model is trained and measured on. A window of T predictions needs T+1 tokens: the
// first T are the inputs, each one's target is the token after it.
//
// Plain text is cut anywhere. A corpus of documents (short texts that know nothing of each other) is cut only where a
// document begins, so that a model sees all the evidence there is for each character, and its loss can be held against
// the corpus's known floor on the very same characters. Such a window begins with the last token of the document before,
// by which a model can tell that a document begins.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "headlight/base/random.h"
#include "headlight/data/token_ids.h"

namespace headlight {

struct TokenText {
  TokenIds ids;
  // Where windows may begin, ascending: the last token before each document. Empty for plain text.
  std::vector<Index> starts;
};

struct TokenSplit {
  TokenText train;       // the beginning of the text
  TokenText validation;  // the rest
  Index cut = 0;         // its first token
};

// The last `fraction` of the text for validation; cut at a document start where there are documents. A fraction of 0
// leaves no validation part. Errors: fraction outside [0, 1); a part too short for one window of `context` predictions,
// with the length it has and needs. `source` begins the line.
TokenSplit split_text(TokenText text, double fraction, Index context, const char* source);

// What every document ends with: the longest run of tokens common to all, up to those at `starts`, such as a full stop and
// an empty line. Empty when there is none, or fewer than two documents.
std::vector<std::int32_t> document_end(const TokenText& text);

struct Batch {
  Index rows = 0;                     // B
  std::vector<std::int32_t> inputs;   // B windows of T, one after another
  std::vector<std::int32_t> targets;  // kIgnoredTarget where nothing is to be predicted
};

// Fills `batch` with `rows` windows drawn with replacement: uniform over all places, or over document starts.
// Error: no window fits.
void random_windows(const TokenText& text, Index context, Index rows, Rng& rng, Batch& batch);

// One window of an evaluation: inputs start, start+1, ..., start+context-1 (those past the end of the text are padding);
// only the targets first..last (places in the text) count.
struct Window {
  Index start, first, last;
};
// Windows in which every token but the first is predicted once. Plain text: windows side by side. Documents: each window
// begins at a document start, and a token whose document began earlier in the same window counts there; what stands more
// than `context` tokens after the start of its document is left out.
// Of these at most `most`, evenly spread (0: all); with Padding::kNone, of those that need none.
enum class Padding { kAllowed, kNone };
std::vector<Window> evaluation_windows(const TokenText& text, Index context, Index most = 0,
                                       Padding padding = Padding::kAllowed);
// The batch of some of these windows.
void fill_windows(const TokenText& text, std::span<const Window> windows, Index context, Batch& batch);

}  // namespace headlight
