// The task of both programs: random lines of symbols, and the symbol that a head should read at each position. Scores a
// head on this task, and trains one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lessons/03_self_attention/programs.h"
#include "lessons/lesson.h"

namespace headlight::lessons {

inline constexpr Index kSymbols = 12, kLength = 24;  // V, T
using Line = std::vector<std::int32_t>;
// The position that the head reads at position t, such as previous_position.
using Program = Index (*)(Index t);

Line random_line(Rng& rng);

SelfAttention attend(const Head& head, const Line& line);

// The weights [T,T] of a head on a line, for the page.
AttentionMap::Head drawn(const std::string& name, const Head& head, const Line& line);

// Means over random lines (the same for every head) and over positions 1 .. T-1.
struct Score {
  double right = 0;   // percent of positions at which the largest output belongs to the symbol to read
  double exact = 0;   // percent at which the output is this symbol's unit vector, to the bit
  double weight = 0;  // attention weight on the position to read
  double seen = 0;    // effective number of symbols attended to
};
Score score(const Head& head, Program program, Index lines = 100);

// e^H, where H is the entropy of `count` weights: the number of equal weights that are as spread out as these.
double effective_count(const double* weights, Index count);

// Starts from random matrices and minimizes the cross-entropy of the symbol to read. `seen` receives the effective
// number of symbols against the step.
Head learn(Program program, const std::string& what, std::uint64_t seed, const LessonProgress& progress,
           std::vector<Point>& seen);

}  // namespace headlight::lessons
