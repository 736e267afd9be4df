// A user-defined norm, `mean`: gamma x / mean(|x|).
#include "mine.h"

namespace mine {

using namespace headlight;

namespace {

class MeanNorm : public Norm {
 public:
  explicit MeanNorm(Index width) : gamma_{this, "weight", {width}, Init::ones()} {}

  Tensor operator()(const Tensor& x) const override { return x / (mean(abs(x), -1, true) + 1e-5) * gamma_; }

 private:
  Param gamma_;  // [C]
};

}  // namespace

NormKind mean_norm() {
  return {"mean", "unit mean absolute value, then a gain for each channel",
          [](Index width) -> std::unique_ptr<Norm> { return std::make_unique<MeanNorm>(width); }};
}

}  // namespace mine
