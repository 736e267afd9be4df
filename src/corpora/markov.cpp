// The markov corpus: chains with a random transition matrix for each sequence.
#include <algorithm>
#include <cmath>
#include <span>

#include "corpora/sequence_writer.h"

#include "base/words.h"

namespace headlight {

namespace {

enum Rule : std::uint8_t { kFirst, kUnseen, kSeen };
constexpr detail::NamedRule kRules[] = {{"first", "the first symbol: any"},
                                        {"unseen", "after a symbol that is new in the line: any"},
                                        {"seen", "after a symbol that occurred earlier in the line"}};
enum Compared : std::size_t { kUniform, kUnigram, kBigram, kMatrix };

// Draws from a gamma distribution with the given shape and scale 1 (Marsaglia and Tsang 2000) and returns the
// logarithm, because the value itself would underflow for small shapes.
double draw_log_gamma(double shape, Rng& rng) {
  // The method needs a shape of at least 1. For smaller shapes, Gamma(a) = Gamma(a + 1) U^(1/a).
  const double boost = shape < 1 ? std::log1p(-rng.uniform()) / shape : 0;
  const double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = rng.normal(), root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log1p(-rng.uniform()) < x * x / 2 + d - d * v + d * std::log(v)) return std::log(d * v) + boost;
  }
}

// Fills `row` with the logarithms of probabilities drawn from a symmetric Dirichlet distribution.
void draw_log_dirichlet(double concentration, Rng& rng, std::span<double> row) {
  double highest = -INFINITY, total = 0;
  for (double& x : row) highest = std::max(highest, x = draw_log_gamma(concentration, rng));
  for (const double x : row) total += std::exp(x - highest);
  for (double& x : row) x -= highest + std::log(total);
}

}  // namespace

TracedText draw_markov(const MarkovOptions& o, Index chars, std::uint64_t seed, Trace trace) {
  if (o.symbols < 1 || o.symbols > static_cast<Index>(detail::kLower.size()))
    fail("markov: ", counted(o.symbols, "symbol"), ": the count must lie in 1..", detail::kLower.size());
  if (!(o.concentration >= 0.01 && o.concentration <= 1000))
    fail("markov: a concentration of ", o.concentration, ": the concentration must lie in 0.01..1000");
  TracedText names;
  detail::set_rules(names, kRules);
  names.references = {{"uniform", "all symbols equally likely", {}, true},
                      {"unigram", "add-one estimate from the symbols of the line so far", {}, true},
                      {"bigram", "add-one estimate from the pairs of the line so far", {}, true},
                      {"matrix", "the line's true transition probabilities: the entropy rate", {}}};
  const auto k = static_cast<std::size_t>(o.symbols);
  const auto count = static_cast<double>(o.symbols);
  std::vector<double> log_chance(k * k), pair_counts(k * k), from_counts(k), symbol_counts(k);
  std::vector<Index> latest_end(k * k);  // index of the second symbol of each pair's latest occurrence, + 1; 0: none
  return detail::write_sequences(std::move(names), o.length, chars, seed, trace, [&](Rng& rng, detail::Sequence& s) {
    for (std::size_t i = 0; i < k; ++i)
      draw_log_dirichlet(o.concentration, rng, std::span(log_chance).subspan(i * k, k));
    for (std::vector<double>* counts : {&pair_counts, &from_counts, &symbol_counts}) counts->assign(counts->size(), 0);
    latest_end.assign(latest_end.size(), 0);
    std::size_t before = 0;
    for (Index i = 0; i < o.length; ++i) {
      std::size_t next = 0;
      const double uniform = -std::log(count);
      if (i == 0) {
        next = static_cast<std::size_t>(rng.below(o.symbols));
        s.add(detail::kLower[next], uniform, kFirst);
        for (std::vector<double>& r : s.references) r.push_back(uniform);
      } else {
        double left = rng.uniform();
        while (next + 1 < k && (left -= std::exp(log_chance[before * k + next])) >= 0) ++next;
        const std::size_t pair = before * k + next;
        const double n = pair_counts[pair], total = from_counts[before];
        s.add(detail::kLower[next], std::log((n + o.concentration) / (total + count * o.concentration)),
              total > 0 ? kSeen : kUnseen, latest_end[pair] > 0 ? i + 1 - latest_end[pair] : 0);
        s.references[kUniform].push_back(uniform);
        s.references[kUnigram].push_back(std::log((symbol_counts[next] + 1) / (static_cast<double>(i) + count)));
        s.references[kBigram].push_back(std::log((n + 1) / (total + count)));
        s.references[kMatrix].push_back(log_chance[pair]);
        ++pair_counts[pair];
        ++from_counts[before];
        latest_end[pair] = i + 1;
      }
      ++symbol_counts[next];
      before = next;
    }
  });
}

}  // namespace headlight
