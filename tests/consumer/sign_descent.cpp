// A user-defined optimizer, `sign`: every parameter moves by the learning rate against the sign of its gradient
// (Bernstein et al. 2018).
#include "mine.h"

namespace mine {

using namespace headlight;

namespace {

class SignDescent : public Optimizer {
 public:
  using Optimizer::Optimizer;
  std::vector<NamedTensor> state() const override { return {}; }

 private:
  void update(const Piece& p, double learning_rate, double /*gradient_scale*/) override {
    const auto rate = static_cast<float>(learning_rate);
    for (Index i = 0; i < p.end - p.begin; ++i)
      p.value[i] -= p.gradient[i] > 0 ? rate : p.gradient[i] < 0 ? -rate : 0.0f;
  }
};

}  // namespace

OptimizerKind sign_descent() {
  return {.name = "sign",
          .help = "steps of one size",
          .flags = {},
          .matrix_state = 0,
          .other_state = 0,
          .make = [](std::vector<NamedTensor> parameters, const OptimizerOptions&) -> std::unique_ptr<Optimizer> {
            return std::make_unique<SignDescent>(std::move(parameters));
          }};
}

}  // namespace mine
