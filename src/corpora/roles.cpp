// The roles corpus: random events, and the answers that marks and keys determine.
#include <array>
#include <cmath>

#include "corpora/sequence_writer.h"

namespace headlight {

namespace {

enum Rule : std::uint8_t { kFree, kPrevious, kThird, kTopic, kDigit, kKeyAgain, kKeyFirst, kTopicFirst };
constexpr detail::NamedRule kRules[] = {
    {"free", "an event: a letter, a digit, a key or a mark"},
    {"previous", "after =: the letter just before the mark; forced"},
    {"third", "after ~: the letter three places before the mark; forced"},
    {"topic", "after ^: the first letter of the line; forced"},
    {"digit", "after @: the latest digit; forced"},
    {"key-again", "after a key (A, B, ...) that occurred earlier: its letter; forced"},
    {"key-first", "after a key that is new in the line: any letter"},
    {"topic-first", "the first symbol: any letter"},
};
constexpr Index kThirdBack = 3;

// Kinds of events. The marks come last, in the order of kMarkSymbols.
enum Kind : std::size_t { kLetterEvent, kDigitEvent, kKeyEvent, kMarks, kKinds = kMarks + 4 };
constexpr std::string_view kMarkSymbols = "=~^@";
constexpr std::array<double, kKinds> kWeights = {0.40, 0.10, 0.20, 0.075, 0.075, 0.075, 0.075};

class RolesWriter {
 public:
  RolesWriter(const RolesOptions& options, Rng& rng, detail::Sequence& out) : o_(options), rng_(rng), out_(out) {}

  void write() {
    add_letter(kTopicFirst);
    while (out_.size() < o_.length) {
      const char event = add_event();
      if (out_.size() < o_.length) add_answer(event);
    }
  }

 private:
  char at(Index i) const { return out_.text[static_cast<std::size_t>(i)]; }
  bool letter_at(Index i) const { return i >= 0 && detail::kLower.find(at(i)) != std::string_view::npos; }

  void add_letter(Rule rule) {
    out_.add(detail::kLower[static_cast<std::size_t>(rng_.below(o_.letters))],
             -std::log(static_cast<double>(o_.letters)), rule);
  }

  char add_event() {
    const Index here = out_.size();
    std::array<double, kKinds> weights = kWeights;
    if (!letter_at(here - 1)) weights[kMarks] = 0;
    if (!letter_at(here - kThirdBack)) weights[kMarks + 1] = 0;
    if (latest_digit_ < 0) weights[kMarks + 3] = 0;
    double total = 0;
    for (const double w : weights) total += w;
    double left = rng_.uniform() * total;
    std::size_t kind = 0;
    // If rounding errors leave a remainder, select ^, which is always possible.
    while (kind < kKinds && (weights[kind] == 0 || (left -= weights[kind]) >= 0)) ++kind;
    if (kind == kKinds) kind = kMarks + 2;
    const Index choices = kind == kLetterEvent  ? o_.letters
                          : kind == kDigitEvent ? o_.digits
                          : kind == kKeyEvent   ? o_.keys
                                                : 1;
    const auto which = static_cast<std::size_t>(choices > 1 ? rng_.below(choices) : 0);
    const char symbol = kind == kLetterEvent  ? detail::kLower[which]
                        : kind == kDigitEvent ? static_cast<char>('1' + which)
                        : kind == kKeyEvent   ? detail::kUpper[which]
                                              : kMarkSymbols[kind - kMarks];
    out_.add(symbol, std::log(weights[kind] / total / static_cast<double>(choices)), kFree);
    if (kind == kDigitEvent) latest_digit_ = here;
    return symbol;
  }

  // Adds the symbol after a mark or a key; other events have no answer.
  void add_answer(char event) {
    const Index here = out_.size(), mark = here - 1;
    switch (event) {
      case '=':
        return copy(mark - 1, kPrevious);
      case '~':
        return copy(mark - kThirdBack, kThird);
      case '^':
        return copy(0, kTopic);
      case '@':
        copy(latest_digit_, kDigit);
        latest_digit_ = here;
        return;
      default:
        break;
    }
    const std::size_t key = detail::kUpper.find(event);
    if (key == std::string_view::npos) return;
    Index& latest = answered_[key];  // index of the key's latest answer, plus one; 0: none
    if (latest > 0) copy(latest - 1, kKeyAgain);
    else add_letter(kKeyFirst);
    latest = here + 1;
  }

  void copy(Index from, Rule rule) { out_.add(at(from), 0, rule, out_.size() - from); }

  const RolesOptions& o_;
  Rng& rng_;
  detail::Sequence& out_;
  Index latest_digit_ = -1;
  std::array<Index, detail::kUpper.size()> answered_{};
};

}  // namespace

TracedText draw_roles(const RolesOptions& o, Index chars, std::uint64_t seed, Trace trace) {
  const auto within = [](const char* what, Index count, Index most) {
    if (count < 1 || count > most) fail("roles: ", count, " ", what, ": the count must lie in 1..", most);
  };
  within("letters", o.letters, static_cast<Index>(detail::kLower.size()));
  within("digits", o.digits, 9);
  within("keys", o.keys, static_cast<Index>(detail::kUpper.size()));
  TracedText names;
  detail::set_rules(names, kRules);
  return detail::write_sequences(std::move(names), o.length, chars, seed, trace,
                                 [&](Rng& rng, detail::Sequence& s) { RolesWriter(o, rng, s).write(); });
}

}  // namespace headlight
