// gradcheck: the tape's gradients against five-point central differences.
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

// "(1,0,2)": the index of element i, in row-major order.
std::string place(Index i, const Shape& shape) {
  std::string text;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    text = cat(i % shape[axis], text.empty() ? "" : ",", text);
    i /= shape[axis];
  }
  return cat("(", text, ")");
}

// The operations of f, for messages: "layer_norm", or "matmul, add, softmax".
std::string operations_of(const Tape& tape) {
  std::string names;
  for (const std::string& name : tape.operations()) names += cat(names.empty() ? "" : ", ", name);
  return names.empty() ? "function" : names;
}

struct Checked {
  std::string name;  // "input 0", "parameter up.weight"
  Tensor value, before;
};

// A message if the tape read a leaf that is not in `checked`; otherwise empty.
std::string unchecked_leaf(const Tape& tape, const std::vector<Checked>& checked) {
  for (const std::shared_ptr<GradSlot>& leaf : tape.leaves())
    if (std::none_of(checked.begin(), checked.end(), [&](const Checked& c) { return c.value.slot() == leaf; }))
      return cat("the function reads a tensor ", leaf->shape,
                 " that requires a gradient and is neither an input nor a ",
                 "registered parameter; declare layers as Child and tensors as Param");
  return "";
}

GradcheckResult check(const Differentiable& f, std::span<const Tensor> inputs, std::vector<Checked> checked,
                      bool every_leaf, const GradcheckOptions& options) {
  std::string name;
  Tensor weights;
  Shape result;
  GradcheckResult outcome;
  {
    Tape tape;
    const Tensor y = f(inputs);
    name = operations_of(tape);
    if (y.dtype() != DType::kFloat64) fail("gradcheck: ", name, ": the result is ", y.dtype(), "; compute in float64");
    for (const Checked& c : checked)
      if (!same_numbers(c.value, c.before))
        fail("gradcheck: ", name, ": the function changes its ", c.name, "; write to a clone()");
    if (const std::string wrong = every_leaf ? unchecked_leaf(tape, checked) : ""; !wrong.empty()) {
      outcome.passed = false;
      outcome.message = cat(name, ": ", wrong);
      return outcome;
    }
    result = y.shape();
    Rng rng(options.seed);
    weights = Tensor::uniform(y.shape(), 0.5, 1.5, rng, DType::kFloat64);
    for (Index i = 0; i < weights.numel(); ++i)
      if (rng.uniform() < 0.5) weights.data<double>()[i] *= -1;
    if (y.requires_grad()) tape.backward(y, weights);
  }

  const NoGrad no_recording;
  const auto value = [&] {
    const Tensor y = f(inputs);
    if (!(y.shape() == result))
      fail("gradcheck: ", name, ": the result's shape changed from ", result, " to ", y.shape(), "; return one shape");
    return weighted_sum(y, weights);
  };
  for (Checked& c : checked) {
    const Tensor gradient = c.value.grad();
    double* x = c.value.data<double>();
    for (Index j = 0; j < c.value.numel(); ++j) {
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
      // !(a <= b) instead of a > b, so that NaN fails.
      if (!(error <= outcome.worst)) outcome.worst = error;
      if (!(error <= options.tolerance) && outcome.passed) {
        outcome.passed = false;
        outcome.message =
            cat(name, ": ", c.name, " ", c.value.shape(), " at ", place(j, c.value.shape()), ": analytic ", analytic,
                ", numeric ", numeric, " (relative error ", error, ", allowed ", options.tolerance, ")");
      }
    }
    c.value.zero_grad();
  }
  return outcome;
}

std::vector<Checked> checked_inputs(std::vector<Tensor>& inputs) {
  std::vector<Checked> checked;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].dtype() != DType::kFloat64)
      fail("gradcheck: input ", i, " is ", inputs[i].dtype(), "; make the inputs (and any parameters) in float64");
    inputs[i] = inputs[i].clone();
    inputs[i].set_requires_grad(true);
    checked.push_back({cat("input ", i), inputs[i], inputs[i].clone()});
  }
  return checked;
}

}  // namespace

GradcheckResult gradcheck(const Differentiable& f, std::vector<Tensor> inputs, const GradcheckOptions& options) {
  const std::vector<Checked> checked = checked_inputs(inputs);
  return check(f, inputs, checked, false, options);
}

GradcheckResult gradcheck(const Differentiable& f, std::vector<Tensor> inputs, std::span<const NamedTensor> parameters,
                          const GradcheckOptions& options) {
  std::vector<Checked> checked = checked_inputs(inputs);
  for (NamedTensor p : parameters) {
    if (!p.value.requires_grad()) continue;
    if (p.value.dtype() != DType::kFloat64)
      fail("gradcheck: parameter ", p.name, " is ", p.value.dtype(),
           "; make the layer under DTypeScope(DType::kFloat64)");
    p.value.zero_grad();
    checked.push_back({cat("parameter ", p.name), p.value, p.value.clone()});
  }
  return check(f, inputs, checked, true, options);
}

}  // namespace headlight
