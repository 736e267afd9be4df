// A one-layer transformer with weights set by hand from the tables of the corpus chorus. It predicts the true
// probabilities from position kRetentionFrom on, and each of its heads reads one source.
//
// Channels of the residual stream: one per symbol, one per position, one per logit, and two large constants that keep
// the scale of both norms equal at every place.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "heads/sources/expert_regression.h"
#include "nn/position_learned.h"
#include "training/run_data.h"

namespace headlight {

class ChorusOracle : public testing::Test {
 protected:
  static constexpr Index kContext = 24, kSymbols = 17, kHeadSize = 24;
  static constexpr Index kPosition = kSymbols, kLogit = kPosition + kContext, kPlus = kLogit + kSymbols,
                         kMinus = kPlus + 1, kWidth = kMinus + 1;
  static constexpr double kLarge = 4096, kHard = 200;

  // A head, the expert that it serves, and its share of the expert's table.
  struct Part {
    std::string expert;
    double share = 1;
  };

  ChorusOracle() { make({{"back-1"}, {"back-3"}, {"topic"}, {"digit"}}); }

  void make(const std::vector<Part>& parts) {
    const auto heads = static_cast<Index>(parts.size());
    TransformerConfig config{.vocabulary = kSymbols, .context = kContext, .layers = 1, .heads = heads, .width = kWidth};
    config.head_size = kHeadSize;
    config.hidden = 0;
    config.bias = false;
    config.tied = false;
    model_ = std::make_unique<TransformerLM>(config);
    std::vector<double> tokens(kSymbols * kWidth), positions(kContext * kWidth),
        qkv(size(3 * heads * kHeadSize * kWidth)), out(size(kWidth * heads * kHeadSize)), unembed(kSymbols * kWidth);
    for (Index s = 0; s < kSymbols; ++s) {
      tokens[size(s * kWidth + s)] = 1;
      tokens[size(s * kWidth + kPlus)] = kLarge;
      tokens[size(s * kWidth + kMinus)] = -kLarge - 2;  // the mean over channels is 0
    }
    for (Index t = 0; t < kContext; ++t) positions[size(t * kWidth + kPosition + t)] = 1;
    for (Index h = 0; h < heads; ++h) {
      const Part& part = parts[size(h)];
      const auto weight = [&](Index which, Index d, Index channel) -> double& {
        return qkv[size(((which * heads + h) * kHeadSize + d) * kWidth + channel)];
      };
      const Index back = part.expert == "back-1" ? 1 : part.expert == "back-3" ? 3 : 0;
      for (Index d = 0; back > 0 && d < kContext; ++d) {
        weight(0, d, kPosition + d) = kHard;
        if (d >= back) weight(1, d, kPosition + d - back) = 1;
      }
      if (back == 0) weight(0, 0, kPlus) = kHard / kLarge;
      if (part.expert == "topic") weight(1, 0, kPosition + 1) = 1;
      // Later digits win over earlier ones, and those over letters.
      for (Index t = 0; part.expert == "digit" && t < kContext; ++t)
        weight(1, 0, kPosition + t) = static_cast<double>(t);
      for (Index s = 1; s < kSymbols; ++s) {
        if (part.expert == "digit" && s > 4) continue;
        if (part.expert == "digit") weight(1, 0, s) = kContext;
        weight(2, s, s) = 1;
      }
      for (std::size_t e = 0; e < data_.validation_experts.size(); ++e) {
        if (data_.validation_experts[e].name != part.expert) continue;
        for (Index s = 1; s < kSymbols; ++s)
          for (Index c = 1; c < kSymbols; ++c)
            out[size((kLogit + c) * heads * kHeadSize + h * kHeadSize + s)] =
                part.share * experts_.row(e, static_cast<std::int32_t>(s))[size(c - 1)];
      }
    }
    for (Index c = 1; c < kSymbols; ++c) {
      unembed[size(c * kWidth + kLogit + c)] = 1;
      for (Index s = 0; s < kSymbols; ++s)
        unembed[size(c * kWidth + s)] = experts_.row(0, static_cast<std::int32_t>(s))[size(c - 1)];
    }
    unembed[size(kPlus)] = -30 / kLarge;  // the line break is never next
    const double scale = std::sqrt((kLarge * kLarge + (kLarge + 2) * (kLarge + 2) + 2) / static_cast<double>(kWidth));
    set("tokens.weight", tokens);
    set("position.weight", positions);
    set("blocks.0.norm1.weight", std::vector<double>(kWidth, scale));
    set("blocks.0.attn.qkv.weight", qkv);
    set("blocks.0.attn.out.weight", out);
    set("norm.weight", std::vector<double>(kWidth, scale));
    set("head.weight", unembed);
  }

  static std::size_t size(Index i) { return static_cast<std::size_t>(i); }

  void set(const std::string& name, const std::vector<double>& values) {
    for (const NamedTensor& p : model_->parameters()) {
      if (p.name != name) continue;
      Tensor(p.value).copy_from(Tensor::of(p.value.shape(), values));
      return;
    }
    FAIL() << "no parameter " << name;
  }

  static RunData text() {
    RunConfig config;
    config.corpus = "chorus";
    config.corpus_chars = 20'000;
    config.val_fraction = 0.5;
    config.context = kContext;
    return load_run_data(config);
  }

  const RunData data_ = text();
  const HeadWindows windows_{data_.validation, kContext, 64};
  const ExpertWindows experts_{data_, windows_};
  std::unique_ptr<TransformerLM> model_;
};

}  // namespace headlight
