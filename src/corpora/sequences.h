// Corpora of short sequences, each of which requires a different use of attention.
//
// A sequence is a line of `length` symbols (one printable character each) and a line break. The line break of the
// previous sequence serves as the start symbol, so a window of `length` predictions covers exactly one sequence.
// Sequences are independent, and the exact probability of every symbol has a closed form.
#pragma once

#include <cstdint>

#include "headlight/corpora/corpus.h"

namespace headlight {

// Repeats: n distinct symbols in random order, repeated until the line is full.
//
// Each sequence draws its period n uniformly from shortest..longest, so a model must find the earlier copy of the
// current symbol and read the symbol after it: induction. If shortest = longest, a head that attends at a fixed
// distance predicts equally well. That corpus is a trap: a low loss on it is no evidence of induction. The rules:
//
//   new     a symbol that has not occurred yet, uniform over the rest
//   turn    the first symbol again; uncertain, because n is unknown until then
//   repeat  the symbol one period back; certain
//
// References: uniform (all symbols equally likely), unigram (only the sequence's symbols, all equally likely).
struct RepeatsOptions {
  Index symbols = 32;  // at most 62: a-z, 0-9, A-Z
  Index shortest = 6, longest = 20;
  Index length = 64;
};
TracedText draw_repeats(const RepeatsOptions& options, Index chars, std::uint64_t seed, Trace trace = Trace::kFull);

// Roles: symbols determined by marks and keys, each of which requires attention to a different position.
//
// The first symbol is a letter, the topic. Then follow events: a letter (weight .40), a digit (.10), a key (.20) or one
// of four marks (.075 each). Impossible marks are excluded, and symbols of one kind are equally likely. The symbol
// after a mark or a key is its answer:
//
//   =  previous   the symbol just before the mark; possible only if this symbol is a letter
//   ~  third      the symbol three positions before the mark; possible only if this symbol is a letter
//   ^  topic      the first letter of the sequence
//   @  digit      the latest digit; possible only if there is one
//   key           a random letter at the key's first occurrence (rule key-first), and the same letter after every later
//                 occurrence (rule key-again)
//
// The other rules are topic-first (the first symbol) and free (an event). Evidence: the latest position that determines
// the answer.
struct RolesOptions {
  Index letters = 12;  // a, b, ...; at most 26
  Index digits = 4;    // 1, 2, ...; at most 9
  Index keys = 6;      // A, B, ...; at most 26
  Index length = 96;
};
TracedText draw_roles(const RolesOptions& options, Index chars, std::uint64_t seed, Trace trace = Trace::kFull);

// Markov: every sequence is a Markov chain with its own transition matrix.
//
// The rows of the matrix are drawn from a symmetric Dirichlet distribution, and the first symbol is uniform. A model
// has to learn the matrix in context. The exact probability is the posterior predictive probability:
//
//   p(j | i) = (n(i j) + concentration) / (n(i .) + k * concentration)
//
// n(i j) is how often j has followed i so far, n(i .) is the sum over j, and k is the number of symbols.
//
// The rules:
//
//   first   the first symbol
//   unseen  the previous symbol occurs for the first time, so the next one is uniform
//   seen    the previous symbol has occurred before
//
// Evidence: the latest occurrence of the same pair. References, where j occurs n(j) times among the n symbols so far:
//
//   uniform  1 / k
//   unigram  (n(j) + 1) / (n + k)
//   bigram   (n(i j) + 1) / (n(i .) + k)
//   matrix   the true transition probabilities, whose loss is the entropy rate
struct MarkovOptions {
  Index symbols = 4;  // a, b, ...; at most 26
  double concentration = 0.3;
  Index length = 64;
};
TracedText draw_markov(const MarkovOptions& options, Index chars, std::uint64_t seed, Trace trace = Trace::kFull);

// Errors of all draw_ functions: invalid options, chars outside 1..kMaxCorpusChars, a length outside this limit.
inline constexpr Index kMaxSequenceLength = 4096;

}  // namespace headlight
