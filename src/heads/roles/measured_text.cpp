// The measured text of a run, means over prediction subsets, and attention as bytes.
#include "heads/roles/measured_text.h"

#include <algorithm>
#include <cmath>

#include "headlight/autograd/tape.h"
#include "heads/study/head_study.h"

namespace headlight {

namespace {

const TokenText& held_out(const RunData& data) { return data.validation.ids.empty() ? data.train : data.validation; }

// Hook that collects attention weights as bytes.
struct AttentionBytes : Hook {
  std::vector<std::vector<std::vector<std::uint8_t>>> windows;
  Index first = 0;  // first window of the running batch
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    if (site.kind != HookSite::Kind::kAttentionWeights) return x;
    const Index heads = x.size(1), length = x.size(2);
    for (Index b = 0; b < x.size(0); ++b) {
      for (Index h = 0; h < heads; ++h) {
        std::vector<std::uint8_t>& bytes = windows[static_cast<std::size_t>(first + b)].emplace_back();
        const float* w = x.data<float>() + (b * heads + h) * length * length;
        for (Index t = 0; t < length; ++t)
          for (Index j = 0; j <= t; ++j)
            bytes.push_back(static_cast<std::uint8_t>(std::lround(255 * std::clamp(w[t * length + j], 0.0f, 1.0f))));
      }
    }
    return x;
  }
};

}  // namespace

MeasuredText::MeasuredText(const RunData& data, Index context, Index most)
    : windows(held_out(data), context, most), classes(data.vocabulary) {
  if (data.validation.ids.empty()) return;
  evidence = windows.of_targets(std::span<const std::int32_t>(data.validation_evidence));
  rule = windows.of_targets(std::span<const std::uint8_t>(data.validation_rule));
  for (const Expert& expert : data.validation_experts)
    experts.push_back(windows.of_targets(std::span<const std::int32_t>(expert.evidence)));
}

std::vector<Role> roles_of(const MeasuredText& text, const RunData& data) {
  std::vector<Role> roles = roles_for(!text.evidence.empty(), data.rule_names);
  if (!text.experts.empty()) add_expert_roles(roles, data.validation_experts);
  return roles;
}

std::vector<PredictionSubset> subsets_of(const MeasuredText& text, const RunData& data) {
  std::vector<PredictionSubset> subsets = text.rule.empty() ? text_subsets(text.windows, text.classes)
                                                            : rule_subsets(text.windows, text.rule, data.rule_names);
  std::erase_if(subsets,
                [](const PredictionSubset& s) { return static_cast<Index>(s.places.size()) < kMinPredictions; });
  subsets.insert(subsets.begin(), all_predictions(text.windows));
  return subsets;
}

namespace {

template <class Value>
std::vector<double> means(std::span<const Value> values, std::span<const PredictionSubset> subsets) {
  std::vector<double> means;
  for (const PredictionSubset& s : subsets) {
    double sum = 0;
    for (const Index place : s.places) sum += static_cast<double>(values[static_cast<std::size_t>(place)]);
    means.push_back(s.places.empty() ? 0 : sum / static_cast<double>(s.places.size()));
  }
  return means;
}

}  // namespace

std::vector<double> mean_on(std::span<const float> losses, std::span<const PredictionSubset> subsets) {
  return means(losses, subsets);
}

std::vector<double> floor_on(const MeasuredText& text, const RunData& data, std::span<const PredictionSubset> subsets) {
  if (text.rule.empty()) return {};
  const std::vector<double> truth = text.windows.of_targets(std::span<const double>(data.validation_log_probability));
  std::vector<double> floor = means(std::span<const double>(truth), subsets);
  for (double& f : floor) f = 0 - f;  // never -0
  return floor;
}

std::string shown_token(const Vocabulary& vocabulary, std::int32_t id) {
  const std::string piece = vocabulary.piece(id);
  return vocabulary.is_bytes() && (piece[0] & 0x80) != 0 ? vocabulary.name(id) : piece;
}

std::string rule_at(const MeasuredText& text, const RunData& data, Index place) {
  const auto i = static_cast<std::size_t>(place);
  const bool predicted = !text.rule.empty() && text.windows.targets()[i] != kIgnoredTarget;
  return predicted && text.rule[i] < data.rule_names.size() ? data.rule_names[text.rule[i]] : "";
}

std::vector<std::vector<std::vector<std::uint8_t>>> attention_bytes(const HeadedModel& model,
                                                                    const HeadWindows& windows) {
  const NoGrad no_recording;
  AttentionBytes hook;
  hook.windows.resize(static_cast<std::size_t>(windows.size()));
  for (const HeadWindows::Piece& piece : windows.pieces()) {
    hook.first = piece.first;
    model(piece.batch.inputs, piece.batch.rows);
  }
  return std::move(hook.windows);
}

}  // namespace headlight
