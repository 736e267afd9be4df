// Draws queries and keys, and measures their softmax and its gradient.
#include "lessons/04_scaling/random_scores.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "lessons/03_self_attention/copying.h"

namespace headlight::lessons {

Softmax measure_softmax(Index size, double divisor, std::uint64_t seed) {
  constexpr Index kCount = 64, kDraws = 32;
  Rng rng(seed);
  Softmax result;
  std::vector<double> norms;
  const double rows = static_cast<double>(kCount * kDraws);
  for (Index draw = 0; draw < kDraws; ++draw) {
    const Tensor q = Tensor::normal({kCount, size}, 0, 1, rng), k = Tensor::normal({kCount, size}, 0, 1, rng);
    Tensor scores = matmul(q, k, {.transpose_b = true, .scale = 1 / divisor});
    scores.set_requires_grad(true);
    Tape tape;
    const Tensor weights = softmax(scores);
    tape.backward(weights, Tensor::normal(weights.shape(), 0, 1, rng));
    const Tensor dscores = scores.grad();
    const std::vector<double> s = scores.to_vector(), w = weights.to_vector(), ds = dscores.to_vector(),
                              dq = matmul(dscores, k, {.scale = 1 / divisor}).to_vector();
    for (const double score : s) result.stddev += score * score / (rows * kCount);
    for (Index t = 0; t < kCount; ++t) {
      const double* row = w.data() + t * kCount;
      result.seen += effective_count(row, kCount) / rows;
      result.largest += *std::max_element(row, row + kCount) / rows;
      double of_scores = 0, of_query = 0;
      for (Index i = 0; i < kCount; ++i) of_scores += std::pow(ds[static_cast<std::size_t>(t * kCount + i)], 2);
      for (Index i = 0; i < size; ++i) of_query += std::pow(dq[static_cast<std::size_t>(t * size + i)], 2);
      norms.push_back(std::sqrt(of_scores));
      result.query_gradient += std::sqrt(of_query) / rows;
    }
  }
  result.stddev = std::sqrt(result.stddev);
  std::nth_element(norms.begin(), norms.begin() + kCount * kDraws / 2, norms.end());
  result.median = norms[kCount * kDraws / 2];
  return result;
}

}  // namespace headlight::lessons
