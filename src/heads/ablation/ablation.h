// Ablation: the output z of a head, before the output projection, is replaced by a value that carries no information
// about the text, and the loss is measured again. The head still attends, but its output no longer reaches the model.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "headlight/nn/hook.h"
#include "heads/roles/head_scores.h"
#include "heads/roles/head_windows.h"

namespace headlight {

// The value that replaces z[b,t] of an ablated head.
enum class Replacement {
  kMean,      // mean-ablation: the mean over windows at position t; primary, as it disturbs the model least
  kZero,      // zero-ablation: 0
  kResample,  // resample-ablation: z at position t of the next window (window (w+1) mod N of N)
  kConstant,  // the mean over windows and positions; equals pruning, which folds this mean into a bias
};

// Mean outputs z of all heads over the windows of a text.
class HeadMeans {
 public:
  HeadMeans(const HeadedModel& model, const HeadWindows& windows);

  // The means of one layer: [H,T,D] per position, [H,D] over all positions. Undefined tensors for a layer without
  // heads.
  const Tensor& by_position(Index layer) const { return by_position_[static_cast<std::size_t>(layer)]; }
  const Tensor& overall(Index layer) const { return overall_[static_cast<std::size_t>(layer)]; }

 private:
  std::vector<Tensor> by_position_, overall_;
};

// Hook that ablates these heads in every model that runs during its lifetime. The sequence may be shorter than the
// context. kResample uses the next row of the batch, so run the model on ablation_windows(). Error: kResample with a
// batch of one row.
class AblateHeads : public Hook {
 public:
  // `means` must outlive this object.
  AblateHeads(const HeadMeans& means, std::vector<HeadId> heads, Replacement replacement = Replacement::kMean)
      : means_(means), heads_(std::move(heads)), replacement_(replacement) {}
  Tensor on_activation(const HookSite& site, const Tensor& x) override;
  bool wants_weights() const override { return false; }

 private:
  const HeadMeans& means_;
  std::vector<HeadId> heads_;
  Replacement replacement_;
};

// The windows to run when AblateHeads acts on heads of `layers` different layers. For kResample, `layers` extra windows
// follow each piece: the last row of a batch has no next row, so every ablated layer makes one more row at the end
// invalid. Error: kResample with a single window.
HeadWindows ablation_windows(const HeadWindows& windows, Replacement replacement, Index layers);
// Loss of each prediction with these heads ablated, laid out as token_losses().
std::vector<float> ablated_losses(const HeadedModel& model, const HeadMeans& means, const HeadWindows& windows,
                                  const std::vector<HeadId>& heads, Replacement replacement);

// Hook that mean-ablates a subspace of one layer's concatenated heads during its lifetime. At each position, z [HD]
// with mean m becomes z - U U^T (z - m), where U has orthonormal columns. If U selects the coordinates of one head, the
// result equals AblateHeads of that head.
class AblateSubspace : public Hook {
 public:
  AblateSubspace(const HeadMeans& means, Index layer, Tensor u)  // u [HD, k]
      : means_(means), layer_(layer), u_(std::move(u)) {}
  Tensor on_activation(const HookSite& site, const Tensor& x) override;
  bool wants_weights() const override { return false; }

 private:
  const HeadMeans& means_;
  Index layer_;
  Tensor u_;
};

// A random rotation [n,n] with orthonormal columns, made by Gram-Schmidt on columns of normal random numbers.
Tensor random_rotation(Index n, Rng& rng);

}  // namespace headlight
