// The facts of exercise 5.
#include "lessons/exercise_check.h"

#include HEADLIGHT_EXERCISE

using namespace headlight;
using namespace headlight::exercise;
using lessons::merge_heads;
using lessons::split_heads;

namespace {

using Floats = std::vector<float>;
struct Size {
  std::size_t B, H, T, D;
  std::string text() const { return cat("B = ", B, ", H = ", H, ", T = ", T, ", D = ", D); }
};

// Element [b,t,c] is 1000 (b + 1) + 100 t + c, so that a wrong value shows where it came from.
Floats columns(const Size& s) {
  Floats x;
  for (std::size_t b = 0; b < s.B; ++b)
    for (std::size_t t = 0; t < s.T; ++t)
      for (std::size_t c = 0; c < s.H * s.D; ++c) x.push_back(static_cast<float>(1000 * (b + 1) + 100 * t + c));
  return x;
}
float value(const Size& s, std::size_t b, std::size_t h, std::size_t t, std::size_t d) {
  return static_cast<float>(1000 * (b + 1) + 100 * t + h * s.D + d);
}

// y in the layout [B,H,T,D].
Floats heads(const Size& s) {
  Floats y;
  for (std::size_t b = 0; b < s.B; ++b)
    for (std::size_t h = 0; h < s.H; ++h)
      for (std::size_t t = 0; t < s.T; ++t)
        for (std::size_t d = 0; d < s.D; ++d) y.push_back(value(s, b, h, t, d));
  return y;
}

// The values in the layout that a mistake produces: `at` gives the index of element [b,h,t,d].
template <class At>
Floats laid_out(const Size& s, const At& at) {
  Floats y(s.B * s.H * s.T * s.D, -1);
  for (std::size_t b = 0; b < s.B; ++b)
    for (std::size_t h = 0; h < s.H; ++h)
      for (std::size_t t = 0; t < s.T; ++t)
        for (std::size_t d = 0; d < s.D; ++d) y[at(b, h, t, d)] = value(s, b, h, t, d);
  return y;
}

std::string split_hint(const Size& s, const Floats& y) {
  const auto [B, H, T, D] = s;
  if (y == columns(s))
    return "; the numbers did not move: a [B,T,C] tensor seen as [B,H,T,D] gives a head some positions, not some "
           "columns of every position";
  if (y == laid_out(s, [=](auto b, auto h, auto t, auto d) { return ((b * H + h) * D + d) * T + t; }))
    return "; this is [B,H,D,T]: in a head, the D numbers of one position must be neighbors";
  if (y == laid_out(s, [=](auto b, auto h, auto t, auto d) { return ((h * B + b) * T + t) * D + d; }))
    return "; this is [H,B,T,D]: the sequence b is the outermost axis";
  Floats interleaved;
  for (std::size_t b = 0; b < B; ++b)
    for (std::size_t h = 0; h < H; ++h)
      for (std::size_t t = 0; t < T; ++t)
        for (std::size_t d = 0; d < D; ++d)
          interleaved.push_back(static_cast<float>(1000 * (b + 1) + 100 * t + d * H + h));
  if (y == interleaved) return "; head h has columns h, h + H, h + 2H, ...: it must have the neighbors hD .. hD + D-1";
  return "; x[b,t,c] is 1000 (b + 1) + 100 t + c here";
}

std::string split_of(const Size& s) {
  sizes_now() = s.text();
  const Floats x = columns(s), y = split_heads(x, s.B, s.T, s.H * s.D, s.H);
  if (y.size() != x.size())
    return cat(s.text(), ": the result has ", y.size(), " numbers; expected B T C = ", x.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t d = i % s.D, t = i / s.D % s.T, h = i / s.D / s.T % s.H, b = i / s.D / s.T / s.H;
    if (y[i] == value(s, b, h, t, d)) continue;
    return cat(s.text(), ": y[", b, ",", h, ",", t, ",", d, "] is ", y[i], "; expected x[", b, ",", t, ",", h * s.D + d,
               "] = ", value(s, b, h, t, d), split_hint(s, y));
  }
  return "";
}

std::string merge_of(const Size& s) {
  sizes_now() = s.text();
  const Floats y = heads(s), x = merge_heads(y, s.B, s.H, s.T, s.D);
  if (x.size() != y.size())
    return cat(s.text(), ": the result has ", x.size(), " numbers; expected B T HD = ", y.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i % (s.H * s.D), t = i / (s.H * s.D) % s.T, b = i / (s.H * s.D) / s.T, h = c / s.D,
                      d = c % s.D;
    if (x[i] == value(s, b, h, t, d)) continue;
    std::string hint;
    if (x == y) hint = "; the numbers did not move: the heads of one position must become neighbors";
    else if (Floats again = split_heads(y, s.B, s.T, s.H * s.D, s.H); x == again)
      hint = "; merge_heads did what split_heads does: swap the two sides, so that it undoes the split";
    return cat(s.text(), ": x[", b, ",", t, ",", c, "] is ", x[i], "; expected y[", b, ",", h, ",", t, ",", d,
               "] = ", value(s, b, h, t, d), hint);
  }
  return "";
}

std::string all(std::string (*fact)(const Size&), const std::vector<Size>& sizes) {
  for (const Size& s : sizes)
    if (const std::string wrong = fact(s); !wrong.empty()) return wrong;
  return "";
}

std::string round_trip() {
  const Size s{2, 3, 5, 4};
  const Floats x = columns(s), again = merge_heads(split_heads(x, 2, 5, 12, 3), 2, 3, 5, 4);
  return x == again ? "" : cat(s.text(), ": merge_heads(split_heads(x)) is not x");
}

std::string not_divisible() {
  try {
    split_heads(Floats(14, 1), 1, 2, 7, 3);
  } catch (const NotWritten&) {
    throw;
  } catch (const std::exception&) {
    return "";
  }
  return "C = 7 cannot be split among H = 3 heads, but no exception was thrown: C / H rounds down to 2, and column 6 "
         "would be lost";
}

}  // namespace

int main() {
  return check_facts("Exercise 5: split and merge heads",
                     {{"split, the example in exercise.h",
                       [] {
                         return split_of({1, 2, 2, 2});
                       }},
                      {"split, one sequence",
                       [] {
                         return all(split_of, {{1, 2, 3, 4}, {1, 3, 2, 5}});
                       }},
                      {"split, several sequences",
                       [] {
                         return all(split_of, {{2, 2, 3, 4}, {3, 4, 5, 2}});
                       }},
                      {"split, sizes of 1",
                       [] {
                         return all(split_of, {{2, 1, 3, 4}, {2, 3, 1, 4}, {2, 3, 4, 1}, {1, 1, 1, 1}});
                       }},
                      {"merge, one sequence",
                       [] {
                         return all(merge_of, {{1, 2, 3, 4}, {1, 3, 2, 5}});
                       }},
                      {"merge, several sequences",
                       [] {
                         return all(merge_of, {{2, 2, 3, 4}, {3, 4, 5, 2}});
                       }},
                      {"merge, sizes of 1",
                       [] {
                         return all(merge_of, {{2, 1, 3, 4}, {2, 3, 1, 4}, {2, 3, 4, 1}, {1, 1, 1, 1}});
                       }},
                      {"merge undoes split", round_trip},
                      {"split, B = 0 or T = 0",
                       [] {
                         return all(split_of, {{0, 2, 3, 4}, {2, 2, 0, 4}});
                       }},
                      {"merge, B = 0 or T = 0",
                       [] {
                         return all(merge_of, {{0, 2, 3, 4}, {2, 2, 0, 4}});
                       }},
                      {"a width that H does not divide is an error", not_divisible}});
}
