// The permutation test: whether attention gives the same vectors, reordered, when its words are reordered.
#pragma once

#include <string>
#include <vector>

#include "headlight/base/index.h"

namespace headlight::lessons {

struct PermutationRow {
  std::string name;     // of the figure: "keys_fixed"
  std::string meaning;  // "no mask, no positions"
  double largest;       // the largest difference between f(reordered words) and reordered f(words)
  Index unequal;        // the outputs that differ in at least one bit
  Index outputs;        // the outputs compared
};

// Runs the test on untrained attention layers, whose weights come from generator().
std::vector<PermutationRow> permutation_test();

}  // namespace headlight::lessons
