// The random-subspace baseline: mean-ablation of a random subspace of a head's dimension.
#pragma once

#include <vector>

#include "headlight/base/random.h"
#include "headlight/nn/hook.h"

namespace headlight::lessons {

// Splits the HD numbers that the heads of a layer output at a position along random directions instead of by heads.
// Returns H matrices [HD,D] with orthonormal columns, which together span the whole space.
std::vector<Tensor> random_subspaces(Index heads, Index size, Rng& rng);

// Hook that replaces the part of the heads' outputs that lies in a subspace by the mean of that part. The outputs z
// with mean m become z - U U^T (z - m). If U selects the coordinates of one head, the result equals AblateHead.
class AblateSubspace : public Hook {
 public:
  AblateSubspace(Tensor means, Tensor u) : means_(std::move(means)), u_(std::move(u)) {}  // [H,T,D], [HD,D]
  Tensor on_activation(const HookSite& site, const Tensor& z) override;
  bool wants_weights() const override { return false; }

 private:
  Tensor means_, u_;
};

}  // namespace headlight::lessons
