#include "nn/layers.h"

#include <optional>

#include "headlight/autograd/tape.h"

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
  std::vector<NamedTensor> parameters = module.parameters();
  const std::size_t given = inputs.size();
  for (const NamedTensor& p : parameters) inputs.push_back(p.value.clone());
  const Differentiable with_parameters = [&](std::span<const Tensor> all) {
    const std::span<const Tensor> own = all.subspan(given);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      parameters[i].value.copy_from(own[i]);
      parameters[i].value.zero_grad();
    }
    // The gradients that the module's parameters collect become those of the inputs that stand for them: the entry is
    // recorded first, so in the backward pass it runs last.
    Tensor moved = Tensor::scalar(0);
    record("parameters", moved, own, [&parameters](const Tensor&, const Gradients& d) {
      for (std::size_t i = 0; i < parameters.size(); ++i)
        if (parameters[i].value.grad().defined()) d[static_cast<int>(i)].add(parameters[i].value.grad());
    });
    std::optional<Tape> training;  // the differences are taken without a tape, and dropout needs one
    if (!Tape::current()) training.emplace();
    seed_generator(5);
    Tensor y = f(all.first(given));
    Tensor joined = y.clone();
    record("join", joined, {y, moved}, [](const Tensor& dy, const Gradients& d) {
      d[0].add(dy);
      d[1].add(Tensor::scalar(0));
    });
    return joined;
  };
  const GradcheckResult result = gradcheck(with_parameters, inputs, {.step = step});
  if (result) return ::testing::AssertionSuccess();
  std::string names;
  for (std::size_t i = 0; i < parameters.size(); ++i) names += cat("\n  input ", given + i, " is ", parameters[i].name);
  return ::testing::AssertionFailure() << result.message << names;
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

TransformerConfig tiny_config(PositionKind position) {
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
