// The repeats corpus: sequences that repeat themselves with a random period.
#include <algorithm>
#include <cmath>

#include "corpora/sequence_writer.h"

#include "base/words.h"

namespace headlight {

namespace {

enum Rule : std::uint8_t { kNew, kTurn, kRepeat };
constexpr detail::NamedRule kRules[] = {{"new", "a symbol not seen before: any of those left"},
                                        {"turn", "the first symbol again; the period is random"},
                                        {"repeat", "the symbol one period back; forced"}};
enum Compared : std::size_t { kUniform, kUnigram };

}  // namespace

TracedText draw_repeats(const RepeatsOptions& o, Index chars, std::uint64_t seed, Trace trace) {
  const std::string alphabet = cat(detail::kLower, "0123456789", detail::kUpper);
  if (o.symbols < 1 || o.symbols > static_cast<Index>(alphabet.size()))
    fail("repeats: ", counted(o.symbols, "symbol"), ": the count must lie in 1..", alphabet.size());
  if (o.shortest < 1 || o.longest < o.shortest || o.longest > o.symbols)
    fail("repeats: periods of ", o.shortest, " to ", o.longest, ": the periods must ascend and lie in 1..", o.symbols);
  TracedText names;
  detail::set_rules(names, kRules);
  names.references = {{"uniform", "all symbols equally likely", {}},
                      {"unigram", "the symbols of the sequence equally likely, whatever their order", {}}};
  std::string symbols(alphabet, 0, static_cast<std::size_t>(o.symbols));
  return detail::write_sequences(std::move(names), o.length, chars, seed, trace, [&](Rng& rng, detail::Sequence& s) {
    const Index period = o.shortest + rng.below(o.longest - o.shortest + 1);
    for (Index i = 0; i < o.length; ++i) {
      const auto known = static_cast<double>(std::min(i, period));  // distinct symbols so far
      s.references[kUniform].push_back(-std::log(static_cast<double>(o.symbols)));
      if (i > period) {
        s.add(s.text[static_cast<std::size_t>(i - period)], 0, kRepeat, period);
        s.references[kUnigram].push_back(-std::log(known));
        continue;
      }
      // P(period = i): the periods i..longest are still possible, and equally likely.
      const double turns = i < o.shortest ? 0 : 1.0 / static_cast<double>(o.longest - i + 1);
      if (i == period) {
        s.add(s.text[0], std::log(turns), kTurn, period);
        s.references[kUnigram].push_back(std::log(turns / known));
        continue;
      }
      // One step of a Fisher-Yates shuffle.
      std::swap(symbols[static_cast<std::size_t>(i)], symbols[static_cast<std::size_t>(i + rng.below(o.symbols - i))]);
      const double log_p = std::log((1 - turns) / static_cast<double>(o.symbols - i));
      s.add(symbols[static_cast<std::size_t>(i)], log_p, kNew);
      s.references[kUnigram].push_back(log_p);
    }
  });
}

}  // namespace headlight
