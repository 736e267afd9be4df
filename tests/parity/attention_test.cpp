// Compares MultiHeadAttention with torch.nn.MultiheadAttention: results, attention weights of each head, gradients.
#include <gtest/gtest.h>

#include "headlight/autograd/tape.h"
#include "headlight/nn/multi_head_attention.h"
#include "parity/fixture.h"

namespace headlight::tests {
namespace {

struct SeeWeights : Hook {
  Tensor weights;
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    if (site.kind == HookSite::Kind::kAttentionWeights) weights = x;
    return x;
  }
};

AttentionMask mask_of(const Fixture& torch, const std::string& name) {
  const bool causal = name.starts_with("causal"), cross = name.starts_with("cross");
  if (name.find("padding") == std::string::npos) return {.causal = causal, .allowed = {}};
  const std::vector<std::int32_t> stored = torch.whole_numbers(cross ? "context_lengths" : "lengths");
  const std::vector<Index> lengths(stored.begin(), stored.end());
  return AttentionMask::padding(lengths, cross ? 7 : 5, causal);
}

class AttentionParity : public ::testing::TestWithParam<const char*> {};

TEST_P(AttentionParity, AgreesWithPyTorch) {
  const std::string name = GetParam();
  const Fixture torch("attention");
  const bool cross = name.starts_with("cross");
  const MultiHeadAttention layer(8, 2);
  // PyTorch packs queries, keys and values in the same order.
  for (NamedTensor& p : layer.parameters()) p.value.copy_from(torch.tensor(p.name));
  const Tensor x = torch.leaf("x"), context = torch.leaf("context");
  SeeWeights hook;
  Tape tape;
  const AttentionMask mask = mask_of(torch, name);
  const Tensor y = cross ? layer.cross(x, context, mask) : layer(x, mask);
  tape.backward(y, torch.tensor("dy"));
  EXPECT_TRUE(agrees(y, torch.tensor(name + ".y")));
  EXPECT_TRUE(agrees(hook.weights, torch.tensor(name + ".weights")));
  EXPECT_TRUE(agrees(x.grad(), torch.tensor(name + ".dx")));
  EXPECT_EQ(torch.has(name + ".dcontext"), cross);
  if (cross) {
    EXPECT_TRUE(agrees(context.grad(), torch.tensor(name + ".dcontext")));
  }
  for (const NamedTensor& p : layer.parameters())
    EXPECT_TRUE(agrees(p.value.grad(), torch.tensor(name + "." + p.name + ".grad"))) << p.name;
}

INSTANTIATE_TEST_SUITE_P(Masks, AttentionParity,
                         ::testing::Values("plain", "causal", "padding", "causal_padding", "cross", "cross_padding"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace headlight::tests
