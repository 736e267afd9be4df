// Computes the n-gram baseline.
#include "training/counting.h"

#include <algorithm>

#include "data/ngram.h"

namespace headlight {

std::vector<double> ngram_losses(const RunData& data, int order) {
  constexpr Index kCounted = 2'000'000, kMeasured = 500'000;
  const auto beginning = [](const TokenText& text, Index most) {
    return text.ids.copy(0, std::min(static_cast<Index>(text.ids.size()), most));
  };
  const std::vector<std::int32_t> train = beginning(data.train, kCounted), rest = beginning(data.validation, kMeasured);
  std::vector<double> losses;
  if (train.size() < 2 || rest.size() < 2) return losses;
  const NgramModel counted(train, data.vocabulary.size(), order);
  for (int n = 1; n <= order; ++n) losses.push_back(counted.loss(rest, 1, static_cast<Index>(rest.size()), n));
  return losses;
}

}  // namespace headlight
