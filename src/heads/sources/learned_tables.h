// The tables that heads learned, read from their weights (heads/head_circuits.h), beside the experts' true ones.
#pragma once

#include <vector>

#include "heads/roles/head_scores.h"
#include "heads/sources/expert_regression.h"

namespace headlight {

// Two tables compared: Pearson's correlation over their entries, both centered over rows and over columns. What a table
// says whatever its evidence is (a mean row) could stand in any bias, and centering leaves it out.
struct TableMatch {
  double correlation = 0;
  // The null: the same with the rows and the columns of the true table permuted at random.
  double null_95 = 0;  // its 95th percentile
  double p = 1;        // (1 + how many are as high) / (1 + how many there are)
};

inline constexpr int kTableShuffles = 999;

// [rows][columns] each. Tables of less than two rows or columns, or without variation, do not correlate.
TableMatch match_tables(std::span<const double> learned, std::span<const double> truth, std::size_t columns,
                        std::uint64_t seed, int shuffles = kTableShuffles);

struct LearnedTables {
  // Of each head, in the order of all_heads(): [symbols][next] of ExpertWindows, as the weights say.
  std::vector<std::vector<double>> learned;
  std::vector<std::vector<double>> truth;  // of each expert, likewise
  // Of each expert, the rows that are compared: symbols that are its evidence somewhere in the measured windows.
  std::vector<std::vector<std::size_t>> rows;
  std::vector<std::vector<TableMatch>> match;  // [head][expert]
};

// Error: a post-norm model.
LearnedTables learned_tables(const CharTransformer& model, const ExpertWindows& experts, std::uint64_t seed);

}  // namespace headlight
