// The corpus numbers: pairs of a number in digits and in English words, in both directions.
#pragma once

#include <cstdint>
#include <string>

#include "headlight/corpora/corpus.h"

namespace headlight {

inline constexpr Index kMaxNumber = 9999;

// "one thousand two hundred thirty four" for 1234. Error: outside 0..kMaxNumber.
std::string number_words(Index number);
// Whether a number is held out: a tenth of the numbers from 100 up. Every word also occurs in numbers that are not held
// out.
bool is_held_out(Index number);

// Numbers: lines "1234 TAB one thousand two hundred thirty four" and, equally often, the two sides exchanged.
//
// The number of digits is uniform in 1..4, and numbers with the same number of digits are equally likely. Seed
// kHeldOutSeed gives held-out numbers only; every other seed gives the other numbers only. The rules:
//
//   source  a symbol before the tab
//   tab     the tab; uncertain if a longer source begins the same way
//   target  a symbol after the tab; the source determines the target
//   end     the line break
//
// The text of held-out numbers has no probabilities, because it is not a sample of the training distribution.
inline constexpr std::uint64_t kHeldOutSeed = 2;
TracedText draw_numbers(Index chars, std::uint64_t seed, Trace trace = Trace::kFull);

}  // namespace headlight
