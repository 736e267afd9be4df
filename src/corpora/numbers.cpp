// The corpus numbers: English number words, the held-out numbers, and the exact probability of every character.
#include "corpora/numbers.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "corpora/sequence_writer.h"

namespace headlight {

namespace {

constexpr int kMaxDigits = 4;
enum Rule : std::uint8_t { kSource, kTab, kTarget, kLineBreak };
constexpr detail::NamedRule kRules[] = {{"source", "a symbol before the tab"},
                                        {"tab", "the tab; uncertain if a longer source begins the same way"},
                                        {"target", "a symbol after the tab; the source determines the target"}};

std::string line_of(Index number, bool to_words) {
  const std::string digits = std::to_string(number), words = number_words(number);
  return to_words ? cat(digits, "\t", words) : cat(words, "\t", digits);
}

// The held-out numbers with this many digits, or all others.
std::vector<Index> numbers_of(int digits, bool held_out) {
  Index end = 1;
  for (int i = 0; i < digits; ++i) end *= 10;
  std::vector<Index> numbers;
  for (Index n = digits == 1 ? 0 : end / 10; n < end; ++n)
    if (is_held_out(n) == held_out) numbers.push_back(n);
  return numbers;
}

// All lines, sorted, with their cumulative probabilities. The probability of a character after a prefix is the total
// probability of the lines that begin with the prefix and the character, divided by that of the lines that begin with
// the prefix.
class Lines {
 public:
  explicit Lines(const std::vector<std::vector<Index>>& by_digits) {
    std::vector<std::pair<std::string, double>> all;
    for (const std::vector<Index>& numbers : by_digits)
      for (const Index n : numbers)
        for (const bool to_words : {false, true})
          all.emplace_back(line_of(n, to_words) + '\n', 0.5 / static_cast<double>(numbers.size()));
    std::sort(all.begin(), all.end());
    sums_.push_back(0);
    for (auto& [line, probability] : all) {
      lines_.push_back(std::move(line));
      sums_.push_back(sums_.back() + probability);
    }
  }

  void trace(const std::string& line, TracedText& out) const {
    auto first = lines_.begin(), last = lines_.end();
    bool after_tab = false;
    const auto weight = [&](auto from, auto to) {
      return sums_[static_cast<std::size_t>(to - lines_.begin())] -
             sums_[static_cast<std::size_t>(from - lines_.begin())];
    };
    for (std::size_t i = 0; i < line.size(); ++i) {
      const auto before = [&](const std::string& other, char c) { return other[i] < c; };
      const auto after = [&](char c, const std::string& other) { return c < other[i]; };
      const auto from = std::lower_bound(first, last, line[i], before),
                 to = std::upper_bound(from, last, line[i], after);
      const bool forced = from == first && to == last;
      out.log_probability.push_back(forced ? 0 : std::log(weight(from, to) / weight(first, last)));
      out.rule.push_back(line[i] == '\n' ? kLineBreak : line[i] == '\t' ? kTab : after_tab ? kTarget : kSource);
      out.evidence.push_back(0);
      after_tab = after_tab || line[i] == '\t';
      first = from;
      last = to;
    }
  }

 private:
  std::vector<std::string> lines_;
  std::vector<double> sums_;
};

}  // namespace

std::string number_words(Index number) {
  static const char* const kSmall[] = {"zero",     "one",     "two",     "three",     "four",     "five",    "six",
                                       "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",  "thirteen",
                                       "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
  static const char* const kTens[] = {"",      "",      "twenty",  "thirty", "forty",
                                      "fifty", "sixty", "seventy", "eighty", "ninety"};
  if (number < 0 || number > kMaxNumber) fail("numbers: ", number, " is outside 0 to ", kMaxNumber);
  if (number < 20) return kSmall[number];
  const auto with_rest = [](const std::string& head, Index rest) {
    return rest == 0 ? head : cat(head, " ", number_words(rest));
  };
  if (number < 100) return with_rest(kTens[number / 10], number % 10);
  if (number < 1000) return with_rest(cat(kSmall[number / 100], " hundred"), number % 100);
  return with_rest(cat(kSmall[number / 1000], " thousand"), number % 1000);
}

bool is_held_out(Index number) { return number >= 100 && mix64(static_cast<std::uint64_t>(number)) % 10 == 0; }

TracedText draw_numbers(Index chars, std::uint64_t seed, Trace trace) {
  if (chars < 1 || chars > kMaxCorpusChars)
    fail("corpus: ", counted(chars, "character"), ": the count must lie in 1..", kMaxCorpusChars);
  const bool held_out = seed == kHeldOutSeed;
  std::vector<std::vector<Index>> by_digits;
  for (int digits = held_out ? 3 : 1; digits <= kMaxDigits; ++digits) by_digits.push_back(numbers_of(digits, held_out));
  TracedText out;
  detail::set_rules(out, kRules);
  const Lines lines(trace == Trace::kFull && !held_out ? by_digits : std::vector<std::vector<Index>>());
  Rng rng(seed);
  while (out.size() < chars) {
    const std::vector<Index>& numbers =
        by_digits[static_cast<std::size_t>(rng.below(static_cast<Index>(by_digits.size())))];
    const Index number = numbers[static_cast<std::size_t>(rng.below(static_cast<Index>(numbers.size())))];
    const std::string line = line_of(number, rng.below(2) == 0) + '\n';
    out.document_starts.push_back(out.size());
    out.text += line;
    if (trace == Trace::kFull && !held_out) lines.trace(line, out);
  }
  return out;
}

}  // namespace headlight
