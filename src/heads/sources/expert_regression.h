// Regression of next-symbol scores, such as a model's logits, on the true tables of the experts (corpora/chorus.h) by
// least squares. The coefficient K of an expert measures how much of the expert the scores contain.
//
//   score[place][symbol] ~ sum over experts of K[expert] * table[expert][evidence at that place][symbol]
//
// Both sides are centered over the symbols, which removes the softmax's normalizer. At each position, both are then
// centered over the windows, which removes the constant that mean-ablation (heads/ablation/ablation.h) adds. A model that predicts the true probabilities has K = 1 for every expert. A model that ignores an expert
// has K = 0 for this expert.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "heads/ablation/interval.h"
#include "heads/ablation/prediction_subsets.h"
#include "heads/roles/head_windows.h"
#include "training/run_data.h"

namespace headlight {

// Predictions at earlier positions are left out, because some experts have no evidence there or share it with others.
inline constexpr Index kRetentionFrom = 8;

// The experts' evidence and tables at each place of some windows. A place is an index into HeadWindows::inputs().
class ExpertWindows {
 public:
  // Errors: the text has no experts; no window has predictions from position kRetentionFrom on.
  ExpertWindows(const RunData& data, const HeadWindows& windows);

  const HeadWindows& windows() const { return windows_; }
  std::span<const Expert> experts() const { return experts_; }  // their `evidence` member is empty
  // The ids of the S symbols that may come next, in the order of the tables' columns.
  std::span<const std::int32_t> next() const { return next_; }
  // The id of every symbol that may be evidence, in the order of the tables' rows.
  std::span<const std::int32_t> symbols() const { return symbols_; }
  // Whether the prediction at this place is measured.
  bool counts(Index place) const;
  // The place of an expert's evidence for the prediction at `place`; -1: no evidence.
  Index evidence(std::size_t expert, Index place) const;
  // The row of an expert's table for evidence of this id, centered over the S symbols. Error: the tables lack this
  // symbol.
  std::span<const double> row(std::size_t expert, std::int32_t id) const;

 private:
  const HeadWindows& windows_;
  std::vector<Expert> experts_;
  std::vector<std::vector<std::int32_t>> evidence_;  // [expert][place]: distance back; 0: none
  std::vector<std::int32_t> symbols_, next_;
  std::vector<Index> row_of_id_;             // -1: none
  std::vector<std::vector<double>> tables_;  // [expert][row * S + column], centered
};

// The model's logits of the symbols that may come next, centered over these symbols: [place][S]. Active hooks apply.
std::vector<double> symbol_logits(const HeadedModel& model, const ExpertWindows& experts);

// An estimate with its 95% interval, by bootstrap over windows.
using Estimates = std::vector<Interval>;  // [expert]

class ExpertRegression {
 public:
  // Both must outlive this object.
  ExpertRegression(const ExpertWindows& experts, const Bootstrap& bootstrap);
  // The coefficients K for scores [place][S]. An expert whose table row is the same at all places has K = 0.
  Estimates fit(std::span<const double> scores) const;

 private:
  std::vector<double> solve(std::vector<double> a, std::vector<double> b) const;
  void center(std::span<double> values, std::size_t width) const;

  const ExpertWindows& experts_;
  const Bootstrap& bootstrap_;
  std::vector<double> x_;                // [expert][place][S]
  std::vector<std::vector<double>> xx_;  // [window]: E x E sums for E experts
  std::vector<double> xx_all_;
};

}  // namespace headlight
