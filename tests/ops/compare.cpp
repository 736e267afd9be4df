// Evaluates calls with gradients and compares the outcomes.
#include "ops/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "headlight/autograd/tape.h"

namespace headlight::tests {

std::vector<Tensor> inputs_in(const Call& call, DType dtype) {
  std::vector<Tensor> inputs;
  for (const Tensor& input : call.inputs) inputs.push_back(input.to(DType::kFloat32).to(dtype));
  return inputs;
}

Outcome evaluate(const Differentiable& function, std::vector<Tensor> inputs, int only) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    inputs[i] = inputs[i].detach();
    if (only < 0 || only == static_cast<int>(i)) inputs[i].set_requires_grad(true);
  }
  Tape tape;
  const Tensor y = function(inputs);
  Rng rng(7);
  const Tensor dy = Tensor::uniform(y.shape(), -1, 1, rng, DType::kFloat32).to(y.dtype());
  tape.backward(y, dy);
  Outcome outcome{y.detach(), {}};
  for (const Tensor& input : inputs) outcome.gradients.push_back(input.grad());
  return outcome;
}

double distance(const Tensor& left, const Tensor& right) {
  constexpr double kFar = std::numeric_limits<double>::infinity();
  if (left.defined() != right.defined()) return kFar;
  if (!left.defined()) return 0;
  if (!(left.shape() == right.shape())) return kFar;
  const std::vector<double> a = left.to_vector(), b = right.to_vector();
  double largest = 1, difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) return kFar;
    largest = std::max(largest, std::abs(b[i]));
    difference = std::max(difference, std::abs(a[i] - b[i]));
  }
  return difference / largest;
}

::testing::AssertionResult near(const Outcome& got, const Outcome& right, double bound) {
  if (!(distance(got.value, right.value) <= bound))
    return ::testing::AssertionFailure() << "value: off by " << distance(got.value, right.value) << ", bound " << bound;
  for (std::size_t i = 0; i < right.gradients.size(); ++i) {
    const double off = distance(got.gradients[i], right.gradients[i]);
    if (!(off <= bound))
      return ::testing::AssertionFailure() << "gradient of input " << i << ": off by " << off << ", bound " << bound;
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult same_bits(const Tensor& a, const Tensor& b) {
  if (a.defined() != b.defined()) return ::testing::AssertionFailure() << "only one of the two tensors is defined";
  if (!a.defined()) return ::testing::AssertionSuccess();
  if (!(a.shape() == b.shape()) || a.dtype() != b.dtype())
    return ::testing::AssertionFailure() << to_text(a.shape()) << " and " << to_text(b.shape());
  const auto bytes = [](const Tensor& t) -> const void* {
    if (t.dtype() == DType::kFloat32) return t.data<float>();
    return t.data<double>();
  };
  if (std::memcmp(bytes(a), bytes(b), static_cast<std::size_t>(a.numel()) * element_bytes(a.dtype())) == 0)
    return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "bits differ (by " << distance(a, b) << ")";
}

::testing::AssertionResult same_bits(const Outcome& a, const Outcome& b) {
  if (const auto same = same_bits(a.value, b.value); !same)
    return ::testing::AssertionFailure() << "value: " << same.message();
  for (std::size_t i = 0; i < a.gradients.size(); ++i)
    if (const auto same = same_bits(a.gradients[i], b.gradients[i]); !same)
      return ::testing::AssertionFailure() << "gradient of input " << i << ": " << same.message();
  return ::testing::AssertionSuccess();
}

bool all_finite(const Tensor& x) {
  const std::vector<double> values = x.to_vector();
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

std::string shapes_text(const std::vector<Tensor>& tensors) {
  std::string text;
  for (const Tensor& tensor : tensors) text += cat(text.empty() ? "" : ", ", tensor.shape());
  return text;
}

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "no Error was thrown";
  return {};
}

void expect_equal(const Differentiable& fused, const Differentiable& composite, const std::vector<Tensor>& inputs,
                  const std::string& where) {
  for (const DType dtype : {DType::kFloat64, DType::kFloat32}) {
    const std::vector<Tensor> numbers = inputs_in({inputs, nullptr}, dtype);
    EXPECT_TRUE(near(evaluate(fused, numbers), evaluate(composite, numbers), dtype == DType::kFloat64 ? 1e-12 : 1e-5))
        << where << " " << to_text(dtype) << ", shapes " << shapes_text(inputs);
  }
}

}  // namespace headlight::tests
