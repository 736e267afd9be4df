// The feed-forward part `relu2` (So et al. 2021): y = down(relu(up(x))^2).
#include "nn/feed_forward_parts.h"

namespace headlight {

namespace {

class Relu2 : public FeedForward {
 public:
  explicit Relu2(const FeedForwardOptions& o)
      : up_{this, "up", o.width, o.hidden, o.in}, down_{this, "down", o.hidden, o.width, o.out}, drop_(o.dropout) {}

  Tensor operator()(const Tensor& x, const Tensor& residual) const override {
    const Tensor u = up_(x);                                 // [B,T,F]
    return finish(down_, mul(relu(u), u), drop_, residual);  // [B,T,C]; relu(u) u = relu(u)^2
  }
  std::optional<FeedForwardStep> step() const override {
    return FeedForwardStep{&find_activation("relu"), &*up_, &*up_, &*down_};
  }

 private:
  Child<Linear> up_, down_;
  Dropout drop_;
};

}  // namespace

FeedForwardKind relu2_kind() {
  return {"relu2", "two matrices with the square of ReLU between them", 2,
          [](const FeedForwardOptions& o) -> std::unique_ptr<FeedForward> { return std::make_unique<Relu2>(o); }};
}

}  // namespace headlight
