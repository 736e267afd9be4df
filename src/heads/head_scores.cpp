#include "headlight/heads/head_scores.h"

#include <algorithm>
#include <limits>

#include "headlight/autograd/tape.h"
#include "headlight/base/threads.h"
#include "headlight/nn/probe.h"

namespace headlight {

namespace {

// Collects the attention weights of each layer, in the order the layers run.
struct WeightsProbe : Probe {
  std::vector<Tensor> layers;
  Tensor see(const std::string& name, const Tensor& x) override {
    if (name.size() >= 8 && name.compare(name.size() - 8, 8, ".weights") == 0) layers.push_back(x);
    return x;
  }
};

// Whole windows only: padding at the end of a text would count as text.
std::vector<Window> whole_windows(const TokenText& text, Index context, Index most) {
  std::vector<Window> all = evaluation_windows(text, context), some;
  std::erase_if(all, [&](const Window& w) { return w.start + context > static_cast<Index>(text.ids.size()); });
  const auto n = static_cast<Index>(all.size());
  if (n == 0) fail("heads: the text has ", text.ids.size(), " tokens, fewer than the context of ", context);
  const Index count = std::min(n, most);
  for (Index i = 0; i < count; ++i) some.push_back(all[static_cast<std::size_t>(i * n / count)]);
  return some;
}

}  // namespace

void add_scores(HeadScores& sums, Index layer, const Tensor& weights, const RoleText& all,
                std::span<const Role> roles) {
  const Index batch = weights.size(0), heads = weights.size(1), length = weights.size(2);
  const float* a = weights.data<float>();
  std::vector<Index> keys;
  for (Index b = 0; b < batch; ++b) {
    const auto first = static_cast<std::size_t>(b * length), size = static_cast<std::size_t>(length);
    RoleText text = all;
    text.ids = all.ids.subspan(first, size);
    if (!all.evidence.empty()) text.evidence = all.evidence.subspan(first, size);
    for (std::size_t r = 0; r < roles.size(); ++r) {
      for (Index t = 0; t < length; ++t) {
        keys.clear();
        roles[r].keys(text, t, keys);
        if (keys.empty()) continue;
        const double chance = static_cast<double>(keys.size()) / static_cast<double>(t + 1);
        for (Index h = 0; h < heads; ++h) {
          const float* row = a + ((b * heads + h) * length + t) * length;
          double attention = 0;
          for (const Index j : keys) attention += static_cast<double>(row[j]);
          RoleScore& score = sums.at(layer, h, r);
          score.attention += attention;
          score.chance += chance;
          ++score.queries;
        }
      }
    }
  }
}

void finish_scores(HeadScores& sums) {
  for (Index layer = 0; layer < sums.layers(); ++layer) {
    for (Index head = 0; head < sums.heads(); ++head) {
      for (std::size_t r = 0; r < sums.roles(); ++r) {
        RoleScore& score = sums.at(layer, head, r);
        if (score.queries == 0) continue;
        score.attention /= static_cast<double>(score.queries);
        score.chance /= static_cast<double>(score.queries);
      }
    }
  }
}

HeadScores score_heads(const CharTransformer& model, const Vocabulary& vocabulary, const TokenText& text,
                       std::span<const Role> roles, Index windows, std::span<const std::int32_t> evidence) {
  const NoGrad no_recording;
  const TransformerConfig& config = model.config();
  const std::vector<Window> chosen = whole_windows(text, config.context, windows);
  const std::vector<bool> spaces = space_tokens(vocabulary), breaks = line_break_tokens(vocabulary);
  HeadScores scores(config.layers, config.heads, roles.size());
  constexpr std::size_t kRows = 8;  // windows at a time: the weights of all heads are held
  Batch batch;
  for (std::size_t first = 0; first < chosen.size(); first += kRows) {
    const std::size_t count = std::min(kRows, chosen.size() - first);
    fill_windows(text, std::span(chosen).subspan(first, count), config.context, batch);
    std::vector<std::int32_t> of_targets;
    if (!evidence.empty())
      for (const Window& w : std::span(chosen).subspan(first, count))
        for (Index i = w.start + 1; i <= w.start + config.context; ++i)
          of_targets.push_back(i < static_cast<Index>(evidence.size()) ? evidence[static_cast<std::size_t>(i)] : 0);
    const RoleText seen{.ids = batch.inputs, .is_space = &spaces, .is_line_break = &breaks, .evidence = of_targets};
    WeightsProbe probe;
    model(batch.inputs, batch.rows);
    for (Index layer = 0; layer < config.layers; ++layer)
      add_scores(scores, layer, probe.layers[static_cast<std::size_t>(layer)], seen, roles);
  }
  finish_scores(scores);
  return scores;
}

UntrainedScores::UntrainedScores(const TransformerConfig& config, const Vocabulary& vocabulary, const TokenText& text,
                                 std::span<const Role> roles, int models, Index windows,
                                 std::span<const std::int32_t> evidence)
    : highest_(static_cast<std::size_t>(config.layers),
               std::vector<double>(roles.size(), -std::numeric_limits<double>::infinity())) {
  const Rng before = generator();
  for (int m = 1; m <= models; ++m) {
    seed_generator(static_cast<std::uint64_t>(m));
    const CharTransformer untrained(config);
    const HeadScores scores = score_heads(untrained, vocabulary, text, roles, windows, evidence);
    for (Index layer = 0; layer < config.layers; ++layer)
      for (Index head = 0; head < config.heads; ++head)
        for (std::size_t r = 0; r < roles.size(); ++r) {
          double& highest = highest_[static_cast<std::size_t>(layer)][r];
          highest = std::max(highest, scores.at(layer, head, r).kappa());
        }
  }
  generator() = before;
}

std::string head_name(Index layer, Index head) { return cat("L", layer, "H", head); }

}  // namespace headlight
