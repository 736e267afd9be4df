// Tests that recomputed results are bit-identical to stored results and use less memory.
#include <gtest/gtest.h>

#include "headlight/autograd/saved.h"
#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"

namespace headlight {
namespace {

class SavedTest : public testing::Test {
 protected:
  void TearDown() override { set_recompute_bytes(before_); }

 private:
  std::size_t before_ = recompute_bytes();
};

struct Gradients3 {
  std::vector<double> x, gamma, w;
  Index peak = 0;
};

// x -> norm -> linear -> gelu -> linear
Gradients3 train(std::size_t threshold, bool rms) {
  set_recompute_bytes(threshold);
  Rng rng(3);
  Tensor x = Tensor::normal({500, 64}, 0, 1, rng), gamma = Tensor::normal({64}, 1, 0.1, rng),
         beta = Tensor::normal({64}, 0, 0.1, rng), w = Tensor::normal({256, 64}, 0, 0.2, rng),
         v = Tensor::normal({64, 256}, 0, 0.2, rng);
  for (Tensor* t : {&x, &gamma, &beta, &w, &v}) t->set_requires_grad(true);
  pool_reset_peak();
  const Index held = pool_stats().bytes_in_use;
  {
    Tape tape;
    const auto loss = [&] {
      const Tensor hidden = gelu(linear(rms ? rms_norm(x, gamma) : layer_norm(x, gamma, beta), w));
      return sum(mul(linear(hidden, v), x));
    }();
    tape.backward(loss);
  }
  return {x.grad().to_vector(), gamma.grad().to_vector(), w.grad().to_vector(), pool_stats().bytes_peak - held};
}

TEST_F(SavedTest, MadeAgainGivesTheSameBitsInLessMemory) {
  for (const bool rms : {false, true}) {
    const Gradients3 kept = train(std::size_t{1} << 40, rms), again = train(0, rms);
    EXPECT_EQ(kept.x, again.x);
    EXPECT_EQ(kept.gamma, again.gamma);
    EXPECT_EQ(kept.w, again.w);
    EXPECT_LT(again.peak, kept.peak - 500 * 64 * 4) << "the normalized rows were kept";
  }
}

TEST_F(SavedTest, SmallOrUnrecordedResultsAreKept) {
  set_recompute_bytes(4 * 10);
  Rng rng(4);
  Tensor small = Tensor::normal({9}, 0, 1, rng), large = Tensor::normal({10}, 0, 1, rng);
  EXPECT_FALSE(gelu(large).slot());  // no tape
  small.set_requires_grad(true);
  large.set_requires_grad(true);
  Tape tape;
  EXPECT_FALSE(gelu(small).slot()->rematerialization);
  const Tensor y = gelu(large);
  ASSERT_TRUE(y.slot()->rematerialization);
  EXPECT_FALSE(Saved(y).get().same_storage(y));
  EXPECT_EQ(Saved(y).get().to_vector(), y.to_vector());
}

}  // namespace
}  // namespace headlight
