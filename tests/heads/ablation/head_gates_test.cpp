// Gate gradients against finite differences, and head importance.
#include "heads/ablation/head_gates.h"

#include <cmath>

#include "headlight/autograd/gradcheck.h"
#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "heads/tiny_model.h"

namespace headlight {
namespace {

using Gates = TinyModel;

TEST_F(Gates, GradientsAreThoseOfFiniteDifferences) {
  const DTypeScope doubles(DType::kFloat64);
  make({});
  const auto ids = std::span(windows_.inputs()).first(32), targets = std::span(windows_.targets()).first(32);
  const auto loss = [&](std::span<const Tensor> gates) {
    const GateHeads hook({gates[0], gates[1]});
    return cross_entropy((*model_)(ids, 2), targets);
  };
  Rng rng(2);
  const GradcheckResult r = gradcheck(loss, {Tensor::uniform({3, 1, 1}, 0.5, 1.5, rng), Tensor::full({3, 1, 1}, 1)});
  EXPECT_TRUE(r.passed) << r.message;
  const GradcheckResult each = gradcheck(loss, {Tensor::full({2, 3, 1, 1}, 1), Tensor::full({2, 3, 1, 1}, 1)});
  EXPECT_TRUE(each.passed) << each.message;
}

// Compares importance with finite differences of each window's loss.
TEST_F(Gates, ImportanceIsTheMeanOfEachWindowsSlope) {
  const std::vector<double> importance = gate_importance(*model_, windows_);
  const std::vector<HeadId> heads = all_heads(model_->config());
  ASSERT_EQ(importance.size(), heads.size());
  const auto losses_at = [&](HeadId id, double gate) {
    std::vector<Tensor> gates(2);
    std::vector<double> values(3, 1.0);
    values[static_cast<std::size_t>(id.head)] = gate;
    gates[static_cast<std::size_t>(id.layer)] = Tensor::of({3, 1, 1}, values);
    const GateHeads hook(gates);
    return token_losses(*model_, windows_);
  };
  for (std::size_t h = 0; h < heads.size(); ++h) {
    const std::vector<float> above = losses_at(heads[h], 1.02), below = losses_at(heads[h], 0.98);
    double expected = 0;
    for (std::size_t w = 0; w < static_cast<std::size_t>(windows_.size()); ++w)
      expected +=
          std::abs(mean_loss(std::span(above).subspan(16 * w, 16)) - mean_loss(std::span(below).subspan(16 * w, 16))) /
          0.04;
    expected /= static_cast<double>(windows_.size());
    EXPECT_NEAR(importance[h], expected, 2e-2 * expected + 1e-3) << head_name(heads[h]);
  }
}

TEST_F(Gates, LeaveTheModelAlone) {
  make({.dropout = 0.5});
  const Rng::State before = generator().state();
  const std::vector<double> once = gate_importance(*model_, windows_);
  EXPECT_EQ(once, gate_importance(*model_, windows_)) << "nothing is dropped";
  EXPECT_EQ(generator().state(), before);
  for (const NamedTensor& p : model_->parameters()) EXPECT_FALSE(p.value.grad().defined()) << p.name;
}

TEST_F(Gates, NormalizedLayersHaveLengthOne) {
  const std::vector<double> n = normalized_by_layer({3, 0, 4, 0, 0, 0}, model_->config());
  EXPECT_EQ(n, (std::vector<double>{0.6, 0, 0.8, 0, 0, 0})) << "a layer of zeros stays";
}

}  // namespace
}  // namespace headlight
