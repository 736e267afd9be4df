// The facts of exercise 5.
#include "lessons/exercise_check.h"

#include <cstring>
#include <new>

#include HEADLIGHT_EXERCISE

using namespace headlight;
using namespace headlight::exercise;
using lessons::merge_heads;
using lessons::split_heads;

namespace {

// Every array of this program lies between two guards of this size and fill. An index outside an array then hits a
// guard instead of other data, so the fact can name the index instead of crashing.
constexpr std::size_t kGuard = 16384;  // bytes
constexpr float kFill = -7777;

}  // namespace

void* operator new(std::size_t size) {
  const std::size_t whole = (size + 15) / 16 * 16;
  auto* block = static_cast<char*>(std::malloc(whole + 2 * kGuard));
  if (!block) throw std::bad_alloc();
  for (std::size_t i = 0; i < kGuard; i += sizeof kFill) {
    std::memcpy(block + i, &kFill, sizeof kFill);
    std::memcpy(block + kGuard + whole + i, &kFill, sizeof kFill);
  }
  return block + kGuard;
}
void operator delete(void* memory) noexcept {
  if (memory) std::free(static_cast<char*>(memory) - kGuard);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

namespace {

using Floats = std::vector<float>;
struct Size {
  std::size_t B, H, T, D;
  std::string text() const { return cat("B = ", B, ", H = ", H, ", T = ", T, ", D = ", D); }
  std::size_t count() const { return B * H * T * D; }
};

// Element [b,t,c] is 1000 (b + 1) + 100 t + c, so that a wrong value shows where it came from.
float value(const Size& s, std::size_t b, std::size_t h, std::size_t t, std::size_t d) {
  return static_cast<float>(1000 * (b + 1) + 100 * t + h * s.D + d);
}

// The index of element [b,h,t,d] in an array.
using Place = std::size_t (*)(const Size&, std::size_t b, std::size_t h, std::size_t t, std::size_t d);
std::size_t in_x(const Size& s, std::size_t b, std::size_t h, std::size_t t, std::size_t d) {
  return (b * s.T + t) * s.H * s.D + h * s.D + d;
}
std::size_t in_y(const Size& s, std::size_t b, std::size_t h, std::size_t t, std::size_t d) {
  return ((b * s.H + h) * s.T + t) * s.D + d;
}

template <class F>
void each_element(const Size& s, const F& f) {
  for (std::size_t b = 0; b < s.B; ++b)
    for (std::size_t h = 0; h < s.H; ++h)
      for (std::size_t t = 0; t < s.T; ++t)
        for (std::size_t d = 0; d < s.D; ++d) f(b, h, t, d);
}

// The expected array: x if `at` is in_x, y if `at` is in_y.
Floats filled(const Size& s, Place at) {
  Floats a(s.count());
  each_element(s, [&](auto b, auto h, auto t, auto d) { a[at(s, b, h, t, d)] = value(s, b, h, t, d); });
  return a;
}
Floats columns(const Size& s) { return filled(s, in_x); }
Floats heads(const Size& s) { return filled(s, in_y); }

// The result of a student's four loops, to[write(b,h,t,d)] = from[read(b,h,t,d)], without the writes outside `to`.
Floats moved(const Size& s, const Floats& from, Place write, Place read) {
  Floats to(s.count());
  each_element(s, [&](auto b, auto h, auto t, auto d) {
    const std::size_t w = write(s, b, h, t, d), r = read(s, b, h, t, d);
    if (w < to.size()) to[w] = r < from.size() ? from[r] : kFill;
  });
  return to;
}

// A mistake in the index of x or of y.
struct Mistake {
  bool of_x;
  Place at;
  const char* hint;
};
const std::vector<Mistake>& mistakes() {
  static const std::vector<Mistake> all = {
      {true, [](auto& s, auto b, auto h, auto t, auto d) { return in_x(s, b, 0, t, 0) + d * s.H + h; },
       "head h has columns h, h + H, h + 2H, ...: it must have the neighbors hD .. hD + D-1"},
      {true, [](auto& s, auto b, auto h, auto t, auto d) { return in_x(s, b, 0, t, 0) + h * s.H + d; },
       "head h begins at column hH here; its columns are hD .. hD + D-1"},
      {true, [](auto& s, auto b, auto h, auto t, auto d) { return in_x(s, b, 0, t, 0) + h + d; },
       "head h begins at column h here; its columns are hD .. hD + D-1"},
      {true, [](auto& s, auto, auto h, auto t, auto d) { return in_x(s, 0, h, t, d); },
       "the index of x lacks b: sequence b of x begins at b T C"},
      {true, [](auto& s, auto b, auto h, auto t, auto d) { return (b * s.T + t) * s.D + h * s.D + d; },
       "the positions of x are D apart here; a position of x has all C = HD columns"},
      {true, [](auto& s, auto b, auto h, auto t, auto d) { return (b + t) * s.H * s.D + h * s.D + d; },
       "sequence b of x begins at b C here; a sequence has T positions of C numbers, so it begins at b T C"},
      {true, [](auto& s, auto b, auto h, auto t, auto d) { return b * s.T + in_x(s, 0, h, t, d); },
       "sequence b of x begins at b T here; a sequence has T positions of C numbers, so it begins at b T C"},
      {false, [](auto& s, auto b, auto h, auto t, auto d) { return ((b * s.H + h) * s.D + d) * s.T + t; },
       "this is [B,H,D,T]: in a head, the D numbers of one position must be neighbors"},
      {false, [](auto& s, auto b, auto h, auto t, auto d) { return ((h * s.B + b) * s.T + t) * s.D + d; },
       "this is [H,B,T,D]: the sequence b is the outermost axis"},
      {false, [](auto& s, auto, auto h, auto t, auto d) { return in_y(s, 0, h, t, d); },
       "the index of y lacks b: sequence b of y begins at b H T D"},
      {false, [](auto& s, auto b, auto, auto t, auto d) { return (b * s.T + t) * s.D + d; },
       "the index of y lacks h: head h of a sequence begins at h T D"},
      {false, [](auto& s, auto b, auto h, auto t, auto d) { return ((b * s.H + h) * s.T + t) * s.H * s.D + d; },
       "the positions of a head in y are C apart here; a head has only D numbers for each position"},
      {false, [](auto& s, auto b, auto h, auto t, auto d) { return ((b + h) * s.T + t) * s.D + d; },
       "sequence b of y begins at b T D here; a sequence has H heads, so it begins at b H T D"},
      {false, [](auto& s, auto b, auto h, auto t, auto d) { return ((b * s.T + h) * s.T + t) * s.D + d; },
       "sequence b of y begins at b T T D here; it begins at b H T D"}};
  return all;
}

// In this size, all mistakes above give different results.
const Size kTelling = {3, 2, 4, 5};

// The hint of the mistake that gives the student's result for kTelling.
std::string hint_for(bool split, const Floats& result, const Floats& from) {
  if (result == from)
    return split ? "; the numbers did not move: a [B,T,C] tensor seen as [B,H,T,D] gives a head some positions, not "
                   "some columns of every position"
                 : "; the numbers did not move: the heads of one position must become neighbors";
  for (const Mistake& m : mistakes()) {
    const Place x = m.of_x ? m.at : in_x, y = m.of_x ? in_y : m.at;
    if (result == (split ? moved(kTelling, from, y, x) : moved(kTelling, from, x, y))) return cat("; ", m.hint);
  }
  if (result == (split ? moved(kTelling, from, in_x, in_y) : moved(kTelling, from, in_y, in_x)))
    return split ? "; split_heads did what merge_heads does: swap the two indices"
                 : "; merge_heads did what split_heads does: swap the two sides, so that it undoes the split";
  // Correct in sequence 0, or in head 0, or at position 0 only.
  const Floats right = split ? heads(kTelling) : columns(kTelling);
  const Place to = split ? in_y : in_x;
  bool b0 = true, h0 = true, t0 = true;
  each_element(kTelling, [&](auto b, auto h, auto t, auto d) {
    const std::size_t i = to(kTelling, b, h, t, d);
    if (i < result.size() && result[i] == right[i]) return;
    b0 = b0 && b > 0, h0 = h0 && h > 0, t0 = t0 && t > 0;
  });
  if (b0) return "; sequence 0 is right: check the factor of b in both indices (b T C in x, b H T D in y)";
  if (h0) return "; head 0 is right: check the factor of h in both indices (h D in x, h T D in y)";
  if (t0) return "; position 0 is right: check the factor of t in both indices (t C in x, t D in y)";
  return "";
}

// The first index outside `a` to which the student's code wrote, as a message.
std::string written_outside(const char* name, const Floats& a) {
  if (a.empty()) return "";
  const auto* memory = reinterpret_cast<const char*>(a.data());
  const auto at = [&](std::size_t byte) {
    float number;
    std::memcpy(&number, memory + byte, sizeof number);
    return number;
  };
  const std::size_t whole = (a.capacity() * sizeof(float) + 15) / 16 * 16;
  for (std::size_t byte = whole; byte < whole + kGuard; byte += sizeof(float))
    if (at(byte) != kFill)
      return cat("your code wrote ", at(byte), " to index ", byte / sizeof(float), " of ", name,
                 ", which has the indices 0 .. ", a.size() - 1);
  return "";
}

std::string hint(bool split) {
  const Size s = kTelling;
  const Floats from = split ? columns(s) : heads(s);
  return hint_for(split, split ? split_heads(from, s.B, s.T, s.H * s.D, s.H) : merge_heads(from, s.B, s.H, s.T, s.D),
                  from);
}
const char* const kCode = " (x[b,t,c] is 1000 (b + 1) + 100 t + c here)";

std::string split_of(const Size& s) {
  sizes_now() = s.text();
  const Floats x = columns(s), y = split_heads(x, s.B, s.T, s.H * s.D, s.H);
  if (y.size() != x.size()) return cat(s.text(), ": y has size ", y.size(), "; expected B T C = ", x.size());
  if (const std::string outside = written_outside("y", y); !outside.empty())
    return cat(s.text(), ": ", outside, hint(true));
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t d = i % s.D, t = i / s.D % s.T, h = i / s.D / s.T % s.H, b = i / s.D / s.T / s.H;
    if (y[i] == value(s, b, h, t, d)) continue;
    if (y[i] == kFill) return cat(s.text(), ": y[", b, ",", h, ",", t, ",", d, "] comes from outside x", hint(true));
    return cat(s.text(), ": y[", b, ",", h, ",", t, ",", d, "] is ", y[i], "; expected x[", b, ",", t, ",", h * s.D + d,
               "] = ", value(s, b, h, t, d), hint(true), kCode);
  }
  return "";
}

std::string merge_of(const Size& s) {
  sizes_now() = s.text();
  const Floats y = heads(s), x = merge_heads(y, s.B, s.H, s.T, s.D);
  if (x.size() != y.size()) return cat(s.text(), ": x has size ", x.size(), "; expected B T HD = ", y.size());
  if (const std::string outside = written_outside("x", x); !outside.empty())
    return cat(s.text(), ": ", outside, hint(false));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i % (s.H * s.D), t = i / (s.H * s.D) % s.T, b = i / (s.H * s.D) / s.T, h = c / s.D,
                      d = c % s.D;
    if (x[i] == value(s, b, h, t, d)) continue;
    if (x[i] == kFill) return cat(s.text(), ": x[", b, ",", t, ",", c, "] comes from outside y", hint(false));
    return cat(s.text(), ": x[", b, ",", t, ",", c, "] is ", x[i], "; expected y[", b, ",", h, ",", t, ",", d,
               "] = ", value(s, b, h, t, d), hint(false), kCode);
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

std::size_t facts_begun = 0;

// An index into a vector of size 0 is the usual reason for a crash, because all other arrays have guards.
extern "C" void report_empty(int) {
  std::printf(
      "FAIL\n        %s: your code crashed at an index far outside its arrays: does the result have its size? "
      "std::vector<float> y; has size 0\nstopped at fact %zu of 11\n",
      sizes_now().c_str(), facts_begun);
  std::fflush(stdout);
  std::_Exit(1);
}

// Counts the facts, and reports a crash as above.
std::vector<Fact> reported(std::vector<Fact> facts) {
  for (Fact& fact : facts)
    fact.check = [check = fact.check] {
      std::signal(SIGSEGV, report_empty);
      ++facts_begun;
      return check();
    };
  return facts;
}

}  // namespace

int main() {
  return check_facts("Exercise 5: split and merge heads",
                     reported({{"split, the example in exercise.h",
                                [] {
                                  return split_of({1, 2, 2, 3});
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
                               {"a width that H does not divide is an error", not_divisible}}));
}
