#include "headlight/autograd/gradcheck.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "headlight/autograd/tape.h"

namespace headlight {

namespace {

double weighted_sum(const Tensor& y, const Tensor& weights) {
  double sum = 0;
  for (Index i = 0; i < y.numel(); ++i) sum += y.data<double>()[i] * weights.data<double>()[i];
  return sum;
}

bool same_numbers(const Tensor& a, const Tensor& b) {
  return a.numel() == 0 ||
         std::memcmp(a.data<double>(), b.data<double>(), 8 * static_cast<std::size_t>(a.numel())) == 0;
}

// "(1,0,2)": where element i of a tensor stands.
std::string place(Index i, const Shape& shape) {
  std::string text;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    text = cat(i % shape[axis], text.empty() ? "" : ",", text);
    i /= shape[axis];
  }
  return cat("(", text, ")");
}

// What f is made of, for messages: "layer_norm", or "matmul, add, softmax".
std::string operations_of(const Tape& tape) {
  std::string names;
  for (const std::string& name : tape.operations()) names += cat(names.empty() ? "" : ", ", name);
  return names.empty() ? "function" : names;
}

}  // namespace

GradcheckResult gradcheck(const Differentiable& f, std::vector<Tensor> inputs, const GradcheckOptions& options) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].dtype() != DType::kFloat64)
      fail("gradcheck: input ", i, " is ", inputs[i].dtype(), "; make the inputs (and any parameters) in float64");
    inputs[i] = inputs[i].clone();
    inputs[i].set_requires_grad(true);
  }
  std::vector<Tensor> before;
  for (const Tensor& input : inputs) before.push_back(input.clone());
  std::string name;
  Tensor weights;
  Shape result;
  {
    Tape tape;
    const Tensor y = f(inputs);
    name = operations_of(tape);
    if (y.dtype() != DType::kFloat64) fail("gradcheck: ", name, ": the result is ", y.dtype(), "; compute in float64");
    for (std::size_t i = 0; i < inputs.size(); ++i)
      if (!same_numbers(inputs[i], before[i])) fail("gradcheck: ", name, ": the function changes its input ", i);
    result = y.shape();
    Rng rng(options.seed);
    weights = Tensor::uniform(y.shape(), 0.5, 1.5, rng, DType::kFloat64);
    for (Index i = 0; i < weights.numel(); ++i)
      if (rng.uniform() < 0.5) weights.data<double>()[i] *= -1;
    if (y.requires_grad()) tape.backward(y, weights);
  }

  GradcheckResult outcome;
  const NoGrad no_recording;
  const auto value = [&] {
    const Tensor y = f(inputs);
    if (!(y.shape() == result))
      fail("gradcheck: ", name, ": the result's shape changed from ", result, " to ", y.shape());
    return weighted_sum(y, weights);
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Tensor gradient = inputs[i].grad();
    double* x = inputs[i].data<double>();
    for (Index j = 0; j < inputs[i].numel(); ++j) {
      const double here = x[j], h = options.step * std::max(1.0, std::abs(here));
      const auto at = [&](double offset) {
        x[j] = here + offset;
        return value();
      };
      const double numeric = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
      x[j] = here;
      const double analytic = gradient.defined() ? gradient.data<double>()[j] : 0;
      const double error =
          std::abs(analytic - numeric) / std::max({std::abs(analytic), std::abs(numeric), options.floor});
      // Written so that NaN fails.
      if (!(error <= outcome.worst)) outcome.worst = error;
      if (!(error <= options.tolerance) && outcome.passed) {
        outcome.passed = false;
        outcome.message =
            cat(name, ": input ", i, " ", inputs[i].shape(), " at ", place(j, inputs[i].shape()), ": analytic ",
                analytic, ", numeric ", numeric, " (relative error ", error, ", allowed ", options.tolerance, ")");
      }
    }
  }
  return outcome;
}

}  // namespace headlight
