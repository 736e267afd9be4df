// The softmax of random scores, with any divisor.
#pragma once

#include <cstdint>

#include "headlight/base/index.h"

namespace headlight::lessons {

// The attention of 64 queries over 64 keys, all entries normal with variance 1; means over 32 draws.
struct Softmax {
  double stddev = 0;          // of the scores
  double seen = 0;            // effective number of keys
  double largest = 0;         // weight
  double median = 0;          // of the gradient of a row of scores, if each weight has a random gradient of variance 1
  double query_gradient = 0;  // mean norm of the gradient of a query
};
Softmax measure_softmax(Index size, double divisor, std::uint64_t seed);

}  // namespace headlight::lessons
