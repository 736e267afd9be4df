// Head dropout: training with random heads silenced, so that a model cannot rely on any one head.
#pragma once

#include "headlight/nn/hook.h"
#include "headlight/ops/ops.h"

namespace headlight {

// Hook that drops heads during its lifetime (DropHead: Zhou et al. 2020, arXiv 2004.13342). For each sequence and
// layer, sets each head's output z [B,H,T,D] to zero with probability p, and multiplies the other heads' outputs by
// 1/(1-p). Random numbers come from generator(), whose state a checkpoint holds, so a resumed run drops the same heads.
class HeadDropout : public Hook {
 public:
  explicit HeadDropout(double p) : p_(p) {}  // p in [0, 1)
  Tensor on_activation(const HookSite&, const Tensor& z) override {
    return mul(z, dropout(Tensor::full({z.size(0), z.size(1), 1, 1}, 1, z.dtype()), p_));
  }
  bool wants_weights() const override { return false; }

 private:
  double p_;
};

}  // namespace headlight
