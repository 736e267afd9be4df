// Compares ten steps of Muon with NumPy (make_muon_fixture.py).
#include <gtest/gtest.h>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "headlight/optim/optimizer.h"
#include "parity/fixture.h"

namespace headlight::tests {
namespace {

TEST(Parity, Muon) {
  const Fixture numpy("muon");
  const auto matrix = ParamRole::kMatrix;
  const std::vector<NamedTensor> all = {{"tall", numpy.leaf("tall.before"), matrix},
                                        {"wide", numpy.leaf("wide.before"), matrix},
                                        {"stacked", numpy.leaf("stacked.before"), matrix, 3},
                                        {"embedding", numpy.leaf("embedding.before"), ParamRole::kEmbedding},
                                        {"bias", numpy.leaf("bias.before")}};
  Muon optimizer(all, {.others = {.beta1 = 0.85, .beta2 = 0.97, .eps = 1e-6, .weight_decay = 0.2},
                       .matrix_rate = 4,
                       .momentum_start = 0.8,
                       .momentum = 0.9,
                       .momentum_steps = 6,
                       .weight_decay = 0.2});
  for (int step = 0; step < 10; ++step) {
    for (const NamedTensor& p : all) {
      Tensor value = p.value;
      value.zero_grad();
      Tape tape;
      tape.backward(sum(mul(value, numpy.tensor(cat(p.name, ".grad", step)))));
    }
    optimizer.step(0.05 / (1 + step));
    for (const NamedTensor& p : all)
      EXPECT_TRUE(agrees(p.value, numpy.tensor(cat(p.name, ".after", step)))) << p.name << ", step " << step;
  }
}

}  // namespace
}  // namespace headlight::tests
