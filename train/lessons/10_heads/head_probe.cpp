// Scores and ablations of attention heads.
#include "lessons/10_heads/head_probe.h"

#include <algorithm>
#include <cmath>

#include "headlight/headlight.h"

namespace headlight::lessons {

namespace {

struct Recorder : Hook {
  Activations& to;
  explicit Recorder(Activations& activations) : to(activations) {}
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    (site.kind == HookSite::Kind::kAttentionWeights ? to.weights : to.z).push_back(x.clone());
    return x;
  }
};

// [B,H,T,D] -> [B,T,HD]
Tensor side_by_side(const Tensor& z) {
  return reshape(permute(z, {0, 2, 1, 3}), {z.size(0), z.size(2), z.size(1) * z.size(3)});
}

struct Ablation : Hook {
  Index layer;
  Tensor mean, u;  // [1,T,HD], [HD,k]
  Ablation(Index in, const Tensor& z, Tensor space)
      : layer(in), mean(headlight::mean(side_by_side(z), 0, true)), u(std::move(space)) {}
  bool wants_weights() const override { return false; }
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    if (site.layer != layer || site.kind != HookSite::Kind::kHeadOutputs) return x;
    const Tensor z = side_by_side(x);                                               // [B,T,HD]
    const Tensor kept = z - matmul(matmul(z - mean, u), u, {.transpose_b = true});  // z - U U^T (z - mean)
    return permute(reshape(kept, {x.size(0), x.size(2), x.size(1), x.size(3)}), {0, 2, 1, 3});
  }
};

}  // namespace

ProbeText probe_text(const TokenText& text, Index length, Index rows) {
  ProbeText probe{{}, length, {}, {}, {}};
  fill_windows(text, evaluation_windows(text, length, rows), length, probe.batch);
  const auto T = static_cast<std::size_t>(length);
  const std::vector<std::int32_t>& x = probe.batch.inputs;
  probe.induction.assign(x.size() * T, 0);
  probe.previous.assign(x.size() * T, 0);
  probe.eligible.assign(x.size(), 0);
  for (std::size_t row = 0; row < x.size(); row += T)
    for (std::size_t t = 0; t < T; ++t) {
      for (std::size_t j = 1; j <= t; ++j)
        if (x[row + j - 1] == x[row + t]) probe.induction[(row + t) * T + j] = probe.eligible[row + t] = 1;
      if (t > 0) probe.previous[(row + t) * T + t - 1] = 1;
      if (!probe.eligible[row + t]) probe.batch.targets[row + t] = kIgnoredTarget;
    }
  return probe;
}

Activations run_and_record(const LanguageModel& model, const ProbeText& text) {
  Activations run;
  Recorder recorder(run);
  model(text.batch.inputs, text.batch.rows);
  return run;
}

HeadScore score_head(const Activations& run, Index layer, Index head, const ProbeText& text, const Role& role) {
  const auto T = static_cast<std::size_t>(text.length), B = static_cast<std::size_t>(text.batch.rows);
  const Tensor& weights = run.weights[static_cast<std::size_t>(layer)];
  const auto H = static_cast<std::size_t>(weights.size(1));
  HeadScore mean{0, 0, 0};
  double queries = 0, other_queries = 0;
  for (std::size_t b = 0; b < B; ++b) {
    const float* a = std::as_const(weights).data<float>() + (b * H + static_cast<std::size_t>(head)) * T * T;
    for (std::size_t t = 0; t < T; ++t) {
      const std::size_t own = b * T + t, next = (b + 1) % B * T + t;
      queries += text.eligible[own];
      other_queries += text.eligible[next];
      for (std::size_t j = 0; j <= t; ++j) {
        const double own_role = text.eligible[own] ? role[own * T + j] : 0;
        mean.score += a[t * T + j] * own_role;
        mean.chance += own_role / static_cast<double>(t + 1);
        if (text.eligible[next]) mean.other += a[t * T + j] * role[next * T + j];
      }
    }
  }
  return {mean.score / queries, mean.chance / queries, mean.other / other_queries};
}

double probe_loss(const LanguageModel& model, const ProbeText& text) {
  return cross_entropy(model(text.batch.inputs, text.batch.rows), text.batch.targets).item();
}

double ablated_loss(const LanguageModel& model, const ProbeText& text, const Activations& run, Index layer,
                    const Tensor& u) {
  Ablation ablation(layer, run.z[static_cast<std::size_t>(layer)], u);
  return probe_loss(model, text);
}

std::vector<MeasuredHead> measure_heads(const LanguageModel& model, const ProbeText& text) {
  const Activations run = run_and_record(model, text);
  const double loss = probe_loss(model, text);
  std::vector<MeasuredHead> heads;
  for (std::size_t layer = 0; layer < run.z.size(); ++layer) {
    const Index count = run.z[layer].size(1), size = run.z[layer].size(3), l = static_cast<Index>(layer);
    for (Index h = 0; h < count; ++h)
      heads.push_back({l, h, score_head(run, l, h, text, text.induction), score_head(run, l, h, text, text.previous),
                       ablated_loss(model, text, run, l, head_space(count, size, h)) - loss});
  }
  return heads;
}

AttentionMap attention_map(const std::string& title, const LanguageModel& model, const ProbeText& text,
                           const Vocabulary& vocabulary, Index shown) {
  AttentionMap map{title, {}, {}, {}};
  ProbeText part = text;
  part.batch.inputs.resize(static_cast<std::size_t>(shown));
  part.batch.rows = 1;
  for (const std::int32_t id : part.batch.inputs) map.queries.push_back(id == 0 ? "|" : vocabulary.piece(id));
  map.keys = map.queries;
  const Activations run = run_and_record(model, part);
  for (std::size_t layer = run.weights.size(); layer-- > 0;)
    for (Index h = 0; h < run.weights[layer].size(1); ++h) {
      const std::vector<double> w = slice(run.weights[layer], 1, h, h + 1).to_vector();
      map.heads.push_back({cat("L", layer, "H", h), {w.begin(), w.end()}});
    }
  return map;
}

Tensor head_space(Index heads, Index size, Index head) {
  return slice(Tensor::eye(heads * size), 1, head * size, (head + 1) * size);
}

Tensor random_space(Index heads, Index size, Rng& rng) {
  const auto n = static_cast<std::size_t>(heads * size), k = static_cast<std::size_t>(size);
  std::vector<std::vector<double>> columns;
  while (columns.size() < k) {
    std::vector<double> c(n);
    for (double& value : c) value = rng.normal();
    for (const std::vector<double>& before : columns) {
      double dot = 0;
      for (std::size_t i = 0; i < n; ++i) dot += before[i] * c[i];
      for (std::size_t i = 0; i < n; ++i) c[i] -= dot * before[i];
    }
    double norm = 0;
    for (const double value : c) norm += value * value;
    for (double& value : c) value /= std::sqrt(norm);
    columns.push_back(std::move(c));
  }
  std::vector<double> values;
  for (const auto& c : columns) values.insert(values.end(), c.begin(), c.end());
  return transpose(Tensor::of({size, heads * size}, values));
}

double random_increase(const LanguageModel& model, const ProbeText& text, Index layer, std::uint64_t seed, Index draws,
                       const LessonProgress& progress) {
  const Activations run = run_and_record(model, text);
  const Tensor& z = run.z[static_cast<std::size_t>(layer)];
  const double loss = probe_loss(model, text);
  Rng rng(seed);
  std::vector<double> increases;
  for (Index i = 0; i < draws; ++i) {
    progress(cat("random subspaces of layer ", layer), i, draws);
    increases.push_back(ablated_loss(model, text, run, layer, random_space(z.size(1), z.size(3), rng)) - loss);
  }
  std::sort(increases.begin(), increases.end());
  return increases[increases.size() / 2];
}

}  // namespace headlight::lessons
