// Head importance from gradients of gates, without ablation (Michel, Levy, Neubig 2019). Each head's output z is
// multiplied by a gate g = 1; the mean over windows of |d loss / d g| is the head's importance. One backward pass per
// batch gives the importance of all heads. The importance is a first-order estimate of the effect of zero-ablation,
// exact when the loss is linear in the gate.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "headlight/nn/hook.h"
#include "heads/roles/head_scores.h"
#include "heads/roles/head_windows.h"

namespace headlight {

// Hook that multiplies the output z [B,H,T,D] of each layer by the layer's gate during its lifetime. A gate broadcasts
// to z: [H,1,1] for one gate per head, [B,H,1,1] for one per head and sequence. Gradients flow to the gates.
class GateHeads : public Hook {
 public:
  explicit GateHeads(std::vector<Tensor> gates) : gates_(std::move(gates)) {}  // [layer]; undefined: no gate
  Tensor on_activation(const HookSite& site, const Tensor& x) override;
  bool wants_weights() const override { return false; }

 private:
  std::vector<Tensor> gates_;
};

// The importance of each head, in the order of all_heads(): the mean over windows of |d L(window) / d g|, where L is
// the mean loss of the window's predictions. Runs on a copy without dropout, so the model's own gradients do not
// change.
std::vector<double> gate_importance(const HeadedModel& model, const HeadWindows& windows);
// Divides each layer's values by their Euclidean norm, as Michel et al. do to compare heads of different layers.
std::vector<double> normalized_by_layer(std::vector<double> values, const HeadCounts& counts);

}  // namespace headlight
