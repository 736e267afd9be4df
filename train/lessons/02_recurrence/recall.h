// The recall task and four families of models of equal size: what lesson 2 trains, and how it measures.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "headlight/headlight.h"

namespace headlight::lessons {

// The alphabet: facts 0..7, fillers 8..15 and the query 16.
inline constexpr Index kFacts = 8, kFillers = 8, kSymbols = kFacts + kFillers + 1;
// A sequence of the mixed training has 72 symbols and the query. Facts are at most 64 places before the query.
inline constexpr Index kFarthest = 64, kLength = 72;

// One sequence for each distance: `length` fillers, of which the one that is `distance` places before the query is
// replaced by a fact, then the query. The only target is the fact, at the query. Fact number r % 8 is in sequence r.
Batch recall(Index length, const std::vector<Index>& distances, Rng& rng);

struct Family {
  std::string name;        // "tanh-RNN"
  std::string short_name;  // of the figures, and of a recurrent network in the registry: "rnn"
};
// The tanh-RNN, the LSTM, the GRU and attention.
extern const std::vector<Family> kFamilies;

Index parameters_of(const LanguageModel& model);
// A model with random weights. `attention` is one transformer block of width 32; a recurrent network has one layer, of
// the width whose number of parameters is closest to that.
std::unique_ptr<LanguageModel> make_model(const Family& family, std::uint64_t seed);

// Trains on `steps` batches of next(rng), with AdamW and a cosine schedule. Calls progress(step) before each step.
void train_recall(LanguageModel& model, Index steps, double learning_rate, std::uint64_t seed,
                  const std::function<Batch(Rng&)>& next, const std::function<void(Index)>& progress);

// The share of 256 sequences in which the fact is the most probable of all symbols. Chance is 1/8.
double accuracy(const LanguageModel& model, Index length, Index distance);

// The norm of the loss's gradient with respect to the embedding of the fact, in sequences of the mixed training:
// geometric mean over the eight facts. The fact occurs once in its sequence, so this gradient has come back over
// exactly `distance` steps.
double gradient(LanguageModel& model, Index distance);

// The share of the states h that lie below -0.9 or above 0.9 while a recurrent network reads sequences of the mixed
// training.
double saturation(const Family& family, const LanguageModel& model);

}  // namespace headlight::lessons
