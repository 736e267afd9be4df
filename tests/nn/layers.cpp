// Helpers for the tests of layers: random parameters and tensors, and gradient checks.
#include "nn/layers.h"

namespace headlight::tests {

void randomize(const Module& module, std::uint64_t seed) {
  Rng rng(seed);
  for (NamedTensor& p : module.parameters()) {
    // A gain is the only vector that starts as ones.
    const bool gain = p.value.rank() == 1 && p.value.numel() > 0 && p.value.at({0}) == 1;
    p.value.copy_from(Tensor::uniform(p.value.shape(), gain ? 0.5 : -0.8, gain ? 1.5 : 0.8, rng, p.value.dtype()));
  }
}

::testing::AssertionResult gradients_are_right(const Module& module, const Differentiable& f,
                                               std::vector<Tensor> inputs, double step) {
  const GradcheckResult result = gradcheck(module, f, std::move(inputs), {.step = step});
  if (result) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << result.message;
}

std::string walk_text(const Module& module) {
  std::string text;
  for (const NamedTensor& p : module.parameters()) text += cat(text.empty() ? "" : ", ", p.name, " ", p.value.shape());
  return text;
}

Tensor random_tensor(const Shape& shape, std::uint64_t seed, DType dtype) {
  Rng rng(seed);
  return Tensor::uniform(shape, -1.5, 1.5, rng, dtype);
}

std::vector<std::int32_t> random_ids(Index count, Index vocabulary, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::int32_t> ids;
  for (Index i = 0; i < count; ++i) ids.push_back(static_cast<std::int32_t>(rng.below(vocabulary)));
  return ids;
}

TransformerConfig tiny_config(const std::string& position) {
  TransformerConfig c;
  c.vocabulary = 7;
  c.context = 6;
  c.layers = 2;
  c.heads = 2;
  c.width = 8;
  c.hidden = 10;
  c.position = position;
  return c;
}

}  // namespace headlight::tests
