// The feed-forward part `swiglu` (Shazeer 2020): y = down(silu(gate(x)) * up(x)).
#include "nn/feed_forward_parts.h"

namespace headlight {

namespace {

class SwiGlu : public FeedForward {
 public:
  explicit SwiGlu(const FeedForwardOptions& o)
      : gate_{this, "gate", o.width, o.hidden, o.in},
        up_{this, "up", o.width, o.hidden, o.in},
        down_{this, "down", o.hidden, o.width, o.out},
        drop_(o.dropout) {}

  Tensor operator()(const Tensor& x, const Tensor& residual) const override {
    const Tensor h = mul(silu(gate_(x)), up_(x));  // [B,T,F]
    return finish(down_, h, drop_, residual);      // [B,T,C]
  }
  std::optional<FeedForwardStep> step() const override {
    return FeedForwardStep{&find_activation("silu"), &*up_, &*gate_, &*down_};
  }

 private:
  Child<Linear> gate_, up_, down_;
  Dropout drop_;
};

}  // namespace

FeedForwardKind swiglu_kind() {
  return {"swiglu", "three matrices, one of them a gate with SiLU", 3,
          [](const FeedForwardOptions& o) -> std::unique_ptr<FeedForward> { return std::make_unique<SwiGlu>(o); }};
}

}  // namespace headlight
