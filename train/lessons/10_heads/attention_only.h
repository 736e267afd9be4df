// The attention-only models of lesson 10, and the untrained baseline.
#pragma once

#include <cstdint>

#include "headlight/models/transformer.h"
#include "lessons/10_heads/head_probe.h"

namespace headlight::lessons {

inline constexpr Index kLayers = 2, kHeads = 4, kSize = 16;  // L, H, D

// An untrained model. Without feed-forward layers, the heads must implement the solution.
TransformerLM attention_only(Index vocabulary, Index context, std::uint64_t seed);

// The largest induction score (kappa) of any head in `count` untrained models.
double largest_untrained(Index vocabulary, const ProbeText& text, std::uint64_t seed, Index count,
                         const LessonProgress& progress);

}  // namespace headlight::lessons
