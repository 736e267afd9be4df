// The order task: in a sequence of random words, name the word two before the current one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headlight/models/transformer.h"
#include "lessons/lesson.h"

namespace headlight::lessons {

inline constexpr Index kWords = 8;                  // the words are a, b, ... h; chance is ln 8 = 2.08 nats
inline constexpr Index kBack = 2;                   // the target at t is the word at t - kBack
inline constexpr Index kTrained = 32;               // words in a training sequence
inline constexpr Index kTested = 4 * kTrained;      // words in a test sequence
inline constexpr Index kSteps = 1500, kBatch = 16;  // a training run has kSteps kBatch kTrained words

// Returns the first step from which the training loss stayed below 0.1, or -1 if it did not end there.
Index train_order(TransformerLM& model, std::uint64_t seed, const std::string& what, const LessonProgress& progress);

// The mean loss at each position 0 .. kTested-1 of 64 test sequences; 0 at the positions without a target.
std::vector<double> loss_by_position(const TransformerLM& model, std::uint64_t seed);
// The same for a predictor that knows how often each earlier word occurred, and nothing about their order: the lowest
// loss of any model that ignores order.
std::vector<double> bag_by_position(std::uint64_t seed);
// The mean over positions first .. last-1.
double mean_loss(const std::vector<double>& by_position, Index first, Index last);

// The loss at each position for a chart, averaged over groups of four positions.
Series loss_curve(const std::string& name, Color ink, const std::vector<double>& by_position);

}  // namespace headlight::lessons
