// Random subspaces by Gram-Schmidt, and their mean-ablation.
#include "lessons/05_many_heads/random_subspace.h"

#include <cmath>

#include "headlight/ops/ops.h"

namespace headlight::lessons {

std::vector<Tensor> random_subspaces(Index heads, Index size, Rng& rng) {
  const auto n = static_cast<std::size_t>(heads * size);
  std::vector<std::vector<double>> directions;
  while (directions.size() < n) {
    std::vector<double> v(n);
    for (double& value : v) value = rng.normal();
    for (int pass = 0; pass < 2; ++pass)  // the second pass removes rounding errors of the first
      for (const std::vector<double>& before : directions) {
        double dot = 0;
        for (std::size_t i = 0; i < n; ++i) dot += before[i] * v[i];
        for (std::size_t i = 0; i < n; ++i) v[i] -= dot * before[i];
      }
    double square = 0;
    for (const double value : v) square += value * value;
    for (double& value : v) value /= std::sqrt(square);
    directions.push_back(std::move(v));
  }
  std::vector<Tensor> subspaces;
  for (Index h = 0; h < heads; ++h) {
    std::vector<double> rows;
    for (Index i = h * size; i < (h + 1) * size; ++i) {
      const std::vector<double>& v = directions[static_cast<std::size_t>(i)];
      rows.insert(rows.end(), v.begin(), v.end());
    }
    subspaces.push_back(transpose(Tensor::of({size, heads * size}, rows)));
  }
  return subspaces;
}

Tensor AblateSubspace::on_activation(const HookSite& site, const Tensor& z) {
  if (site.kind != HookSite::Kind::kHeadOutputs) return z;
  const Index rows = z.size(0), heads = z.size(1), length = z.size(2), size = z.size(3);
  const Tensor away = reshape(permute(z - means_, {0, 2, 1, 3}), {rows, length, heads * size});  // [B,T,HD]
  const Tensor part = matmul(matmul(away, u_), transpose(u_));
  return z - permute(reshape(part, {rows, length, heads, size}), {0, 2, 1, 3});
}

}  // namespace headlight::lessons
