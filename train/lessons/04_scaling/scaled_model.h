// A language model of one attention layer whose scores are divided by any number, and its training.
#pragma once

#include <cstdint>
#include <string>

#include "lessons/training.h"

namespace headlight::lessons {

// One run: a model of 4 heads, width 64, trained for 500 steps of 8 windows of 32 symbols.
struct ScalingRun {
  Index head_size = 16;    // d_k
  double divisor = 4;      // of the scores
  double stddev = 0.02;    // of the initial weights of queries, keys and values
  double rate = 0.003;     // peak learning rate
  double query_share = 1;  // multiplies the initial weights and the learning rate of queries and keys
};
struct ScalingOutcome {
  double loss = 0;      // on the validation text, after training
  double gradient = 0;  // largest norm of the gradient during training
};
inline constexpr Index kScalingContext = 32;
ScalingOutcome train_scaled(const ScalingRun& run, const LessonText& text, std::uint64_t seed,
                            const LessonProgress& progress);

}  // namespace headlight::lessons
