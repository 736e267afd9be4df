// The facts of exercise 0.
#include "lessons/exercise_check.h"

#include HEADLIGHT_EXERCISE

using namespace headlight;
using namespace headlight::exercise;
using lessons::Engine;
using lessons::Value;

namespace {

const double kPoints[] = {-2, -0.7, 0, 0.3, 1, 2.5};

std::string value_at(double at) {
  Engine engine;
  const double y = lessons::tanh(engine.leaf(at)).value();
  return close(y, std::tanh(at), 1e-12) ? "" : cat("tanh(", at, ") is ", y, "; expected ", std::tanh(at));
}

std::string values() {
  for (const double at : kPoints)
    if (const std::string wrong = value_at(at); !wrong.empty()) return wrong;
  return "";
}

std::string large_values() {
  for (const double at : {-1000.0, -30.0, 30.0, 1000.0})
    if (const std::string wrong = value_at(at); !wrong.empty()) return cat(wrong, ": e^x overflows, so use std::tanh");
  return "";
}

std::string leaves_input_alone() {
  Engine engine;
  const Value x = engine.leaf(0.5), y = lessons::tanh(x);
  if (y.index == x.index) return "the result is x itself: append a new value to the engine";
  if (x.value() != 0.5) return cat("x was 0.5 and is ", x.value(), ": an operation must not change its input");
  return "";
}

std::string derivatives() {
  for (const double at : kPoints) {
    Engine engine;
    const Value x = engine.leaf(at), y = lessons::tanh(x);
    engine.backward(y);
    const double t = std::tanh(at), expected = 1 - t * t;
    if (close(x.gradient(), expected, 1e-9)) continue;
    std::string hint;
    if (x.gradient() == 0) hint = ": nothing was passed back to x";
    else if (close(x.gradient(), t * (1 - t), 1e-9)) hint = ": this is sigmoid's rule t (1 - t); tanh has another";
    else if (close(x.gradient(), 1 - at * at, 1e-9)) hint = ": 1 - x^2 uses the input; the rule uses the result t";
    else if (close(x.gradient(), 1 - std::tanh(t) * std::tanh(t), 1e-9))
      hint = ": t is tanh(x) already; do not apply tanh again";
    return cat("d tanh(x)/dx at x = ", at, " is ", x.gradient(), "; expected ", expected, hint);
  }
  return "";
}

std::string chain_rule() {
  Engine engine;
  const Value x = engine.leaf(0.4), y = lessons::tanh(x) * engine.leaf(3);
  engine.backward(y);
  const double t = std::tanh(0.4), expected = 3 * (1 - t * t);
  if (close(x.gradient(), expected, 1e-9)) return "";
  return cat("d 3 tanh(x)/dx at x = 0.4 is ", x.gradient(), "; expected ", expected,
             close(x.gradient(), 1 - t * t, 1e-9) ? ": the rule must multiply by g, the derivative from above" : "");
}

std::string adds_up() {
  Engine engine;
  const Value x = engine.leaf(0.4), y = lessons::tanh(x) + x;
  engine.backward(y);
  const double t = std::tanh(0.4), expected = 1 - t * t + 1;
  if (close(x.gradient(), expected, 1e-9)) return "";
  return cat(
      "d (tanh(x) + x)/dx at x = 0.4 is ", x.gradient(), "; expected ", expected,
      close(x.gradient(), 1 - t * t, 1e-9) ? ": x is used twice, so add to its gradient (+=), do not assign" : "");
}

std::string nested() {
  Engine engine;
  const Value x = engine.leaf(0.9), y = lessons::tanh(lessons::tanh(x)) * lessons::tanh(x);
  engine.backward(y);
  const auto f = [](double v) { return std::tanh(std::tanh(v)) * std::tanh(v); };
  const double expected = (f(0.9 + 1e-5) - f(0.9 - 1e-5)) / 2e-5;
  return close(x.gradient(), expected, 1e-6)
             ? ""
             : cat("d tanh(tanh(x)) tanh(x)/dx at x = 0.9 is ", x.gradient(), "; finite differences give ", expected);
}

}  // namespace

int main() {
  return check_facts("Exercise 0: tanh on the scalar engine", {{"values agree with std::tanh", values},
                                                               {"values are finite for large x", large_values},
                                                               {"the result is a new value", leaves_input_alone},
                                                               {"derivatives are 1 - tanh(x)^2", derivatives},
                                                               {"the chain rule multiplies by g", chain_rule},
                                                               {"gradients of a value used twice add up", adds_up},
                                                               {"nested uses agree with finite differences", nested}});
}
