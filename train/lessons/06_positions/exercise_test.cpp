// The facts of exercise 6.
#include "lessons/exercise_check.h"

#include HEADLIGHT_EXERCISE

#include <array>
#include <limits>

using namespace headlight;
using namespace headlight::exercise;

namespace {

using Vec = std::vector<float>;

// Numbers between -1 and 1 that look random.
Vec numbers(int count, int seed) {
  Vec values;
  for (int i = 0; i < count; ++i) values.push_back(static_cast<float>(std::sin(12.9898 * (i + 1) + 78.233 * seed)));
  return values;
}

// Element d of row t of the true result.
double expected(const Vec& x, int D, int offset, int t, int d, double exponent = -2) {
  const int half = D / 2, i = d % half;
  const double a = (static_cast<double>(t) + offset) * std::pow(10000.0, exponent * i / D);
  const double low = x[static_cast<std::size_t>(t * D + i)], high = x[static_cast<std::size_t>(t * D + i + half)];
  return d < half ? low * std::cos(a) - high * std::sin(a) : low * std::sin(a) + high * std::cos(a);
}

double dot(const Vec& a, const Vec& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

std::string shown(const Vec& values) {
  std::string text = "{";
  for (const float value : values) text += cat(text.size() > 1 ? ", " : "", value);
  return text + "}";
}

// The first element that differs from the true result; empty: none.
std::string first_wrong(const Vec& x, int T, int D, int offset, const std::string& hint, double tolerance = 1e-4) {
  const Vec y = rotate(x, T, D, offset);
  if (y.size() != x.size())
    return cat("rotate(x [", T, ",", D, "]) has ", y.size(), " numbers; expected ", x.size(), ", one for each of x");
  for (int t = 0; t < T; ++t)
    for (int d = 0; d < D; ++d) {
      const double value = y[static_cast<std::size_t>(t * D + d)], right = expected(x, D, offset, t, d);
      if (!close(value, right, tolerance))
        return cat("row ", t, " (position ", t + offset, "), element ", d, " is ", value, "; expected ", right, hint);
    }
  return "";
}

std::string keeps_size() {
  const std::array<std::array<int, 2>, 3> sizes{{{3, 4}, {1, 2}, {0, 6}}};
  for (const auto& [T, D] : sizes) {
    const std::size_t size = rotate(numbers(T * D, 1), T, D, 0).size();
    if (size != static_cast<std::size_t>(T * D))
      return cat("rotate(x [", T, ",", D, "]) has ", size, " numbers; expected ", T * D);
  }
  return "";
}

std::string position_zero() {
  const Vec x = numbers(6, 1), y = rotate(x, 1, 6, 0);
  if (const std::string wrong = first_wrong(x, 1, 6, 0, ""); wrong.empty()) return "";
  return cat("row 0 was ", shown(x), " and became ", shown(y),
             ": at position 0 all angles are 0, cos is 1 and sin is 0; positions count from 0");
}

std::string one_radian() {
  const Vec y = rotate({1, 0}, 1, 2, 1);
  if (close(y[0], std::cos(1.0)) && close(y[1], std::sin(1.0))) return "";
  std::string hint;
  if (close(y[0], 1) && close(y[1], 0))
    hint = ": nothing was rotated, so `offset` is not part of the position t + offset";
  else if (close(y[0], std::cos(1.0)) && close(y[1], -std::sin(1.0)))
    hint = ": this rotates the other way; the minus sign belongs to the first row of the formula";
  else if (close(y[1], std::sin(1.0) * y[0]))
    hint = ": the second line used y[0] where the formula says x[0]; keep the old value of x[0]";
  else if (close(y[0], std::cos(1.0)))
    hint = ": the first line is right; both lines use the same angle a, that of pair i";
  return cat("rotate({1, 0}, 1, 2, 1) is ", shown(y), "; expected {0.5403, 0.8415}", hint);
}

std::string old_values() {
  const Vec x = {1, 1}, y = rotate(x, 1, 2, 1);
  const double c = std::cos(1.0), s = std::sin(1.0);
  if (close(y[0], c - s) && close(y[1], s + c)) return "";
  std::string hint;
  if (close(y[1], s * (c - s) + c))
    hint = ": the second line used y[0] where the formula says x[0]; keep the old value";
  return cat("rotate({1, 1}, 1, 2, 1) is ", shown(y), "; expected ", shown({float(c - s), float(s + c)}), hint);
}

std::string half_split() {
  const Vec y = rotate({1, 0, 0, 0}, 1, 4, 1);
  const double c = std::cos(1.0), s = std::sin(1.0);
  if (close(y[0], c) && close(y[1], 0) && close(y[2], s) && close(y[3], 0)) return "";
  std::string hint;
  if (close(y[1], s)) hint = ": you paired elements 0 and 1; pair 0 of D = 4 is elements 0 and 2 (i and i + D/2)";
  return cat("rotate({1, 0, 0, 0}, 1, 4, 1) is ", shown(y), "; expected {0.5403, 0, 0.8415, 0}", hint);
}

std::string frequencies() {
  constexpr int D = 8;
  for (int i = 0; i < D / 2; ++i) {
    Vec x(D, 0);
    x[static_cast<std::size_t>(i)] = 1;
    const Vec y = rotate(x, 1, D, 1);
    const double angle = std::atan2(y[static_cast<std::size_t>(i + D / 2)], y[static_cast<std::size_t>(i)]);
    const double right = std::pow(10000.0, -2.0 * i / D);
    if (close(angle / right, 1, 1e-3)) continue;
    std::string hint;
    if (close(angle / std::pow(10000.0, -1.0 * i / D), 1, 1e-3))
      hint = ": this is 10000^(-i/D); the exponent is -2i/D, so that it runs from 0 to almost -1";
    else if (close(angle / std::pow(10000.0, -4.0 * i / D), 1, 1e-3))
      hint = ": this is 10000^(-2i/(D/2)); the exponent divides by D, not by D/2";
    else if (close(angle, 1, 1e-3) || close(angle, 1e-4, 1e-3))
      hint = ": -2 * i / D in whole numbers loses the fraction; write -2.0 * i / D";
    return cat("at position 1 of D = 8, pair ", i, " rotates by ", angle, "; expected 10000^(-2*", i, "/8) = ", right,
               hint);
  }
  return "";
}

std::string rows() {
  const Vec x = numbers(15 * 6, 2);
  return first_wrong(x, 15, 6, 0, ": row t stands at position t, and begins at x[t * D]");
}

std::string offsets() {
  const Vec x = numbers(6, 3);
  if (const std::string wrong = first_wrong(x, 1, 6, 5, ": a single row (T = 1) with offset 5 stands at position 5");
      !wrong.empty())
    return wrong;
  return first_wrong(numbers(4 * 6, 4), 4, 6, 7, ": row t stands at position t + offset");
}

std::string input_kept() {
  Vec x = numbers(12, 5);
  const Vec before = x;
  (void)rotate(x, 2, 6, 3);
  return x == before ? "" : "rotate() changed x; return a new vector";
}

std::string distant() {
  return first_wrong(numbers(3 * 8, 6), 3, 8, 1000003,
                     ": the angle was rounded to float, and at a million radians that is an error of a few hundredths; "
                     "compute position, frequency and angle in double");
}

std::string keeps_length() {
  const Vec x = numbers(8, 7), y = rotate(x, 1, 8, 9);
  return close(dot(y, y), dot(x, x)) ? "" : cat("|x|^2 is ", dot(x, x), " and |rotate(x)|^2 is ", dot(y, y));
}

std::string backward() {
  constexpr int T = 3, D = 6;
  const Vec x = numbers(T * D, 8), dy = numbers(T * D, 9);
  const Vec dx = rotate_backward(dy, T, D, 2);
  if (dx.size() != x.size()) return cat("dx has ", dx.size(), " numbers; expected ", x.size());
  const Vec forward = rotate(dy, T, D, 2);
  bool is_forward = true, is_dy = true, last_is_dy = true;
  for (std::size_t i = 0; i < dx.size(); ++i) {
    is_forward &= close(dx[i], forward[i]);
    is_dy &= close(dx[i], dy[i]);
    last_is_dy &= i < static_cast<std::size_t>(2 * D) || close(dx[i], dy[i]);
  }
  if (is_dy) return "dL/dx is dL/dy unchanged; y depends on x by a rotation, so multiply by its transpose";
  if (is_forward) return "rotate_backward rotates forward: dx = R^T dy, and R^T rotates by the negative angle";
  if (last_is_dy)
    return "with offset 2, row 2 was not rotated, as at position t - offset = 0; the backward pass rotates by the "
           "negative of the whole angle a, which belongs to position t + offset";
  for (std::size_t i = 0; i < x.size(); ++i) {
    Vec up = x, down = x;
    up[i] += 0.5F;
    down[i] -= 0.5F;
    const double right = dot(rotate(up, T, D, 2), dy) - dot(rotate(down, T, D, 2), dy);  // exact: rotate is linear
    if (!close(dx[i], right, 1e-3))
      return cat("dL/dx at row ", i / D, ", element ", i % D, " is ", dx[i], "; finite differences of rotate() give ",
                 right, " (offset 2, T = 3, D = 6)");
  }
  return "";
}

std::string relative() {
  constexpr int D = 8;
  const Vec q = numbers(D, 10), k = numbers(D, 11);
  for (const int distance : {0, 1, 3, 40, -1, -7}) {
    const double value = score(q, k, distance);
    for (const int key : {7, 500}) {
      const double both = dot(rotate(q, 1, D, key + distance), rotate(k, 1, D, key)),
                   right = both / std::sqrt(double{D});
      if (close(value, right, 1e-3)) continue;
      std::string hint;
      if (distance != 0 &&
          close(value, dot(rotate(q, 1, D, key), rotate(k, 1, D, key + distance)) / std::sqrt(double{D}), 1e-3))
        hint = ": this is the score for the opposite distance; the query is the later one if distance > 0";
      else if (close(value, both, 1e-3)) hint = ": the division by sqrt(D) is missing";
      else if (close(value, both / D, 1e-3)) hint = ": this divides by D instead of sqrt(D)";
      else if (distance != 0 && close(value, dot(q, k) / std::sqrt(double{D}), 1e-3)) hint = ": nothing was rotated";
      return cat("score(q, k, ", distance, ") is ", value, "; with the key at position ", key, " and the query at ",
                 key + distance, " it is ", right, hint);
    }
  }
  return "";
}

}  // namespace

int main() {
  return check_facts("Exercise 6: rotary position encoding",
                     {{"the result has the size of x", keeps_size},
                      {"position 0 does not rotate", position_zero},
                      {"with D = 2, position 1 rotates by one radian", one_radian},
                      {"both lines use the old values", old_values},
                      {"pair i is elements i and i + D/2", half_split},
                      {"pair i rotates by 10000^(-2i/D) per position", frequencies},
                      {"every row has its own position", rows},
                      {"offset shifts all positions", offsets},
                      {"x stays as it was", input_kept},
                      {"lengths stay the same", keeps_length},
                      {"distant positions are exact", distant},
                      {"the backward pass is the transpose", backward},
                      {"one rotation by the distance gives the score", relative}});
}
