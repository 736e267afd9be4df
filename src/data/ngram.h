// NgramModel: n-gram language models, as baselines. A transformer with the same loss or a higher loss has learned no
// more than statistics of the last few tokens.
//
// The smoothing is interpolated Kneser-Ney (Kneser and Ney 1995; Chen and Goodman 1999, section 2.7):
//
//   p_n(w | h) = max(c(h w) - D_n, 0) / c(h .) + D_n N(h .) / c(h .) * p_{n-1}(w | h'),      p_0(w) = 1 / V
//
// h is the history (the last n - 1 tokens), and h' is h without its first token. V is the size of the vocabulary. At
// the highest order, c(x) is the number of occurrences of the n-gram x. At lower orders, c(x) is the continuation
// count: the number of distinct tokens that precede x. The sum of c(h w) over w is c(h .). The number of distinct
// tokens w with c(h w) > 0 is N(h .). The discount is D_n = n1 / (n1 + 2 n2), or 0.5 if n1 = 0; n1 and n2 are the
// numbers of n-grams of length n with c = 1 and c = 2. If c(h .) = 0, then p_n = p_{n-1}.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "headlight/base/index.h"

namespace headlight {

class NgramModel {
 public:
  // Counts the n-grams of 1 to `order` tokens in `text`. Counting stops after `most_tokens` tokens, or at about
  // `most_ngrams` distinct n-grams, which bounds the memory (about 40 bytes an n-gram).
  // Errors: an order outside 1..8, an empty text, a token outside the vocabulary.
  NgramModel(std::span<const std::int32_t> text, Index vocabulary, int order, Index most_tokens = 20'000'000,
             Index most_ngrams = 8'000'000);

  int order() const { return order_; }
  Index counted_tokens() const { return tokens_; }
  // p(next | before) under the model of the given order; always positive. Only the last order - 1 tokens of `before`
  // matter. Errors: an order outside 1..order(), a token outside the vocabulary.
  double probability(std::span<const std::int32_t> before, std::int32_t next, int order) const;
  // The mean cross-entropy, in nats a token, of tokens first..last-1 of `text`, each given all tokens before it; 0 for
  // an empty range. Errors: as for probability().
  double loss(std::span<const std::int32_t> text, Index first, Index last, int order) const;
  // The mean cross-entropy of up to `samples` evenly spaced tokens of `text`, in nats per token. The probability p of
  // each token starts as that of the highest order. It is then interpolated with a cache, the 256 tokens before (after
  // Kuhn and De Mori 1990), because a model with a long context predicts repeated names and phrases. For
  // k = 4, 5, .., 8:
  //
  //   p <- (c + t p) / (n + t)                                  (Witten and Bell 1991)
  //
  // n is the number of times that the last k tokens occur earlier in the cache. The predicted token follows c of these
  // occurrences; t distinct tokens follow them. If n = 0, p does not change. The result is 0 if `text` is empty or
  // `samples` < 1. Errors: as for probability().
  double loss_with_cache(std::span<const std::int32_t> text, Index samples) const;

 private:
  // A node of the trie of n-grams. Its parent is the n-gram without the last token.
  struct Node {
    std::uint32_t count = 0;                             // number of occurrences
    std::uint32_t before = 0;                            // continuation count
    std::uint32_t sum = 0;                               // of the children's counts
    std::uint32_t followers = 0;                         // number of children
    std::uint32_t sum_before = 0, followers_before = 0;  // the same for `before` instead of `count`
  };
  // A slot of the hash table (open addressing). The key is the parent and the last token.
  struct Slot {
    std::uint32_t parent = 0;
    std::int32_t token = -1;  // -1: free
    std::uint32_t node = 0;
  };

  std::size_t slot_of(std::uint32_t parent, std::int32_t token) const;
  // The child of `parent` by `token`; 0 (the root) if there is none.
  std::uint32_t find(std::uint32_t parent, std::int32_t token) const;
  std::uint32_t find_or_add(std::uint32_t parent, std::int32_t token, bool& added);
  void grow();
  void sum_up();
  void check(std::int32_t token) const;

  Index vocabulary_, tokens_ = 0;
  int order_;
  std::vector<Node> nodes_;  // [0] is the root, the empty n-gram
  std::vector<Slot> slots_;
  // D_n, indexed by n: from occurrence counts, and from continuation counts.
  std::vector<double> discount_, discount_before_;
};

}  // namespace headlight
