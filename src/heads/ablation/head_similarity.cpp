// Jensen-Shannon distance and linear CKA, and their matrices over all pairs of heads.
#include "heads/ablation/head_similarity.h"

#include <algorithm>
#include <cmath>

#include "headlight/autograd/tape.h"
#include "headlight/base/threads.h"
#include "headlight/nn/hook.h"
#include "headlight/ops/ops.h"
#include "heads/ablation/ablation.h"

namespace headlight {

namespace {

struct Collect : Hook {
  std::vector<Tensor> weights, z;  // [head], in the order of all_heads(): [B,T,T] and [BT,D]
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    const bool is_z = site.kind == HookSite::Kind::kHeadOutputs;
    for (Index h = 0; h < x.size(1); ++h) {
      const Tensor one = slice(x, 1, h, h + 1);
      if (is_z) z.push_back(reshape(one, {x.size(0) * x.size(2), x.size(3)}));
      else weights.push_back(reshape(one, {x.size(0), x.size(2), x.size(3)}));
    }
    return x;
  }
};

Tensor centered(const Tensor& x) { return sub(x, mean(x, 0, true)); }

double squared_norm(const Tensor& x) { return sum(mul(x, x)).item(); }

// The squared Frobenius norm of b^T a, for centered outputs.
double overlap(const Tensor& a, const Tensor& b) { return squared_norm(matmul(b, a, {.transpose_a = true})); }

}  // namespace

double jensen_shannon_distance(const float* a, const float* b, Index n) {
  double divergence = 0;  // bits
  for (Index j = 0; j < n; ++j) {
    const auto p = static_cast<double>(a[j]), q = static_cast<double>(b[j]), middle = (p + q) / 2;
    if (p > 0) divergence += p * std::log2(p / middle) / 2;
    if (q > 0) divergence += q * std::log2(q / middle) / 2;
  }
  return std::sqrt(std::clamp(divergence, 0.0, 1.0));
}

double linear_cka(const Tensor& a, const Tensor& b) {
  const Tensor x = centered(a), y = centered(b);
  const double own = std::sqrt(overlap(x, x) * overlap(y, y));
  return own > 0 ? overlap(x, y) / own : 0;
}

HeadSimilarity similarity(const HeadedModel& model, const HeadWindows& windows) {
  const NoGrad no_recording;
  const std::size_t n = all_heads(model).size();
  HeadSimilarity s;
  s.attention_distance.assign(n, std::vector<double>(n, 0.0));
  s.output_cka.assign(n, std::vector<double>(n, 1.0));
  std::vector<std::vector<Tensor>> outputs(n);
  Index queries = 0;
  for (const HeadWindows::Piece& piece : windows.pieces()) {
    Collect hook;
    model(piece.batch.inputs, piece.batch.rows);
    const Index batch = piece.batch.rows, length = windows.context();
    parallel_for(static_cast<Index>(n), 1, [&](Index begin, Index end) {
      for (auto a = static_cast<std::size_t>(begin); a < static_cast<std::size_t>(end); ++a)
        for (std::size_t b = a + 1; b < n; ++b)
          for (Index w = 0; w < batch; ++w)
            for (Index t = 1; t < length; ++t) {
              const Index row = (w * length + t) * length;
              s.attention_distance[a][b] += jensen_shannon_distance(hook.weights[a].data<float>() + row,
                                                                    hook.weights[b].data<float>() + row, t + 1);
            }
    });
    queries += batch * (length - 1);
    for (std::size_t h = 0; h < n; ++h) outputs[h].push_back(hook.z[h]);
  }
  std::vector<Tensor> z;
  for (const std::vector<Tensor>& parts : outputs) z.push_back(centered(concat(parts, 0)));
  std::vector<double> own;
  for (const Tensor& x : z) own.push_back(overlap(x, x));
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = a + 1; b < n; ++b) {
      s.attention_distance[a][b] /= static_cast<double>(std::max<Index>(1, queries));
      s.attention_distance[b][a] = s.attention_distance[a][b];
      const double root = std::sqrt(own[a] * own[b]);
      s.output_cka[a][b] = s.output_cka[b][a] = root > 0 ? overlap(z[a], z[b]) / root : 0;
    }
  }
  return s;
}

}  // namespace headlight
