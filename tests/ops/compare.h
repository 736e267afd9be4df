// Functions to evaluate a call and its gradients and to compare two outcomes.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/isa.h"
#include "headlight/base/threads.h"
#include "ops/cases.h"

namespace headlight::tests {

// Restores the kernel set and the number of threads.
class EngineScope {
 public:
  EngineScope() : isa_(current_isa()), threads_(thread_count()) {}
  ~EngineScope() {
    set_isa(isa_);
    set_thread_count(threads_);
  }
  EngineScope(const EngineScope&) = delete;
  EngineScope& operator=(const EngineScope&) = delete;

 private:
  Isa isa_;
  int threads_;
};

// The inputs rounded to float32 and stored in the given type, so that both types start from the same numbers.
std::vector<Tensor> inputs_in(const Call& call, DType dtype);

struct Outcome {
  Tensor value;
  std::vector<Tensor> gradients;  // [input]; undefined if not requested
};
// Runs the function on a tape and backward from a fixed random gradient. `only` >= 0: requests the gradient of this
// input alone.
Outcome evaluate(const Differentiable& function, std::vector<Tensor> inputs, int only = -1);

// The largest difference, relative to the largest element of `right` or to 1. Infinite if shapes differ, or if only one
// of the two is finite.
double distance(const Tensor& left, const Tensor& right);
::testing::AssertionResult near(const Outcome& got, const Outcome& right, double bound);
::testing::AssertionResult same_bits(const Tensor& a, const Tensor& b);
::testing::AssertionResult same_bits(const Outcome& a, const Outcome& b);
bool all_finite(const Tensor& x);
// Expects equal values and gradients in float64 and float32.
void expect_equal(const Differentiable& fused, const Differentiable& composite, const std::vector<Tensor>& inputs,
                  const std::string& where = "");

// "[2,3], [3]"
std::string shapes_text(const std::vector<Tensor>& tensors);
// Runs `call`, which must throw Error, and returns its message; adds a test failure if nothing is thrown.
std::string error_of(const std::function<void()>& call);

}  // namespace headlight::tests
