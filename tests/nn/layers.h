// Helpers for the tests of layers: random parameters and tensors, and gradient checks.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "headlight/autograd/gradcheck.h"
#include "headlight/models/transformer.h"
#include "headlight/nn/gradcheck.h"
#include "ops/compare.h"

namespace headlight::tests {

// Sets every parameter to random numbers, uniform in [-0.8, 0.8), or in [0.5, 1.5) for gains of norms. These are
// large enough that rounding hides no part of a gradient.
void randomize(const Module& module, std::uint64_t seed);

// gradcheck(module, f, inputs) with a step that fits these numbers.
::testing::AssertionResult gradients_are_right(const Module& module, const Differentiable& f,
                                               std::vector<Tensor> inputs, double step = 1e-4);

// The names and shapes of all parameters: "tokens.weight [5,4], blocks.0.norm1.weight [4], ..."
std::string walk_text(const Module& module);

Tensor random_tensor(const Shape& shape, std::uint64_t seed, DType dtype = DType::kFloat32);
std::vector<std::int32_t> random_ids(Index count, Index vocabulary, std::uint64_t seed);

// V 7, T 6, 2 layers of 2 heads, C 8, F 10.
TransformerConfig tiny_config(const std::string& position = "learned");

inline constexpr const char* kPositionKinds[] = {"none", "sinusoidal", "learned", "rotary", "alibi"};

}  // namespace headlight::tests
