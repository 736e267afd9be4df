// The attention pattern `linear` (Katharopoulos et al. 2020): sums over all earlier tokens replace the softmax.
#include "nn/attention_patterns.h"

namespace headlight {

namespace {

class LinearAttention : public AttentionPattern {
 public:
  Tensor operator()(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options,
                    Tensor* weights) const override {
    if (!options.causal || options.mask.defined() || options.bias.defined())
      fail("attention: linear attention is causal and takes no mask and no bias; use full attention");
    return linear_attention(q, k, v, weights);  // no dropout: the weights are only computed for a hook
  }
  std::optional<AttentionStep> step() const override { return AttentionStep{.window = 0, .linear = true}; }
};

}  // namespace

AttentionKind linear_kind() {
  return {"linear", "sums over all earlier tokens, in linear time", "",
          [](Index) -> std::shared_ptr<const AttentionPattern> { return std::make_shared<LinearAttention>(); }};
}

}  // namespace headlight
