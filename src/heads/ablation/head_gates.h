// Gates: how important heads are, without ablating any (Michel, Levy, Neubig 2019). Multiply each head's output z by a
// gate g that is 1; the mean over windows of |d loss / d g| is the head's importance, and one backward pass gives that of
// all heads. A first-order guess at ablation by zero: exact when the loss is linear in the gate.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "headlight/nn/probe.h"
#include "heads/roles/head_scores.h"
#include "heads/roles/head_windows.h"

namespace headlight {

// While it lives, the output z [B,H,T,D] of each layer's heads is multiplied by that layer's gate, which broadcasts to it:
// [H,1,1], or [B,H,1,1] for a gate for each sequence. Gradients reach the gates.
class GateHeads : public Probe {
 public:
  explicit GateHeads(std::vector<Tensor> gates) : gates_(std::move(gates)) {}  // one a layer; not defined: none
  Tensor see(const std::string& name, const Tensor& x) override;
  bool wants_weights() const override { return false; }

 private:
  std::vector<Tensor> gates_;
};

// The importance of each head, in the order of all_heads(): mean over windows of |d L(window) / d g|, with L the mean loss of
// the window's predictions. Nothing is dropped, and the model's own gradients are left alone.
std::vector<double> gate_importance(const CharTransformer& model, const HeadWindows& windows);
// Each layer's values divided by their Euclidean norm, as Michel et al. do before they compare layers.
std::vector<double> normalised_by_layer(std::vector<double> values, const TransformerConfig& config);

// A model of its own with the same weights; `dropout` replaces that of the configuration.
std::unique_ptr<CharTransformer> copy_model(const CharTransformer& model, double dropout);

}  // namespace headlight
