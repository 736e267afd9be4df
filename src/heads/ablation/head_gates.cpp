// The gate hook and the importance of heads from gate gradients.
#include "heads/ablation/head_gates.h"

#include <cmath>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "heads/ablation/ablation.h"

namespace headlight {

Tensor GateHeads::on_activation(const HookSite& site, const Tensor& x) {
  if (site.kind != HookSite::Kind::kHeadOutputs || site.layer >= static_cast<Index>(gates_.size())) return x;
  const Tensor& gate = gates_[static_cast<std::size_t>(site.layer)];
  return gate.defined() ? mul(x, gate) : x;
}

std::vector<double> gate_importance(const HeadedModel& model, const HeadWindows& windows) {
  const GeneratorGuard keep;
  const std::unique_ptr<HeadedModel> copy = model.untrained();
  copy_parameters(model, *copy);
  const std::vector<HeadId> heads = all_heads(model);
  std::vector<double> importance(heads.size(), 0.0);
  for (const HeadWindows::Piece& piece : windows.pieces()) {
    const Batch& batch = piece.batch;
    std::vector<Tensor> gates;
    for (Index layer = 0; layer < model.layers(); ++layer) {
      gates.push_back(Tensor::full({batch.rows, model.heads_in(layer), 1, 1}, 1));
      gates.back().set_requires_grad(true);
    }
    {
      GateHeads hook(gates);
      Tape tape;
      tape.backward(cross_entropy((*copy)(batch.inputs, batch.rows), batch.targets));
    }
    copy->zero_grad();
    // backward() gives the gradient of the batch's mean loss; rescale it to that of each window's mean loss.
    std::vector<double> predictions(static_cast<std::size_t>(batch.rows), 0.0);
    double all = 0;
    for (std::size_t i = 0; i < batch.targets.size(); ++i) {
      if (batch.targets[i] == kIgnoredTarget) continue;
      predictions[i / static_cast<std::size_t>(windows.context())] += 1;
      all += 1;
    }
    for (std::size_t h = 0; h < heads.size(); ++h) {
      const Tensor gradient = gates[static_cast<std::size_t>(heads[h].layer)].grad();  // [B,H,1,1]
      for (Index b = 0; b < batch.rows; ++b) {
        const double own = predictions[static_cast<std::size_t>(b)];
        if (own > 0) importance[h] += std::abs(gradient.at({b, heads[h].head, 0, 0})) * all / own;
      }
    }
  }
  for (double& value : importance) value /= static_cast<double>(windows.size());
  return importance;
}

std::vector<double> normalized_by_layer(std::vector<double> values, const HeadCounts& counts) {
  const std::vector<HeadId> heads = all_heads(counts);
  std::vector<double> squares(counts.by_layer.size(), 0.0);
  for (std::size_t h = 0; h < heads.size(); ++h)
    squares[static_cast<std::size_t>(heads[h].layer)] += values[h] * values[h];
  for (std::size_t h = 0; h < heads.size(); ++h)
    if (const double square = squares[static_cast<std::size_t>(heads[h].layer)]; square > 0)
      values[h] /= std::sqrt(square);
  return values;
}

}  // namespace headlight
