// Compares LayerNorm, GELU, cross-entropy and AdamW with PyTorch.
#include <gtest/gtest.h>

#include "headlight/autograd/tape.h"
#include "headlight/nn/norm.h"
#include "headlight/optim/optimizer.h"
#include "parity/fixture.h"

namespace headlight::tests {
namespace {

TEST(Parity, LayerNorm) {
  const Fixture torch("functions");
  LayerNorm norm(6);
  norm.gamma.value().copy_from(torch.tensor("norm.weight"));
  norm.beta.value().copy_from(torch.tensor("norm.bias"));
  const Tensor x = torch.leaf("norm.x");
  Tape tape;
  const Tensor y = norm(x);
  tape.backward(y, torch.tensor("norm.dy"));
  EXPECT_TRUE(agrees(y, torch.tensor("norm.y")));
  EXPECT_TRUE(agrees(x.grad(), torch.tensor("norm.dx")));
  EXPECT_TRUE(agrees(norm.gamma.value().grad(), torch.tensor("norm.weight.grad")));
  EXPECT_TRUE(agrees(norm.beta.value().grad(), torch.tensor("norm.bias.grad")));
}

TEST(Parity, Gelu) {
  const Fixture torch("functions");
  const std::pair<Gelu, std::string> forms[] = {{Gelu::kErf, "none"}, {Gelu::kTanh, "tanh"}};
  for (const auto& [form, name] : forms) {
    const Tensor x = torch.leaf("gelu.x");
    Tape tape;
    const Tensor y = gelu(x, form);
    tape.backward(y, Tensor::full(y.shape(), 1));
    EXPECT_TRUE(agrees(y, torch.tensor("gelu." + name + ".y"))) << name;
    EXPECT_TRUE(agrees(x.grad(), torch.tensor("gelu." + name + ".dx"))) << name;
  }
  // The two forms differ by more than the bound, so a test with the wrong form would fail.
  EXPECT_FALSE(agrees(torch.tensor("gelu.none.y"), torch.tensor("gelu.tanh.y")));
}

TEST(Parity, CrossEntropyWithIgnoredTargets) {
  const Fixture torch("functions");
  const Tensor logits = torch.leaf("cross_entropy.logits");
  Tape tape;
  const Tensor loss = cross_entropy(logits, torch.whole_numbers("cross_entropy.targets"));
  tape.backward(loss);
  EXPECT_TRUE(agrees(loss, torch.tensor("cross_entropy.loss")));
  EXPECT_TRUE(agrees(logits.grad(), torch.tensor("cross_entropy.dlogits")));
}

TEST(Parity, AdamWWithDecayOnMatricesAlone) {
  const Fixture torch("adamw");
  std::vector<NamedTensor> all = {{"weight", torch.leaf("weight.before")}, {"bias", torch.leaf("bias.before")}};
  AdamW optimizer(all, {.beta1 = 0.85, .beta2 = 0.97, .eps = 1e-6, .weight_decay = 0.2});
  const double rates[] = {0.1, 0.05, 0.2, 0.01};
  for (int step = 0; step < 4; ++step) {
    for (NamedTensor& p : all) {
      p.value.zero_grad();
      Tape tape;
      tape.backward(sum(mul(p.value, torch.tensor(cat(p.name, ".grad", step)))));
    }
    optimizer.step(rates[step]);
    for (const NamedTensor& p : all)
      EXPECT_TRUE(agrees(p.value, torch.tensor(cat(p.name, ".after", step)))) << p.name << ", step " << step;
  }
}

}  // namespace
}  // namespace headlight::tests
