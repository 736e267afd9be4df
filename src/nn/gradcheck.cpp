// gradcheck of a layer: runs f in training mode with a fixed seed.
#include "headlight/nn/gradcheck.h"

#include <optional>

#include "headlight/autograd/tape.h"

namespace headlight {

GradcheckResult gradcheck(const Module& module, const Differentiable& f, std::vector<Tensor> inputs,
                          const GradcheckOptions& options) {
  const GeneratorGuard keep;
  const Differentiable in_training = [&](std::span<const Tensor> in) {
    std::optional<Tape> tape;  // finite differences run without a tape, but dropout needs one
    if (!Tape::current()) tape.emplace();
    seed_generator(options.seed);
    return f(in);
  };
  return gradcheck(in_training, std::move(inputs), module.parameters(), options);
}

}  // namespace headlight
