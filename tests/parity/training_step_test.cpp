// Compares one training step of a GPT with a PyTorch implementation: logits, loss, gradients, gradient norm, and the
// parameters after AdamW.
#include <gtest/gtest.h>

#include <algorithm>

#include "headlight/autograd/tape.h"
#include "headlight/models/transformer.h"
#include "headlight/optim/optimizer.h"
#include "parity/fixture.h"

namespace headlight::tests {
namespace {

void check_step(const std::string& name, bool pre_norm, bool tied, const std::string& activation) {
  const Fixture torch(name);
  TransformerConfig c;
  c.vocabulary = 11;
  c.context = 6;
  c.layers = 2;
  c.heads = 2;
  c.width = 8;
  c.hidden = 12;
  c.pre_norm = pre_norm;
  c.tied = tied;
  c.activation = activation;
  TransformerLM model(c);
  const std::vector<NamedTensor> all = model.parameters();
  std::size_t stored = 0;
  for (const std::string& one : torch.names()) stored += one.starts_with("before.");
  EXPECT_EQ(all.size(), stored);
  for (NamedTensor p : all) p.value.copy_from(torch.tensor("before." + p.name));

  const std::vector<std::int32_t> ids = torch.whole_numbers("ids"), targets = torch.whole_numbers("targets");
  {
    Tape tape;
    const Tensor logits = model(ids, 3);
    EXPECT_TRUE(agrees(logits, torch.tensor("logits")));
    const Tensor loss = cross_entropy(logits, targets);
    EXPECT_TRUE(agrees(loss, torch.tensor("loss")));
    tape.backward(loss);
  }
  for (const NamedTensor& p : all)
    EXPECT_TRUE(agrees(p.value.grad(), torch.tensor("grad." + p.name))) << "gradient of " << p.name;
  const double norm = gradient_norm(all);
  EXPECT_NEAR(norm, torch.tensor("norm").item(), 1e-5 * norm);
  EXPECT_GT(norm, 1.1);  // there is something to clip
  AdamW(all, {.beta1 = 0.9, .beta2 = 0.99, .eps = 1e-5, .weight_decay = 0.1}).step(1e-2, 1 / norm);
  for (const NamedTensor& p : all) EXPECT_TRUE(agrees(p.value, torch.tensor("after." + p.name))) << p.name;
}

TEST(TrainingStep, PreNormTiedAgreesWithPyTorch) { check_step("gpt", true, true, "gelu"); }

TEST(TrainingStep, PostNormUntiedAgreesWithPyTorch) { check_step("post_norm", false, false, "gelu-erf"); }

}  // namespace
}  // namespace headlight::tests
