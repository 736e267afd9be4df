// Corpora of short sequences that each need something else of attention. A sequence is a line: as many symbols as the
// corpus says, one printable character each, and the line break that ends it. The line break of the sequence before is
// what a model sees first, so it is the start symbol too: a window of `length` predictions is one whole sequence.
//
// Sequences know nothing of each other, and of every symbol the true probability is known in closed form.
#pragma once

#include <cstdint>

#include "headlight/corpora/corpus.h"

namespace headlight {

// Repeats: n different symbols in random order, then the same again and again. n is drawn anew for each sequence,
// uniform over shortest..longest, so that what follows must be found by looking for an earlier copy: induction. With
// shortest = longest one head that always looks equally far back does as well, and nothing is shown by it: a trap.
//
//   new     a symbol not seen before: any of those left
//   turn    the first symbol again: when it comes is known only as far as n is
//   repeat  the symbol one period back; forced
//
// References: uniform (every symbol alike), unigram (which symbols there are, and not in which order).
struct RepeatsOptions {
  Index symbols = 32;  // at most 62: a-z, 0-9, A-Z
  Index shortest = 6, longest = 20;
  Index length = 64;
};
TracedText draw_repeats(const RepeatsOptions& options, Index chars, std::uint64_t seed, Trace trace = Trace::kFull);

// Roles: six rules that ask for six different things to look at. The first symbol is a letter, the topic. After it come
// events: a letter (weight .40), a digit (.10), a key (.20) or one of four marks (.075 each), those left out that are not
// possible; within a kind all alike. After a key or a mark the next symbol is forced:
//
//   =  previous   the symbol just before the mark; possible when that is a letter
//   ~  third      the symbol three places before the mark; possible when that is a letter
//   ^  topic      the first letter of the sequence
//   @  digit      the latest digit; possible when there is one
//   key           a letter drawn when the key first comes (rule key-first), and ever after the same one (key-again)
//
// The other rules: topic-first, the first symbol; free, an event. Evidence: the latest place that says it.
struct RolesOptions {
  Index letters = 12;  // a, b, ...; at most 26
  Index digits = 4;    // 1, 2, ...; at most 9
  Index keys = 6;      // A, B, ...; at most 26
  Index length = 96;
};
TracedText draw_roles(const RolesOptions& options, Index chars, std::uint64_t seed, Trace trace = Trace::kFull);

// Markov: every sequence has its own chance of each symbol to follow each other one, rows drawn from a symmetric
// Dirichlet distribution; the first symbol is any. A model can do no better than to learn them while it reads: the true
// probability is that of the posterior, (times j came after i + concentration) / (times i went on + symbols *
// concentration).
//
//   first   the first symbol
//   unseen  the symbol before comes for the first time, so what follows is any
//   seen    the symbol before came earlier
//
// Evidence: where the same pair stood last. References: uniform; unigram, (times j came + 1) / (symbols so far +
// symbols); bigram, the same for pairs; matrix, who knows the chances: its loss is the entropy rate.
struct MarkovOptions {
  Index symbols = 4;  // a, b, ...; at most 26
  double concentration = 0.3;
  Index length = 64;
};
TracedText draw_markov(const MarkovOptions& options, Index chars, std::uint64_t seed, Trace trace = Trace::kFull);

// Errors of all: options that make no corpus, chars outside 1..kMaxCorpusChars.
inline constexpr Index kMaxSequenceLength = 4096;

}  // namespace headlight
