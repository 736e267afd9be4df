// A user-defined attention pattern, `decay:S`: the weight of a key falls with its distance, by a factor e every S
// tokens, independent of the tokens.
#include <cmath>

#include "mine.h"

namespace mine {

using namespace headlight;

namespace {

class DecayAttention : public AttentionPattern {
 public:
  explicit DecayAttention(Index scale) : scale_(static_cast<double>(scale)) {}

  Tensor operator()(const Tensor& q, const Tensor& /*k*/, const Tensor& v, const AttentionOptions&,
                    Tensor* weights) const override {
    if (q.size(1) != v.size(1)) fail("attention: decay needs values for each head; leave out --kv-heads");
    const Index length = q.size(2);
    Tensor w = Tensor::zeros({length, length}, q.dtype());  // [T,T], rows that sum to 1
    dispatch(w.dtype(), [&](auto zero) {
      using T = decltype(zero);
      for (Index t = 0; t < length; ++t) {
        double sum = 0;
        for (Index s = 0; s <= t; ++s) sum += std::exp(static_cast<double>(s - t) / scale_);
        for (Index s = 0; s <= t; ++s)
          w.data<T>()[t * length + s] = static_cast<T>(std::exp(static_cast<double>(s - t) / scale_) / sum);
      }
    });
    // The same weights for every sequence and head, for hooks: [B,H,T,T].
    if (weights) *weights = add(Tensor::zeros({q.size(0), q.size(1), length, length}, q.dtype()), w);
    return matmul(w, v);  // [B,H,T,D]
  }

 private:
  double scale_;
};

}  // namespace

AttentionKind decay_attention() {
  return {
      "decay", "weights that fall with distance, by a factor e every S tokens", "S",
      [](Index scale) -> std::shared_ptr<const AttentionPattern> { return std::make_shared<DecayAttention>(scale); }};
}

}  // namespace mine
