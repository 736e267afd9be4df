// The two tasks of lesson 8, and five models whose cost a token is equal.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "headlight/headlight.h"

namespace headlight::lessons {

inline constexpr Index kTokens = 64;  // T: symbols of a sequence

// Symbols: 0..63 are facts; kValues k + v states that key k has value v. 64..79 are queries; 64 + k asks for the value
// of key k.
inline constexpr Index kKeys = 16, kValues = 4, kKinds = kKeys * kValues + kKeys;

// *Fixed offset*: random facts; the target at each place is the symbol kOffset places back.
inline constexpr Index kOffset = 5;
Batch fixed_offset(Index rows, Rng& rng);

// *Recall*: facts and queries in equal shares. The value of each key is drawn anew for each sequence. The target at a query
// is the value of its key, as a symbol 0..3, if a fact before has stated it; all other places have no target.
Batch recall(Index rows, Rng& rng);
// The distance from each query of recall() that has a target to the last fact about its key; 0 elsewhere.
std::vector<Index> distances(const Batch& batch);

struct ComparedModel {
  std::string name;        // "window of 16"
  std::string short_name;  // of the figures: "window"
};
extern const std::vector<ComparedModel> kContestants;

// A model with random weights.
std::unique_ptr<LanguageModel> make_contestant(const ComparedModel& contestant, std::uint64_t seed);
// The floating-point operations that training takes for each token: 3 times those of the forward pass (the backward pass
// computes two products for each product). Forward: 2 for each element of a weight matrix, the output's included, and for
// the attention of a layer of width C with heads of size D: 2 C T for full causal attention (on average T/2 keys, 2 C for
// their scores and 2 C for the sum of values), 4 C min(W, T/2) for a window, 4 C D for linear attention (the state's
// update and its product with the query).
double flops_a_token(const ComparedModel& contestant);
Index width_of(const ComparedModel& contestant);

}  // namespace headlight::lessons
