// Names of heads, and role scores from attention weights.
#include "heads/roles/head_scores.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "headlight/autograd/tape.h"
#include "headlight/base/threads.h"
#include "headlight/nn/hook.h"

namespace headlight {

namespace {

// Hook that collects the attention weights of each layer; undefined for a layer without heads.
struct KeepWeights : Hook {
  explicit KeepWeights(Index count) : layers(static_cast<std::size_t>(count)) {}
  std::vector<Tensor> layers;
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    if (site.kind == HookSite::Kind::kAttentionWeights) layers[static_cast<std::size_t>(site.layer)] = x;
    return x;
  }
};

double sum_over(const float* row, std::span<const std::int32_t> keys) {
  double sum = 0;
  for (const std::int32_t j : keys) sum += static_cast<double>(row[j]);
  return sum;
}

}  // namespace

std::string head_name(Index layer, Index head) { return cat("L", layer, "H", head); }

HeadCounts::HeadCounts(const HeadedModel& model) {
  for (Index layer = 0; layer < model.layers(); ++layer) by_layer.push_back(model.heads_in(layer));
}
HeadCounts::HeadCounts(const TransformerConfig& config) {
  for (Index layer = 0; layer < config.layers; ++layer) by_layer.push_back(config.heads_in(layer));
}

std::vector<HeadId> all_heads(const HeadCounts& counts) {
  std::vector<HeadId> heads;
  for (Index layer = 0; layer < counts.layers(); ++layer)
    for (Index head = 0; head < counts.by_layer[static_cast<std::size_t>(layer)]; ++head)
      heads.push_back({layer, head});
  return heads;
}

HeadId head_id(const std::string& name) {
  const char *at = name.data(), *const end = at + name.size();
  HeadId id;
  const auto number = [&](char letter, Index& value) {
    if (at == end || *at != letter) return false;
    const auto read = std::from_chars(at + 1, end, value);
    at = read.ptr;
    return read.ec == std::errc() && value >= 0;
  };
  // The name must be spelled as head_name() spells it: no leading zeros, no trailing characters.
  if (!number('L', id.layer) || !number('H', id.head) || head_name(id) != name)
    fail(name, ": not the name of a head; expected layer and head from 0, as in L0H2");
  return id;
}

HeadId parse_head(const std::string& name, const HeadCounts& counts) {
  const std::vector<HeadId> heads = all_heads(counts);
  for (const HeadId id : heads)
    if (head_name(id) == name) return id;
  if (heads.empty()) fail(name, ": the model has no heads; use another run");
  fail(name, ": the model has no such head; use ", head_name(heads.front()),
       heads.size() > 1 ? cat(" to ", head_name(heads.back())) : "", " (layer and head, from 0)");
}

void add_scores(HeadScores& sums, Index layer, const Tensor& weights, const RoleMasks& masks, Index first_window) {
  const Index batch = weights.size(0), heads = weights.size(1), length = weights.size(2);
  const float* a = weights.data<float>();
  // One chunk per head: each head has its own sums, so results do not depend on the thread count.
  parallel_for(heads, 1, [&](Index begin, Index end) {
    std::vector<Index> top(static_cast<std::size_t>(batch * length));
    for (Index h = begin; h < end; ++h) {
      const auto row = [&](Index b, Index t) { return a + ((b * heads + h) * length + t) * length; };
      HeadScores::Evenness& even = sums.evenness_[sums.place(layer, h)];
      for (Index b = 0; b < batch; ++b) {
        for (Index t = 0; t < length; ++t) {
          const float* w = row(b, t);
          top[static_cast<std::size_t>(b * length + t)] = std::max_element(w, w + t + 1) - w;
          const Index seen = sums.window_ > 0 ? std::min(t + 1, sums.window_) : t + 1;
          if (seen < 2) continue;
          double entropy = 0;
          for (Index j = 0; j <= t; ++j)
            if (w[j] > 0) entropy -= static_cast<double>(w[j]) * std::log(static_cast<double>(w[j]));
          even.value += entropy / std::log(static_cast<double>(seen));
          ++even.queries;
        }
      }
      for (std::size_t r = 0; r < sums.roles(); ++r) {
        RoleScore& score = sums.at(layer, h, r);
        for (const RoleMasks::Query& q : masks.queries(r, first_window, first_window + batch)) {
          const std::span<const std::int32_t> keys = masks.keys(q);
          const Index b = q.window - first_window;
          score.attention += sum_over(row(b, q.t), keys);
          const Index seen = sums.window_ > 0 ? std::min(q.t + 1, sums.window_) : q.t + 1;
          const auto visible = std::lower_bound(keys.begin(), keys.end(), static_cast<std::int32_t>(q.t + 1 - seen));
          score.chance += static_cast<double>(keys.end() - visible) / static_cast<double>(seen);
          const Index most = top[static_cast<std::size_t>(b * length + q.t)];
          score.top += std::binary_search(keys.begin(), keys.end(), static_cast<std::int32_t>(most)) ? 1 : 0;
          ++score.queries;
        }
        if (masks.windows() < 2) continue;
        for (Index b = 0; b < batch; ++b) {
          const Index before = (first_window + b + masks.windows() - 1) % masks.windows();
          for (const RoleMasks::Query& q : masks.queries(r, before, before + 1)) {
            score.elsewhere += sum_over(row(b, q.t), masks.keys(q));
            ++score.compared;
          }
        }
      }
    }
  });
}

void finish_scores(HeadScores& sums) {
  for (RoleScore& score : sums.scores_) {
    const auto queries = static_cast<double>(std::max<Index>(1, score.queries));
    score.attention /= queries;
    score.chance /= queries;
    score.top /= queries;
    score.elsewhere /= static_cast<double>(std::max<Index>(1, score.compared));
  }
  for (HeadScores::Evenness& even : sums.evenness_) even.value /= static_cast<double>(std::max<Index>(1, even.queries));
}

HeadScores merged(const HeadScores& a, const HeadScores& b) {
  HeadScores both = a;
  const auto mean = [](double x, Index n, double y, Index m) {
    return n + m > 0 ? (x * static_cast<double>(n) + y * static_cast<double>(m)) / static_cast<double>(n + m) : 0;
  };
  for (std::size_t i = 0; i < both.scores_.size(); ++i) {
    RoleScore& to = both.scores_[i];
    const RoleScore& other = b.scores_[i];
    to.attention = mean(to.attention, to.queries, other.attention, other.queries);
    to.chance = mean(to.chance, to.queries, other.chance, other.queries);
    to.top = mean(to.top, to.queries, other.top, other.queries);
    to.elsewhere = mean(to.elsewhere, to.compared, other.elsewhere, other.compared);
    to.queries += other.queries;
    to.compared += other.compared;
  }
  for (std::size_t i = 0; i < both.evenness_.size(); ++i) {
    HeadScores::Evenness& to = both.evenness_[i];
    const HeadScores::Evenness& other = b.evenness_[i];
    to.value = mean(to.value, to.queries, other.value, other.queries);
    to.queries += other.queries;
  }
  return both;
}

HeadScores scores_for(const HeadedModel& model, std::size_t roles) {
  return HeadScores(model.layers(), HeadCounts(model).most(), roles, model.attention_window());
}

std::vector<HeadScores> score_halves(const HeadedModel& model, const HeadWindows& windows, const RoleMasks& masks) {
  const NoGrad no_recording;
  std::vector<HeadScores> halves(2, scores_for(model, masks.roles()));
  for (const HeadWindows::Piece& piece : windows.pieces()) {
    KeepWeights hook(model.layers());
    model(piece.batch.inputs, piece.batch.rows);
    for (Index layer = 0; layer < model.layers(); ++layer)
      if (const Tensor& weights = hook.layers[static_cast<std::size_t>(layer)]; weights.defined())
        add_scores(halves[piece.first < windows.size() / 2 ? 0 : 1], layer, weights, masks, piece.first);
  }
  for (HeadScores& half : halves) finish_scores(half);
  return halves;
}

HeadScores score_heads(const HeadedModel& model, const HeadWindows& windows, const RoleMasks& masks) {
  const std::vector<HeadScores> halves = score_halves(model, windows, masks);
  return merged(halves[0], halves[1]);
}

}  // namespace headlight
