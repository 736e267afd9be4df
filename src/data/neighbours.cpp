#include "headlight/data/neighbours.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <vector>

#include "headlight/base/error.h"

namespace headlight {

namespace {
constexpr double kWeight = 5;
}

NeighbourLosses neighbour_losses(const TokenText& train, const TokenText& validation, Index vocabulary, Index most) {
  const auto part = [&](const TokenText& text) {
    return std::span(text.ids).first(std::min(text.ids.size(), static_cast<std::size_t>(std::max<Index>(most, 0))));
  };
  const std::span<const std::int32_t> seen = part(train), asked = part(validation);
  if (seen.size() < 2 || asked.size() < 2) fail("neighbours: fewer than two tokens");
  std::vector<double> count(static_cast<std::size_t>(vocabulary), 0), before(count);
  // Pairs as one number: a table of all pairs would be mostly empty.
  const auto pair = [&](std::int32_t a, std::int32_t b) { return static_cast<std::int64_t>(a) * vocabulary + b; };
  std::unordered_map<std::int64_t, double> pairs;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    ++count[static_cast<std::size_t>(seen[i])];
    if (i == 0) continue;
    ++before[static_cast<std::size_t>(seen[i - 1])];
    ++pairs[pair(seen[i - 1], seen[i])];
  }
  const double all = static_cast<double>(seen.size()) + static_cast<double>(vocabulary);
  NeighbourLosses losses;
  for (std::size_t i = 1; i < asked.size(); ++i) {
    const double p = (count[static_cast<std::size_t>(asked[i])] + 1) / all;
    const auto found = pairs.find(pair(asked[i - 1], asked[i]));
    const double together = found == pairs.end() ? 0 : found->second;
    losses.unigram -= std::log(p);
    losses.bigram -= std::log((together + kWeight * p) / (before[static_cast<std::size_t>(asked[i - 1])] + kWeight));
  }
  const auto asked_for = static_cast<double>(asked.size() - 1);
  losses.unigram /= asked_for;
  losses.bigram /= asked_for;
  return losses;
}

}  // namespace headlight
