// The model of lesson 5, one attention layer, and its look-ups on `roles`.
#pragma once

#include <string>
#include <vector>

#include "headlight/models/transformer.h"
#include "lessons/training.h"

namespace headlight::lessons {

inline constexpr Index kWindows = 64;  // of the validation text, in all measurements

// One attention layer of width 64 without a feed-forward part. The sizes of its matrices do not depend on the number of
// heads. The output has a matrix of its own (untied), so that the expert of the last symbol needs no head.
TransformerConfig one_layer(const LessonText& text, Index context, Index heads, const std::string& position);

// The true log-probabilities of the validation text.
std::vector<double> validation_log_probability(const LessonText& text);

// The attention of the model's heads on the first 32 symbols of the validation text.
AttentionMap attention_map(const std::string& title, const TransformerLM& model, const LessonText& text,
                           const std::vector<std::string>& names);

// Trains on `roles`, and measures the loss on its four one-layer look-ups with each head ablated. Returns the mean loss
// of the look-ups; 0 is perfect.
double measure_roles(const LessonText& text, Index heads, std::uint64_t seed, const LessonProgress& progress,
                     LessonResult& result);

}  // namespace headlight::lessons
