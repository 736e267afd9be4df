// The random-subspace baseline: mean-ablation along a random subspace that is as large as a head.
#pragma once

#include <vector>

#include "headlight/base/random.h"
#include "headlight/nn/hook.h"

namespace headlight::lessons {

// Splits the space of a layer's concatenated head outputs (HD numbers per position) into H random subspaces instead of
// heads: H matrices [HD,D] with orthonormal columns, which together span the space.
std::vector<Tensor> random_subspaces(Index heads, Index size, Rng& rng);

// While alive: replaces the part of the heads' outputs that lies in a subspace by the mean of that part. The outputs z
// with mean m become z - U U^T (z - m). If U selects the coordinates of one head, this is AblateHead.
class AblateSubspace : public Hook {
 public:
  AblateSubspace(Tensor means, Tensor u) : means_(std::move(means)), u_(std::move(u)) {}  // [H,T,D], [HD,D]
  Tensor on_activation(const HookSite& site, const Tensor& z) override;
  bool wants_weights() const override { return false; }

 private:
  Tensor means_, u_;
};

}  // namespace headlight::lessons
