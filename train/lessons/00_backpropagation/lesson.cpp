// Lesson 0: a scalar engine of 80 lines learns XOR; the tensor engine does the same; finite differences check both.
#include "lessons/lesson.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/format.h"
#include "headlight/autograd/tape.h"
#include "headlight/base/random.h"
#include "headlight/base/text.h"
#include "headlight/ops/ops.h"
#include "lessons/00_backpropagation/scalar.h"

namespace headlight::lessons {

namespace {

constexpr Index kHidden = 4, kSteps = 2000, kEvery = 20;
constexpr double kRate = 2;
constexpr double kInputs[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, kTargets[4] = {0, 1, 1, 0};

// Two inputs, four hidden units, one output: 4 (2 + 1) + (4 + 1) = 17 parameters. A unit is sigmoid(w x + b).
constexpr std::size_t kParameters = kHidden * 3 + kHidden + 1;
using Weights = std::array<double, kParameters>;

struct Pass {
  double loss = 0;
  std::array<double, 4> outputs{};
  Weights gradient{};
};

// The mean squared error over the four cases. `w` holds the parameters as leaves.
Value scalar_loss(Engine& engine, const std::vector<Value>& w, std::array<double, 4>& outputs) {
  Value loss = engine.leaf(0);
  for (std::size_t example = 0; example < 4; ++example) {
    Value sum = w[kParameters - 1];
    for (std::size_t h = 0; h < kHidden; ++h) {
      const Value a = w[3 * h] * engine.leaf(kInputs[example][0]) + w[3 * h + 1] * engine.leaf(kInputs[example][1]);
      sum = sum + w[3 * kHidden + h] * sigmoid(a + w[3 * h + 2]);
    }
    const Value output = sigmoid(sum), error = output + engine.leaf(-kTargets[example]);
    outputs[example] = output.value();
    loss = loss + error * error * engine.leaf(0.25);
  }
  return loss;
}

Pass scalar_pass(const Weights& weights) {
  Engine engine;
  std::vector<Value> w;
  for (const double weight : weights) w.push_back(engine.leaf(weight));
  Pass pass;
  const Value loss = scalar_loss(engine, w, pass.outputs);
  engine.backward(loss);
  pass.loss = loss.value();
  for (std::size_t i = 0; i < kParameters; ++i) pass.gradient[i] = w[i].gradient();
  return pass;
}

// The same network on the tensor engine, in float64: three matrices instead of 17 numbers.
Pass tensor_pass(const Weights& weights) {
  const DTypeScope doubles(DType::kFloat64);
  Tensor w = Tensor::empty({kHidden, 2}), b = Tensor::empty({kHidden}), v = Tensor::empty({1, kHidden}),
         c = Tensor::of({1}, {weights[kParameters - 1]});
  for (std::size_t h = 0; h < kHidden; ++h) {
    w.data<double>()[2 * h] = weights[3 * h];
    w.data<double>()[2 * h + 1] = weights[3 * h + 1];
    b.data<double>()[h] = weights[3 * h + 2];
    v.data<double>()[h] = weights[3 * kHidden + h];
  }
  for (Tensor* leaf : {&w, &b, &v, &c}) leaf->set_requires_grad(true);
  const Tensor x = Tensor::of({4, 2}, {0, 0, 0, 1, 1, 0, 1, 1}), targets = Tensor::of({4, 1}, {0, 1, 1, 0});
  Tape tape;
  const Tensor output = sigmoid(linear(sigmoid(linear(x, w, b)), v, c));  // [4,1]
  const Tensor error = sub(output, targets), loss = mean(mul(error, error));
  tape.backward(loss);
  Pass pass;
  pass.loss = loss.item();
  for (std::size_t i = 0; i < 4; ++i) pass.outputs[i] = output.data<double>()[i];
  for (std::size_t h = 0; h < kHidden; ++h) {
    pass.gradient[3 * h] = w.grad().data<double>()[2 * h];
    pass.gradient[3 * h + 1] = w.grad().data<double>()[2 * h + 1];
    pass.gradient[3 * h + 2] = b.grad().data<double>()[h];
    pass.gradient[3 * kHidden + h] = v.grad().data<double>()[h];
  }
  pass.gradient[kParameters - 1] = c.grad().data<double>()[0];
  return pass;
}

std::string scientific(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0e", value);
  return text;
}

double worst_difference(const Weights& a, const Weights& b) {
  double worst = 0;
  for (std::size_t i = 0; i < kParameters; ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}

// dL/dw[i] = (L(w + h e_i) - L(w - h e_i)) / 2h: two losses for every parameter.
Weights finite_differences(Weights weights) {
  constexpr double kStep = 1e-5;
  Weights gradient;
  for (std::size_t i = 0; i < kParameters; ++i) {
    const double before = weights[i];
    weights[i] = before + kStep;
    const double above = scalar_pass(weights).loss;
    weights[i] = before - kStep;
    gradient[i] = (above - scalar_pass(weights).loss) / (2 * kStep);
    weights[i] = before;
  }
  return gradient;
}

LessonResult run(const LessonOptions& options, const LessonProgress& progress) {
  Rng rng(options.seed);
  Weights weights;
  for (double& weight : weights) weight = 2 * rng.normal();
  const Weights start = weights;
  Series scalar{"scalar engine", Color::kBlue, {}}, tensor{"tensor engine", Color::kYellow, {}};
  Weights other = weights;
  double apart = 0, checked = 0;
  Pass pass;
  for (Index step = 0; step <= kSteps; ++step) {
    progress("XOR", step, kSteps);
    pass = scalar_pass(weights);
    const Pass same = tensor_pass(other);
    apart = std::max(apart, worst_difference(pass.gradient, same.gradient));
    if (step % 100 == 0) checked = std::max(checked, worst_difference(pass.gradient, finite_differences(weights)));
    if (step % kEvery == 0) {
      scalar.points.push_back({static_cast<double>(step), pass.loss});
      tensor.points.push_back({static_cast<double>(step), same.loss});
    }
    for (std::size_t i = 0; i < kParameters; ++i) {
      weights[i] -= kRate * pass.gradient[i];
      other[i] -= kRate * same.gradient[i];
    }
  }

  // The cost, in operations of the engine: the backward loop visits every recorded value once.
  Engine engine;
  std::vector<Value> w;
  for (const double weight : start) w.push_back(engine.leaf(weight));
  std::array<double, 4> ignored;
  const Index recorded = static_cast<Index>(scalar_loss(engine, w, ignored).index) + 1;
  const Index by_differences = 2 * static_cast<Index>(kParameters) * recorded;

  LessonResult result;
  result.tables.push_back({"Outputs after training", {"a  b", "a xor b", "scalar engine"}, {}});
  Index right = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    right += std::abs(pass.outputs[i] - kTargets[i]) < 0.5;
    result.tables[0].rows.push_back(
        {cat(kInputs[i][0], "  ", kInputs[i][1]), cat(kTargets[i]), fixed_text(pass.outputs[i], 3)});
  }
  result.tables.push_back({"Cost of all 17 derivatives at one point, in values computed",
                           {"method", "values", "losses"},
                           {{"one loss (no derivatives)", cat(recorded), "1"},
                            {"one loss and backward()", cat(2 * recorded), "2"},
                            {"finite differences", cat(by_differences), cat(by_differences / recorded)}}});
  result.answer = by_differences / recorded > 2 ? 0 : 1;
  result.charts.push_back(
      {.title = "Loss while learning XOR", .x_name = "step", .y_name = "loss", .series = {scalar, tensor}});
  result.figures = {{"right", static_cast<double>(right)},
                    {"loss", pass.loss},
                    {"recorded", static_cast<double>(recorded)},
                    {"losses", static_cast<double>(by_differences / recorded)},
                    {"apart", apart * 1e15},
                    {"checked", checked * 1e12}};
  result.finding =
      cat(right, " of 4 cases are right. The two engines' gradients differ by at most ", scientific(apart),
          ", and the scalar engine's differ from finite differences by at most ", scientific(checked), ".");
  return result;
}

}  // namespace

Lesson backpropagation() {
  return {
      .number = 0,
      .folder = "00_backpropagation",
      .title = "Backpropagation in 100 lines",
      .claim = "a derivative is a loop over what was recorded",
      .seconds = 1,
      .minutes_to_read = 10,
      .exercise = "add tanh to the scalar engine",
      .exercise_minutes = 10,
      .difficulty = 1,
      .needs = "",
      .question =
          "A network has 17 parameters. Computing its loss costs 1. How much do the loss and all 17 derivatives cost "
          "by backpropagation?",
      .choices = {"about 2", "about 18: one more loss for each parameter", "about 35: two for each parameter"},
      .files = {"train/lessons/00_backpropagation/scalar.h", "src/autograd/tape.cpp", "src/ops/arithmetic.cpp"},
      .run = run};
}

}  // namespace headlight::lessons
