// Ablation: what a model loses when the output z of a head, before the output projection, is replaced by something that
// carries no information about the text. The head still attends; nobody hears what it brings back.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "headlight/nn/probe.h"
#include "heads/roles/head_scores.h"
#include "heads/roles/head_windows.h"

namespace headlight {

// What stands in for z[b,t] of an ablated head.
enum class Replacement {
  kMean,      // its mean over the text at position t: the primary form, which changes the least besides
  kZero,      // 0
  kOther,     // resample-ablation: z at position t of the next window, (w+1) mod N of all N windows
  kConstant,  // its mean over the text and all positions: what a bias can hold, and so what pruning leaves
};

// Mean outputs of heads over a text.
class HeadMeans {
 public:
  HeadMeans(const CharTransformer& model, const HeadWindows& windows);

  // [H,T,D] of a layer, per position / [H,D] over all positions. Not defined for a layer without heads.
  const Tensor& by_position(Index layer) const { return by_position_[static_cast<std::size_t>(layer)]; }
  const Tensor& overall(Index layer) const { return overall_[static_cast<std::size_t>(layer)]; }

 private:
  std::vector<Tensor> by_position_, overall_;
};

// While it lives, these heads of whatever model runs are ablated. Texts shorter than the context are fine. kOther takes the
// next row of the batch: run ablation_windows(). Error: kOther, and a batch of one row.
class AblateHeads : public Probe {
 public:
  // `means` must outlive it.
  AblateHeads(const HeadMeans& means, std::vector<HeadId> heads, Replacement replacement = Replacement::kMean)
      : means_(means), heads_(std::move(heads)), replacement_(replacement) {}
  Tensor see(const std::string& name, const Tensor& x) override;
  bool wants_weights() const override { return false; }

 private:
  const HeadMeans& means_;
  std::vector<HeadId> heads_;
  Replacement replacement_;
};

// The windows to run under AblateHeads of heads in `layers` layers. For kOther each piece is followed by as many windows:
// in each ablated layer the last row of a batch has no next one, so from layer to layer one more row is wrong.
// Error: kOther, and a single window.
HeadWindows ablation_windows(const HeadWindows& windows, Replacement replacement, Index layers);
// The losses of the windows with these heads ablated.
std::vector<float> ablated_losses(const CharTransformer& model, const HeadMeans& means, const HeadWindows& windows,
                                  const std::vector<HeadId>& heads, Replacement replacement);

// While it lives, the concatenated heads of one layer keep only their mean within a subspace: with z [HD] of a position
// and m its mean there, z becomes z - U U^T (z - m). The columns of U are orthonormal. With the coordinates of one head as
// U this is AblateHeads of that head.
class AblateSubspace : public Probe {
 public:
  AblateSubspace(const HeadMeans& means, Index layer, Tensor u)  // u [HD, k]
      : means_(means), layer_(layer), u_(std::move(u)) {}
  Tensor see(const std::string& name, const Tensor& x) override;
  bool wants_weights() const override { return false; }

 private:
  const HeadMeans& means_;
  Index layer_;
  Tensor u_;
};

// A random rotation of n dimensions (Gram-Schmidt on normal numbers), [n,n] with orthonormal columns.
Tensor random_rotation(Index n, Rng& rng);

// The layer whose "z" is seen under this name; -1 when it is none.
Index layer_of_z(const std::string& name);

}  // namespace headlight
