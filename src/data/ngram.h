// How far counting gets: n-gram models, the losses that a transformer has to beat to have learned more than its last few
// tokens. Interpolated Kneser-Ney (Kneser and Ney 1995; Chen and Goodman 1999, section 2.7), the best of its kind:
//
//   p_n(w | h) = max(c(h w) - D_n, 0) / c(h .) + D_n N(h .) / c(h .) * p_{n-1}(w | h'),      p_0(w) = 1 / V
//
// h is the n - 1 tokens before and h' the same without the first; c counts occurrences at the highest order, and below
// it the different tokens seen before an n-gram; N(h .) is how many different tokens follow h. The discount is
// D_n = n1 / (n1 + 2 n2), from how many n-grams have the counts 1 and 2 (a half where none has the count 1). Where h was
// never seen, p_n is p_{n-1}.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "headlight/base/index.h"

namespace headlight {

class NgramModel {
 public:
  // Counted on the first `most_tokens` of `text`, or as far as there is room for `most_ngrams` different n-grams of 1 to
  // `order` tokens: 40 bytes each or so. Errors: an order outside 1..8, no tokens, one outside the vocabulary.
  NgramModel(std::span<const std::int32_t> text, Index vocabulary, int order, Index most_tokens = 20'000'000,
             Index most_ngrams = 8'000'000);

  int order() const { return order_; }
  Index counted_tokens() const { return tokens_; }
  // The probability of `next` after `before` (only the last order - 1 tokens matter), by the model of the given order,
  // 1..order(). Never 0. Errors: another order, a token outside the vocabulary.
  double probability(std::span<const std::int32_t> before, std::int32_t next, int order) const;
  // Mean -log probability, nats, of tokens first..last-1 of a text, each after all that stand before it.
  double loss(std::span<const std::int32_t> text, Index first, Index last, int order) const;

 private:
  // The n-gram that a token makes of a shorter one.
  struct Node {
    std::uint32_t count = 0;                             // occurrences
    std::uint32_t before = 0;                            // different tokens seen before it
    std::uint32_t sum = 0;                               // of the counts of the n-grams one token longer
    std::uint32_t followers = 0;                         // how many those are
    std::uint32_t sum_before = 0, followers_before = 0;  // likewise, of `before`
  };
  // Open addressing: the key is the n-gram's parent and last token, exactly.
  struct Slot {
    std::uint32_t parent = 0;
    std::int32_t token = -1;  // -1: free
    std::uint32_t node = 0;
  };

  std::size_t slot_of(std::uint32_t parent, std::int32_t token) const;
  // The node, or 0 (the empty n-gram) if there is none.
  std::uint32_t find(std::uint32_t parent, std::int32_t token) const;
  std::uint32_t find_or_add(std::uint32_t parent, std::int32_t token, bool& added);
  void grow();
  void sum_up();
  void check(std::int32_t token) const;

  Index vocabulary_, tokens_ = 0;
  int order_;
  std::vector<Node> nodes_;  // [0]: the empty n-gram
  std::vector<Slot> slots_;
  // By order: the discount where it is the highest, and where it lies below.
  std::vector<double> discount_, discount_before_;
};

}  // namespace headlight
