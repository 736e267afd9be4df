// Mean-ablation with a Hook, and how much of each expert of `chorus` a model still uses when a head is ablated.
#pragma once

#include <string>
#include <vector>

#include "headlight/models/transformer.h"
#include "headlight/nn/hook.h"
#include "lessons/training.h"

namespace headlight::lessons {

// The mean output of every head of a one-layer model, at each position: [H,T,D].
Tensor mean_outputs(const TransformerLM& model, const Batch& batch);

// Hook that replaces the output of one head of a one-layer model by its mean at each position. The head then carries no
// information about the text.
class AblateHead : public Hook {
 public:
  AblateHead(Tensor means, Index head) : means_(std::move(means)), head_(head) {}
  Tensor on_activation(const HookSite& site, const Tensor& x) override;
  bool wants_weights() const override { return false; }

 private:
  Tensor means_;
  Index head_;
};

// The attention weights of all heads of a one-layer model on one sequence: [1,H,T,T].
Tensor attention_weights(const TransformerLM& model, std::span<const std::int32_t> ids);

// Validation windows of `chorus` with the true table rows of the experts at each predicted position.
class ExpertTables {
 public:
  ExpertTables(const LessonText& text, Index context, Index windows);
  const Batch& batch() const { return batch_; }

  // The factor of each expert: the K that minimize the squared error of
  //   logits[next] = sum over experts of K[expert] table[expert][evidence][next].
  // 1: the model uses the expert as the true distribution does; 0: not at all. Active hooks apply.
  std::vector<double> factors(const TransformerLM& model) const;

 private:
  void center(std::vector<double>& values) const;

  Batch batch_;
  Index context_, symbols_;             // T, and the S symbols that may come next
  std::vector<Index> ids_;              // their token ids
  std::vector<std::vector<double>> x_;  // [expert][window, position, symbol], centered
};

}  // namespace headlight::lessons
