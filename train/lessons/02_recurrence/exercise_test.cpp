// The facts of exercise 2.
#include <algorithm>
#include <cmath>

#include "lessons/exercise_check.h"

#include HEADLIGHT_EXERCISE

using namespace headlight;
using namespace headlight::exercise;

namespace {

constexpr std::size_t kShapes[][2] = {{1, 1}, {3, 2}, {2, 3}, {1, 4}, {3, 3}};  // N, C

// Values between -size and size that differ in every place.
Vector some_values(std::size_t count, double seed, double size = 0.9) {
  Vector values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(size * std::sin(seed + 1.3 * static_cast<double>(i)));
  return values;
}

LstmWeights some_weights(std::size_t n, std::size_t width) {
  return {n, width, some_values(4 * width * n, 0.4), some_values(4 * width * width, 2.1), some_values(4 * width, 5.2)};
}

// The step of the contract, with variants that stand for common mistakes.
enum class Variant { kRight, kOutputBeforeCandidate, kForgetFirst, kSigmoidCandidate, kNoTanh, kNoBias, kNoState };
LstmStep reference(const LstmWeights& p, const Vector& x, const Vector& h, const Vector& c,
                   Variant variant = Variant::kRight) {
  LstmStep step;
  step.x = x, step.h_before = h, step.c_before = c;
  const auto z = [&](std::size_t row) {
    double sum = variant == Variant::kNoBias ? 0 : p.b[row];
    for (std::size_t k = 0; k < p.input; ++k) sum += p.w[row * p.input + k] * x[k];
    if (variant != Variant::kNoState)
      for (std::size_t k = 0; k < p.width; ++k) sum += p.u[row * p.width + k] * h[k];
    return sum;
  };
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  for (std::size_t j = 0; j < p.width; ++j) {
    std::size_t gate[4] = {0, 1, 2, 3};
    if (variant == Variant::kOutputBeforeCandidate) std::swap(gate[2], gate[3]);
    if (variant == Variant::kForgetFirst) std::swap(gate[0], gate[1]);
    const double candidate = z(gate[2] * p.width + j);
    step.i.push_back(sigmoid(z(gate[0] * p.width + j)));
    step.f.push_back(sigmoid(z(gate[1] * p.width + j)));
    step.g.push_back(variant == Variant::kSigmoidCandidate ? sigmoid(candidate) : std::tanh(candidate));
    step.o.push_back(sigmoid(z(gate[3] * p.width + j)));
    step.c.push_back(step.f[j] * c[j] + step.i[j] * step.g[j]);
    step.h.push_back(step.o[j] * (variant == Variant::kNoTanh ? step.c[j] : std::tanh(step.c[j])));
  }
  return step;
}

std::string vector_error(const std::string& name, const Vector& value, const Vector& expected,
                         double tolerance = 1e-9) {
  if (value.size() != expected.size()) return cat(name, " has ", value.size(), " entries; expected ", expected.size());
  for (std::size_t i = 0; i < value.size(); ++i)
    if (!close(value[i], expected[i], tolerance))
      return cat(name, "[", i, "] is ", value[i], "; expected ", expected[i]);
  return "";
}

bool same(const Vector& a, const Vector& b) { return vector_error("", a, b).empty(); }

std::string step_error(const LstmStep& step, const LstmStep& expected) {
  const std::pair<const char*, Vector LstmStep::*> parts[] = {{"i", &LstmStep::i},
                                                              {"f", &LstmStep::f},
                                                              {"g", &LstmStep::g},
                                                              {"o", &LstmStep::o},
                                                              {"c", &LstmStep::c},
                                                              {"h", &LstmStep::h},
                                                              {"x", &LstmStep::x},
                                                              {"h_before", &LstmStep::h_before},
                                                              {"c_before", &LstmStep::c_before}};
  for (const auto& [name, part] : parts)
    if (std::string wrong = vector_error(name, step.*part, expected.*part); !wrong.empty()) return wrong;
  return "";
}

// ---- forward ----

std::string zero_weights() {
  const LstmWeights p{2, 2, Vector(16), Vector(16), Vector(8)};
  const LstmStep step = lstm_forward(p, {1, -1}, {0.5, 0.5}, {0.8, -0.4});
  std::string wrong = vector_error("f", step.f, {0.5, 0.5});
  if (wrong.empty()) wrong = vector_error("c", step.c, {0.4, -0.2});
  if (wrong.empty()) return "";
  return cat("all weights 0, c_before = (0.8, -0.4): ", wrong,
             ": sigmoid(0) = 0.5 and tanh(0) = 0, so c = c_before / 2");
}

std::string forward_values() {
  for (const auto& [n, width] : kShapes) {
    const LstmWeights p = some_weights(n, width);
    const Vector x = some_values(n, 1), h = some_values(width, 2), c = some_values(width, 3);
    const LstmStep step = lstm_forward(p, x, h, c);
    std::string wrong = step_error(step, reference(p, x, h, c));
    if (wrong.empty()) continue;
    const std::pair<Variant, const char*> mistakes[] = {
        {Variant::kOutputBeforeCandidate, "you stacked the gates as i, f, o, g; the order is i, f, g, o"},
        {Variant::kForgetFirst, "you stacked the gates as f, i, g, o; the order is i, f, g, o"},
        {Variant::kSigmoidCandidate, "the candidate g uses tanh, so that it can lower the cell"},
        {Variant::kNoTanh, "h = o * tanh(c), not o * c"},
        {Variant::kNoBias, "the bias b is missing"},
        {Variant::kNoState, "the product u h_before is missing"}};
    for (const auto& [variant, hint] : mistakes)
      if (same(step.h, reference(p, x, h, c, variant).h)) wrong = cat(wrong, ": ", hint);
    return cat("N = ", n, ", C = ", width, ": ", wrong);
  }
  return "";
}

std::string extreme_gates() {
  LstmWeights p{1, 1, Vector(4), Vector(4), {-1000, 1000, 0, 0}};  // i = 0, f = 1
  const LstmStep kept = lstm_forward(p, {1}, {0}, {0.7});
  if (!close(kept.c.at(0), 0.7, 1e-12))
    return cat(
        "with b_i = -1000 and b_f = 1000 the cell must stay 0.7; it is ", kept.c.at(0),
        std::isnan(kept.c.at(0)) ? ": e^1000 is infinite, and inf / inf is NaN; write sigmoid as 1 / (1 + e^-z)" : "");
  p.b = {1000, -1000, 1000, 0};  // i = 1, f = 0, g = 1
  const LstmStep fresh = lstm_forward(p, {1}, {0}, {0.7});
  return close(fresh.c.at(0), 1, 1e-12)
             ? ""
             : cat("with b_i = 1000, b_f = -1000 and b_g = 1000 the cell must become 1; it is ", fresh.c.at(0));
}

// ---- backward ----

// The loss of the gradient checks: L = a . h + e . c of one step, so dL/dh = a and dL/dc = e.
struct Check {
  LstmWeights p;
  Vector x, h, c, a, e;
  Check(std::size_t n, std::size_t width)
      : p(some_weights(n, width)),
        x(some_values(n, 1)),
        h(some_values(width, 2)),
        c(some_values(width, 3)),
        a(some_values(width, 4, 1.5)),
        e(some_values(width, 5, 1.5)) {}

  double loss() const {
    const LstmStep step = reference(p, x, h, c);
    double sum = 0;
    for (std::size_t j = 0; j < p.width; ++j) sum += a[j] * step.h[j] + e[j] * step.c[j];
    return sum;
  }
  Vector numeric(Vector& input) {
    constexpr double kStep = 1e-5;
    Vector gradient;
    for (double& value : input) {
      const double before = value;
      value = before + kStep;
      const double above = loss();
      value = before - kStep;
      gradient.push_back((above - loss()) / (2 * kStep));
      value = before;
    }
    return gradient;
  }
  LstmGradients gradients() const { return lstm_backward(p, reference(p, x, h, c), a, e); }
};

using Part = Vector LstmGradients::*;

std::string gradient_error(Check& check, const char* name, Part part, Vector& input) {
  const std::string wrong = vector_error(name, check.gradients().*part, check.numeric(input), 1e-6);
  return wrong.empty() ? "" : cat("N = ", check.p.input, ", C = ", check.p.width, ": ", wrong);
}

// The derivative with respect to c as a common mistake computes it, from dh, dc, o, c and t = tanh(c).
struct CellMistake {
  const char* hint;
  double (*derivative)(double dh, double dc, double o, double c, double t);
};
constexpr CellMistake kCellMistakes[] = {
    {"dc is not added: the derivative with respect to c is dc + dh * o * (1 - tanh(c)^2)",
     [](double dh, double, double o, double, double t) { return dh * o * (1 - t * t); }},
    {"the loss reads c through h = o * tanh(c) too; add dh * o * (1 - tanh(c)^2)",
     [](double, double dc, double, double, double) { return dc; }},
    {"the factor is 1 - c^2; the derivative of tanh(c) is 1 - tanh(c)^2",
     [](double dh, double dc, double o, double c, double) { return dc + dh * o * (1 - c * c); }},
    {"the factor is 1 - h^2; the derivative of tanh(c) is 1 - tanh(c)^2, and h is o * tanh(c)",
     [](double dh, double dc, double o, double, double t) { return dc + dh * o * (1 - o * o * t * t); }},
    {"the factor 1 - tanh(c)^2 is missing: h = o * tanh(c), not o * c",
     [](double dh, double dc, double o, double, double) { return dc + dh * o; }},
    {"the factor is 1 - tanh(c); the derivative of tanh(c) is 1 - tanh(c)^2",
     [](double dh, double dc, double o, double, double t) { return dc + dh * o * (1 - t); }},
    {"the factor o is missing: h = o * tanh(c)",
     [](double dh, double dc, double, double, double t) { return dc + dh * (1 - t * t); }},
    {"dc is multiplied by o * (1 - tanh(c)^2), too; only dh goes through h = o * tanh(c)",
     [](double dh, double dc, double o, double, double t) { return (dc + dh) * o * (1 - t * t); }},
    {"dc is multiplied by 1 - tanh(c)^2, too; only dh goes through h = o * tanh(c)",
     [](double dh, double dc, double o, double, double t) { return (dc + dh * o) * (1 - t * t); }}};

std::string cell_gradients() {
  Check check(3, 2);
  const LstmStep step = reference(check.p, check.x, check.h, check.c);
  const Vector dc_before = check.gradients().dc_before;
  std::string wrong = gradient_error(check, "dc_before", &LstmGradients::dc_before, check.c);
  if (wrong.empty()) return "";
  const auto equals = [&](const auto& expected) {
    Vector values;
    for (std::size_t j = 0; j < 2; ++j) {
      const double t = std::tanh(step.c[j]);
      values.push_back(expected(j, t));
    }
    return same(dc_before, values);
  };
  for (const auto& [hint, derivative] : kCellMistakes) {
    const auto by_c = [&, derivative = derivative](std::size_t j, double t) {
      return derivative(check.a[j], check.e[j], step.o[j], step.c[j], t);
    };
    if (equals([&](std::size_t j, double t) { return step.f[j] * by_c(j, t); })) return cat(wrong, ": ", hint);
  }
  const auto right = [&](std::size_t j, double t) { return check.e[j] + check.a[j] * step.o[j] * (1 - t * t); };
  if (equals(right))
    return cat(wrong, ": this is the derivative with respect to c; dc_before is f times this derivative");
  if (equals([&](std::size_t j, double t) { return step.i[j] * right(j, t); }))
    return cat(wrong, ": c = f * c_before + i * g, so the factor is f, not i");
  return cat(wrong, ": dc_before = f * (dc + dh * o * (1 - tanh(c)^2)), because c = f * c_before + i * g");
}

std::string bias_gradients() {
  const char* rules[] = {"i: (derivative with respect to c) * g * i (1 - i)",
                         "f: (derivative with respect to c) * c_before * f (1 - f)",
                         "g: (derivative with respect to c) * i * (1 - g^2)", "o: dh * tanh(c) * o (1 - o)"};
  for (const auto& [n, width] : kShapes) {
    Check check(n, width);
    const Vector db = check.gradients().db, expected = check.numeric(check.p.b);
    if (db.size() != expected.size()) return cat("db has ", db.size(), " entries; expected 4C = ", expected.size());
    for (std::size_t row = 0; row < db.size(); ++row)
      if (!close(db[row], expected[row], 1e-6))
        return cat("N = ", n, ", C = ", width, ": db[", row, "] is ", db[row], "; finite differences give ",
                   expected[row], ": gate ", rules[row / width]);
  }
  return "";
}

// A gradient of x, h_before, w or u against finite differences, for all shapes.
template <class Input>
std::string all_shapes(const char* name, Part part, Input input, const char* hint) {
  for (const auto& [n, width] : kShapes) {
    Check check(n, width);
    if (std::string wrong = gradient_error(check, name, part, input(check)); !wrong.empty())
      return cat(wrong, ": ", hint);
  }
  return "";
}

std::string input_gradients() {
  return all_shapes(
      "dx", &LstmGradients::dx, [](Check& c) -> Vector& { return c.x; },
      "dx = w^T db: x[k] enters all 4C rows, so sum over the rows");
}
std::string state_gradients() {
  return all_shapes(
      "dh_before", &LstmGradients::dh_before, [](Check& c) -> Vector& { return c.h; },
      "dh_before = u^T db: element k sums u[row * C + k] * db[row] over all 4C rows");
}
std::string w_gradients() {
  return all_shapes(
      "dw", &LstmGradients::dw, [](Check& c) -> Vector& { return c.p.w; }, "dw[row * N + k] = db[row] * x[k]");
}
std::string u_gradients() {
  return all_shapes(
      "du", &LstmGradients::du, [](Check& c) -> Vector& { return c.p.u; },
      "du[row * C + k] = db[row] * h_before[k], the state before the step");
}

// Two steps with the same weights: the second step's gradients enter the first, and the parts of the weights add up.
std::string through_time() {
  Check check(2, 3);
  const Vector x2 = some_values(2, 7);
  const auto loss = [&] {
    const LstmStep first = reference(check.p, check.x, check.h, check.c);
    const LstmStep second = reference(check.p, x2, first.h, first.c);
    double sum = 0;
    for (std::size_t j = 0; j < 3; ++j) sum += check.a[j] * second.h[j] + check.e[j] * second.c[j];
    return sum;
  };
  const LstmStep first = lstm_forward(check.p, check.x, check.h, check.c);
  const LstmStep second = lstm_forward(check.p, x2, first.h, first.c);
  const LstmGradients later = lstm_backward(check.p, second, check.a, check.e);
  const LstmGradients earlier = lstm_backward(check.p, first, later.dh_before, later.dc_before);
  for (std::size_t i = 0; i < check.p.u.size(); ++i) {
    const double before = check.p.u[i], sum = later.du[i] + earlier.du[i];
    check.p.u[i] = before + 1e-5;
    const double above = loss();
    check.p.u[i] = before - 1e-5;
    const double expected = (above - loss()) / 2e-5;
    check.p.u[i] = before;
    if (!close(sum, expected, 1e-6))
      return cat("after two steps, du[", i, "] summed over the steps is ", sum, "; finite differences give ", expected);
  }
  return "";
}

}  // namespace

int main() {
  return check_facts("Exercise 2: an LSTM step and its gradients",
                     {{"with zero weights every gate is half open", zero_weights},
                      {"gates, cell and state have the right values", forward_values},
                      {"gates open and close completely", extreme_gates},
                      {"dc_before collects both paths to the cell", cell_gradients},
                      {"db agrees with finite differences", bias_gradients},
                      {"dx agrees with finite differences", input_gradients},
                      {"dh_before agrees with finite differences", state_gradients},
                      {"dw agrees with finite differences", w_gradients},
                      {"du agrees with finite differences", u_gradients},
                      {"two steps chain: gradients through time", through_time}});
}
