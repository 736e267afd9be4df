// How much of each expert (corpora/chorus.h) there is in given scores of the next symbol, such as a model's logits: least
// squares on the experts' true tables.
//
//   score[place][symbol] ~ sum over experts of K[expert] * table[expert][evidence at that place][symbol]
//
// Both sides are centered over the symbols, which removes the softmax's normalizer, and then over the windows at each
// position: mean-ablation (heads/ablation/ablation.h) leaves a head's mean at each position, and what the mean says is no evidence.
// A model that predicts the true probabilities has K = 1 for every expert; one that ignores an expert has K = 0 for it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "heads/ablation/interval.h"
#include "heads/ablation/slots.h"
#include "heads/roles/head_windows.h"
#include "training/run_data.h"

namespace headlight {

// Predictions at earlier positions are left out: some experts have no evidence there, or several have the same.
inline constexpr Index kRetentionFrom = 8;

// What experts say at each place of some windows. A place is an index into HeadWindows::inputs().
class ExpertWindows {
 public:
  // Errors: the text has no experts; no window has predictions from position kRetentionFrom on.
  ExpertWindows(const RunData& data, const HeadWindows& windows);

  const HeadWindows& windows() const { return windows_; }
  std::span<const Expert> experts() const { return experts_; }  // without evidence
  // The ids of the symbols that may come next, S of them, in the order of the tables' columns.
  std::span<const std::int32_t> next() const { return next_; }
  // The id of every symbol that may be evidence, in the order of the tables' rows.
  std::span<const std::int32_t> symbols() const { return symbols_; }
  // Whether the prediction at this place is measured.
  bool counts(Index place) const;
  // The place of an expert's evidence for the prediction at `place`; -1: it has none.
  Index evidence(std::size_t expert, Index place) const;
  // Row of the table centered over the S symbols, for an evidence of this id. Error: no symbol of the tables.
  std::span<const double> row(std::size_t expert, std::int32_t id) const;

 private:
  const HeadWindows& windows_;
  std::vector<Expert> experts_;
  std::vector<std::vector<std::int32_t>> evidence_;  // [expert][place]: how far back; 0: none
  std::vector<std::int32_t> symbols_, next_;
  std::vector<Index> row_of_id_;             // -1: none
  std::vector<std::vector<double>> tables_;  // [expert][row * S + column], centered
};

// The model's logits of the symbols that may come next, centered over them: [place][S]. A probe that is alive acts as
// always.
std::vector<double> symbol_logits(const CharTransformer& model, const ExpertWindows& experts);

// An estimate with its 95% interval, by bootstrap over windows.
using Estimates = std::vector<Interval>;  // [expert]

class ExpertRegression {
 public:
  // Both must outlive it.
  ExpertRegression(const ExpertWindows& experts, const Bootstrap& bootstrap);
  // K of scores [place][S]. An expert that says the same everywhere has K = 0.
  Estimates fit(std::span<const double> scores) const;

 private:
  std::vector<double> solve(std::vector<double> a, std::vector<double> b) const;
  void center(std::span<double> values, std::size_t width) const;

  const ExpertWindows& experts_;
  const Bootstrap& bootstrap_;
  std::vector<double> x_;                // [expert][place][S]
  std::vector<std::vector<double>> xx_;  // [window]: E x E sums
  std::vector<double> xx_all_;
};

}  // namespace headlight
