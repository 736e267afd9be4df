// Mean outputs of heads, the ablation hooks, and random rotations.
#include "heads/ablation/ablation.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"

namespace headlight {

HeadMeans::HeadMeans(const HeadedModel& model, const HeadWindows& windows)
    : by_position_(static_cast<std::size_t>(model.layers())), overall_(static_cast<std::size_t>(model.layers())) {
  struct Collect : Hook {
    std::vector<std::vector<double>> sums;  // [layer]: [H,T,D], flattened
    std::vector<Shape> shapes;
    bool wants_weights() const override { return false; }
    Tensor on_activation(const HookSite& site, const Tensor& z) override {
      if (site.kind != HookSite::Kind::kHeadOutputs) return z;
      const auto l = static_cast<std::size_t>(site.layer);
      const Index size = z.numel() / z.size(0);
      sums[l].resize(static_cast<std::size_t>(size), 0.0);
      shapes[l] = {z.size(1), z.size(2), z.size(3)};
      const float* p = z.data<float>();
      for (Index b = 0; b < z.size(0); ++b)
        for (Index i = 0; i < size; ++i) sums[l][static_cast<std::size_t>(i)] += static_cast<double>(p[b * size + i]);
      return z;
    }
  } collect;
  collect.sums.resize(by_position_.size());
  collect.shapes.resize(by_position_.size());
  token_losses(model, windows);
  for (std::size_t l = 0; l < by_position_.size(); ++l) {
    std::vector<double>& sums = collect.sums[l];
    if (sums.empty()) continue;
    for (double& sum : sums) sum /= static_cast<double>(windows.size());
    by_position_[l] = Tensor::of(collect.shapes[l], sums);
    overall_[l] = mean(by_position_[l], 1);
  }
}

Tensor AblateHeads::on_activation(const HookSite& site, const Tensor& x) {
  const Index layer = site.layer;
  const auto here = [&](const HeadId& id) { return id.layer == layer; };
  if (site.kind != HookSite::Kind::kHeadOutputs || std::none_of(heads_.begin(), heads_.end(), here)) return x;
  if (replacement_ == Replacement::kResample && x.size(0) < 2)
    fail("ablation: resample-ablation of ", head_name(heads_.front()),
         " needs a second sequence; pass two or more windows");
  Tensor z = x.clone();  // [B,H,T,D]
  const Index batch = z.size(0), heads = z.size(1), length = z.size(2), size = z.size(3);
  const Tensor& means = means_.by_position(layer);
  const Tensor& overall = means_.overall(layer);
  const Index known = means.size(1);
  const float* from = x.data<float>();
  float* to = z.data<float>();
  for (const HeadId& id : heads_) {
    if (id.layer != layer) continue;
    for (Index b = 0; b < batch; ++b) {
      for (Index t = 0; t < length; ++t) {
        float* row = to + ((b * heads + id.head) * length + t) * size;
        const Index other = (b + 1) % batch;
        switch (replacement_) {
          case Replacement::kMean:
            std::copy_n(means.data<float>() + (id.head * known + std::min(t, known - 1)) * size, size, row);
            break;
          case Replacement::kZero:
            std::fill_n(row, size, 0.0f);
            break;
          case Replacement::kResample:
            std::copy_n(from + ((other * heads + id.head) * length + t) * size, size, row);
            break;
          case Replacement::kConstant:
            std::copy_n(overall.data<float>() + id.head * size, size, row);
            break;
        }
      }
    }
  }
  return z;
}

HeadWindows ablation_windows(const HeadWindows& windows, Replacement replacement, Index layers) {
  if (replacement != Replacement::kResample) return windows;
  windows.check_several();
  return windows.followed_by(layers);
}

std::vector<float> ablated_losses(const HeadedModel& model, const HeadMeans& means, const HeadWindows& windows,
                                  const std::vector<HeadId>& heads, Replacement replacement) {
  std::set<Index> layers;
  for (const HeadId id : heads) layers.insert(id.layer);
  const AblateHeads hook(means, heads, replacement);
  return token_losses(model, ablation_windows(windows, replacement, static_cast<Index>(layers.size())));
}

Tensor AblateSubspace::on_activation(const HookSite& site, const Tensor& x) {
  if (site != HookSite{layer_, HookSite::Kind::kHeadOutputs}) return x;
  const Index batch = x.size(0), heads = x.size(1), length = x.size(2), size = x.size(3);
  const Tensor means = slice(means_.by_position(layer_), 1, 0, length);                              // [H,T,D]
  const Tensor away = reshape(permute(sub(x, means), {0, 2, 1, 3}), {batch, length, heads * size});  // [B,T,HD]
  const Tensor part = matmul(matmul(away, u_), u_, {.transpose_b = true});                           // [B,T,HD]
  return sub(x, permute(reshape(part, {batch, length, heads, size}), {0, 2, 1, 3}));
}

Tensor random_rotation(Index n, Rng& rng) {
  const auto size = static_cast<std::size_t>(n);
  std::vector<std::vector<double>> columns;
  while (columns.size() < size) {
    std::vector<double> v(size);
    for (double& x : v) x = rng.normal();
    // Orthogonalize twice: one pass leaves rounding errors along the earlier columns.
    for (int pass = 0; pass < 2; ++pass) {
      for (const std::vector<double>& c : columns) {
        double dot = 0;
        for (std::size_t i = 0; i < size; ++i) dot += c[i] * v[i];
        for (std::size_t i = 0; i < size; ++i) v[i] -= dot * c[i];
      }
    }
    double norm = 0;
    for (const double x : v) norm += x * x;
    norm = std::sqrt(norm);
    if (norm < 1e-6) continue;  // numerically in the span of the earlier columns: draw again
    for (double& x : v) x /= norm;
    columns.push_back(std::move(v));
  }
  std::vector<double> values;
  for (std::size_t i = 0; i < size; ++i)
    for (const std::vector<double>& c : columns) values.push_back(c[i]);
  return Tensor::of({n, n}, values);
}

}  // namespace headlight
