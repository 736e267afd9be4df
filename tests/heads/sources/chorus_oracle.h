// Transformers with weights set by hand from the tables of the corpora chorus and chorus-induction. They predict the
// true probabilities from position kRetentionFrom on, and each of their heads reads one source.
//
// Channels of the residual stream: one per symbol, one per position, and one per logit. Two large constants keep the
// scale of all norms equal at every place. One channel per symbol holds the previous symbol (kPrevious, written by the
// head kCopy). The channel kBalance keeps the mean over channels at 0.
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
                         kMinus = kPlus + 1, kPrevious = kMinus + 1, kBalance = kPrevious + kSymbols,
                         kWidth = kBalance + 1;
  static constexpr double kLarge = 4096, kHard = 200;
  static constexpr const char* kCopy = "copy";

  // A head, the expert that it serves, and its share of the expert's table. kCopy serves no expert: it copies the
  // previous symbol into kPrevious, where the induction head of layer 1 reads it.
  struct Part {
    std::string expert;
    double share = 1;
    bool also_first = false;  // for back-1 and back-3: half of the attention goes to the line break, whose value is 0
  };
  using Layer = std::vector<Part>;

  explicit ChorusOracle(const std::string& corpus = "chorus") : data_(text(corpus)) {}

  void make(const std::vector<Layer>& layers) {
    const auto count = static_cast<Index>(layers.size());
    config_ = {.vocabulary = kSymbols, .context = kContext, .layers = count, .heads = 1, .width = kWidth};
    for (const Layer& layer : layers) config_.layer_heads.push_back(static_cast<Index>(layer.size()));
    config_.head_size = kHeadSize;
    config_.hidden = 0;
    config_.bias = false;
    config_.tied = false;
    model_ = std::make_unique<TransformerLM>(config_);
    std::vector<double> tokens(kSymbols * kWidth), positions(kContext * kWidth), unembed(kSymbols * kWidth);
    for (Index s = 0; s < kSymbols; ++s) {
      tokens[size(s * kWidth + s)] = 1;
      tokens[size(s * kWidth + kPlus)] = kLarge;
      tokens[size(s * kWidth + kMinus)] = -kLarge - 2;  // the mean over channels is 0
    }
    for (Index t = 0; t < kContext; ++t) positions[size(t * kWidth + kPosition + t)] = 1;
    const double scale = std::sqrt((kLarge * kLarge + (kLarge + 2) * (kLarge + 2) + 2) / static_cast<double>(kWidth));
    for (Index layer = 0; layer < count; ++layer) {
      set(cat("blocks.", layer, ".norm1.weight"), std::vector<double>(kWidth, scale));
      make_heads(layer, layers[size(layer)]);
    }
    for (Index c = 1; c < kSymbols; ++c) {
      unembed[size(c * kWidth + kLogit + c)] = 1;
      for (Index s = 0; s < kSymbols; ++s)
        unembed[size(c * kWidth + s)] = experts_.row(0, static_cast<std::int32_t>(s))[size(c - 1)];
    }
    unembed[size(kPlus)] = -30 / kLarge;  // the line break is never next
    set("tokens.weight", tokens);
    set("position.weight", positions);
    set("norm.weight", std::vector<double>(kWidth, scale));
    set("head.weight", unembed);
  }

  void make_heads(Index layer, const Layer& parts) {
    const auto heads = static_cast<Index>(parts.size());
    std::vector<double> qkv(size(3 * heads * kHeadSize * kWidth)), out(size(kWidth * heads * kHeadSize));
    for (Index h = 0; h < heads; ++h) {
      const Part& part = parts[size(h)];
      const auto weight = [&](Index which, Index d, Index channel) -> double& {
        return qkv[size(((which * heads + h) * kHeadSize + d) * kWidth + channel)];
      };
      const Index back = part.expert == "back-1" || part.expert == kCopy ? 1 : part.expert == "back-3" ? 3 : 0;
      for (Index d = 0; back > 0 && d < kContext; ++d) {
        weight(0, d, kPosition + d) = kHard;
        if (d >= back) weight(1, d, kPosition + d - back) = 1;
        if (part.also_first) weight(1, d, kPosition) = 1;
      }
      if (part.expert == "topic" || part.expert == "digit") weight(0, 0, kPlus) = kHard / kLarge;
      if (part.expert == "induction") {
        // Attends to the symbol after the latest copy of the query's symbol; without a copy, to the line break, whose
        // value is 0.
        for (Index s = 1; s < kSymbols; ++s) {
          weight(0, s, s) = kHard;
          weight(1, s, kPrevious + s) = 8 * kContext;
        }
        weight(0, kSymbols, kPlus) = kHard / kLarge;
        for (Index t = 0; t < kContext; ++t) weight(1, kSymbols, kPosition + t) = static_cast<double>(t);
        weight(1, kSymbols, 0) = 6 * kContext;
      }
      if (part.expert == "topic") weight(1, 0, kPosition + 1) = 1;
      // Later digits have higher scores than earlier digits, and digits higher scores than letters.
      for (Index t = 0; part.expert == "digit" && t < kContext; ++t)
        weight(1, 0, kPosition + t) = static_cast<double>(t);
      for (Index s = 1; s < kSymbols; ++s) {
        if (part.expert == "digit" && s > 4) continue;
        if (part.expert == "digit") weight(1, 0, s) = kContext;
        weight(2, s, s) = 1;
      }
      const auto write = [&](Index channel, Index s) -> double& {
        return out[size(channel * heads * kHeadSize + h * kHeadSize + s)];
      };
      for (Index s = 1; part.expert == kCopy && s < kSymbols; ++s) {
        write(kPrevious + s, s) = 1;
        write(kBalance, s) = -1;
      }
      for (std::size_t e = 0; e < data_.validation_experts.size(); ++e) {
        if (data_.validation_experts[e].name != part.expert) continue;
        for (Index s = 1; s < kSymbols; ++s)
          for (Index c = 1; c < kSymbols; ++c)
            write(kLogit + c, s) = part.share * experts_.row(e, static_cast<std::int32_t>(s))[size(c - 1)];
      }
    }
    set(cat("blocks.", layer, ".attn.qkv.weight"), qkv);
    set(cat("blocks.", layer, ".attn.out.weight"), out);
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

  static RunConfig text_config(const std::string& corpus) {
    RunConfig config;
    config.corpus = corpus;
    config.corpus_chars = 20'000;
    config.val_fraction = 0.5;
    config.context = kContext;
    return config;
  }
  static RunData text(const std::string& corpus) { return load_run_data(text_config(corpus)); }
  // The configuration of a run with one-layer models of this shape.
  RunConfig run_config() const {
    RunConfig config = text_config("chorus");
    config.layers = 1;
    config.heads = config_.layer_heads[0];
    config.width = kWidth;
    config.head_size = kHeadSize;
    config.hidden = 0;
    config.bias = config.tied = false;
    config.threads = 1;
    return config;
  }

  const RunData data_;
  const HeadWindows windows_{data_.validation, kContext, 64};
  const ExpertWindows experts_{data_, windows_};
  TransformerConfig config_;
  std::unique_ptr<TransformerLM> model_;
};

// One layer, one head for each source of chorus.
class Oracle : public ChorusOracle {
 protected:
  Oracle() { make({{{"back-1"}, {"back-3"}, {"topic"}, {"digit"}}}); }
};

}  // namespace headlight
