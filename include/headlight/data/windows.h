// Windows: the fixed-length pieces of a text on which a model is trained and evaluated. A window of T predictions spans
// T+1 tokens: the first T are the inputs, and the target of each input is the next token.
//
// In plain text a window may begin at any token. In a corpus of independent documents, windows begin only where a
// document begins. The model then sees the whole document up to each character, so that its loss can be compared with
// the corpus's exact floor on the same characters. The first input of such a window is the last token of the previous
// document, which tells the model that a document begins.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "headlight/base/random.h"
#include "headlight/data/token_ids.h"

namespace headlight {

struct TokenText {
  TokenIds ids;
  // Where windows may begin: the index of the last token before each document, ascending. Empty for plain text.
  std::vector<Index> starts;
};

struct TokenSplit {
  TokenText train;       // the beginning of the text
  TokenText validation;  // the rest
  Index cut = 0;         // index of the first validation token
};

// Uses the last `fraction` of the text for validation. If the text has documents, the cut moves back to a document
// start. A fraction of 0 makes the validation part empty.
// Errors, each beginning with `source`: fraction outside [0, 1); a part too short for one window of `context`
// predictions (gives the actual and the required length).
TokenSplit split_text(TokenText text, double fraction, Index context, const char* source);

// The longest token sequence with which all documents end, such as a full stop and an empty line. The last document is
// not considered, because it may be cut short. Empty if there is no common ending, or fewer than two documents.
std::vector<std::int32_t> document_end(const TokenText& text);

struct Batch {
  Index rows = 0;                     // B
  std::vector<std::int32_t> inputs;   // [B, T]
  std::vector<std::int32_t> targets;  // [B, T]; kIgnoredTarget: not part of the loss
};

// Fills `batch` with `rows` windows, drawn uniformly with replacement: from all positions of plain text, or from all
// document starts. Error: the text is too short for a window.
void random_windows(const TokenText& text, Index context, Index rows, Rng& rng, Batch& batch);

// The order in which training reads the windows of a text.
enum class Sampling {
  kRandom,  // random_windows() and random_documents()
  kEpochs   // epoch_windows() and epoch_documents()
};

// Fills `batch` with the windows first .. first + rows - 1 of an endless sequence of epochs; first >= 0. An epoch of
// plain text divides the text, from a random offset on, into adjacent windows; the tokens left over at both ends, fewer
// than 2 `context`, are skipped. An epoch of documents has one window for each document start that a whole window
// follows. Each epoch has its own random order. The same text, context and seed give the same sequence.
// Error: the text is too short for a window.
void epoch_windows(const TokenText& text, Index context, Index first, Index rows, std::uint64_t seed, Batch& batch);

// A window of an evaluation. Its inputs are the tokens start..start+context-1; inputs past the end of the text are
// padding. Only the targets first..last count (token indices in the text, both inclusive).
struct Window {
  Index start, first, last;
};
// Windows that together predict every token at most once.
//
// Plain text is divided into consecutive windows, which predict every token except the first. With documents, each
// window begins at a document start. The last document that begins inside a window may not fit, so the window's targets
// end before this document, and the next window begins with it. Tokens more than `context` tokens after the start of
// their document are never predicted.
//
// If `most` is positive and there are more than `most` windows, returns `most` of them, evenly spaced. Padding::kNone
// excludes windows that need padding.
enum class Padding { kAllowed, kNone };
std::vector<Window> evaluation_windows(const TokenText& text, Index context, Index most = 0,
                                       Padding padding = Padding::kAllowed);
// Windows for models that read one document at a time: one window per document. A window begins at the start of its
// document and has `context` targets, or fewer at the end of the text. A positive `most` limits the number of windows;
// they are then evenly spaced.
std::vector<Window> document_windows(const TokenText& text, Index context, Index most = 0);
// Fills `batch` with `rows` of the document windows, drawn uniformly with replacement. Error: no documents.
void random_documents(const TokenText& text, Index context, Index rows, Rng& rng, Batch& batch);
// Fills `batch` with the document windows first .. first + rows - 1 of an endless sequence. Each epoch of the sequence
// has every document once, in a random order of its own. Error: no documents.
void epoch_documents(const TokenText& text, Index context, Index first, Index rows, std::uint64_t seed, Batch& batch);
// Fills `batch` with the given windows, one row each.
void fill_windows(const TokenText& text, std::span<const Window> windows, Index context, Batch& batch);

}  // namespace headlight
