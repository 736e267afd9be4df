// A user-defined feed-forward part: y = down(value(x) * cos(angle(x))), built from the layer in cosine_layer.h.
#include "cosine_layer.h"
#include "mine.h"

namespace mine {

using namespace headlight;

namespace {

class CosineFeedForward : public FeedForward {
 public:
  explicit CosineFeedForward(const FeedForwardOptions& o)
      : inner_{this, "inner", o.width, o.hidden}, down_{this, "down", o.hidden, o.width, o.out}, drop_(o.dropout) {}

  Tensor operator()(const Tensor& x, const Tensor& residual) const override {
    return finish(down_, inner_(x), drop_, residual);
  }

 private:
  Child<CosineLayer> inner_;
  Child<Linear> down_;
  Dropout drop_;
};

}  // namespace

FeedForwardKind cosine_feed_forward() {
  return {"cosine", "three matrices, one of them inside a cosine", 3,
          [](const FeedForwardOptions& o) -> std::unique_ptr<FeedForward> {
            return std::make_unique<CosineFeedForward>(o);
          }};
}

}  // namespace mine
