// The tables that heads learned, read from their weights (heads/sources/head_circuits.h), compared with the experts'
// tables.
#pragma once

#include <vector>

#include "heads/roles/head_scores.h"
#include "heads/sources/expert_regression.h"

namespace headlight {

// Comparison of two tables by Pearson's correlation of their entries, after centering both over rows and columns.
// Centering removes the mean row, which does not depend on the evidence and could be stored in any bias.
struct TableMatch {
  double correlation = 0;
  // The null distribution: correlations after permuting rows and columns of the true table at random.
  double null_95 = 0;  // 95th percentile of the null
  double p = 1;        // (1 + shuffles with at least this correlation) / (1 + shuffles)
};

inline constexpr int kTableShuffles = 999;

// Both tables are [rows][columns]. The correlation is 0 for tables with fewer than two rows or columns or no variation.
TableMatch match_tables(std::span<const double> learned, std::span<const double> truth, std::size_t columns,
                        std::uint64_t seed, int shuffles = kTableShuffles);

struct LearnedTables {
  // [head], in the order of all_heads(): table_of_head() as [symbols][next] of ExpertWindows.
  std::vector<std::vector<double>> learned;
  std::vector<std::vector<double>> truth;  // [expert]: its true table, in the same layout
  // [expert]: the rows that are compared, namely symbols that are its evidence somewhere in the measured windows.
  std::vector<std::vector<std::size_t>> rows;
  std::vector<std::vector<TableMatch>> match;  // [head][expert]
};

// Error: a post-norm model.
LearnedTables learned_tables(const TransformerLM& model, const ExpertWindows& experts, std::uint64_t seed);

}  // namespace headlight
