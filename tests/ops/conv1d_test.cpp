// Tests that the fused operations of convolutional models equal the same formulas composed of other operations.
#include <gtest/gtest.h>

#include <cmath>

#include "headlight/ops/ops.h"
#include "ops/compare.h"

namespace headlight::tests {
namespace {

// Sum over the taps of shifted products, for each group.
Tensor conv1d_composite(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv1dOptions& o) {
  const Index steps = x.size(1), in = x.size(2) / o.groups, out = w.size(0) / o.groups, taps = w.size(1) / in;
  std::vector<Tensor> groups;
  for (Index g = 0; g < o.groups; ++g) {
    const Tensor own_x = slice(x, 2, g * in, (g + 1) * in), own_w = slice(w, 0, g * out, (g + 1) * out);
    Tensor y;
    for (Index k = 0; k < taps; ++k) {
      const Index shift = std::min(steps, (taps - 1 - k) * o.dilation);
      const Tensor shifted = pad(slice(own_x, 1, 0, steps - shift), 1, shift, 0);
      const Tensor part = matmul(shifted, slice(own_w, 1, k * in, (k + 1) * in), {.transpose_b = true});
      y = y.defined() ? y + part : part;
    }
    groups.push_back(y);
  }
  const Tensor y = concat(groups, 2);
  return bias.defined() ? y + bias : y;
}

void expect_equal(const Differentiable& fused, const Differentiable& composite, const std::vector<Tensor>& inputs) {
  for (const DType dtype : {DType::kFloat64, DType::kFloat32}) {
    const std::vector<Tensor> numbers = inputs_in({inputs, nullptr}, dtype);
    EXPECT_TRUE(near(evaluate(fused, numbers), evaluate(composite, numbers), dtype == DType::kFloat64 ? 1e-12 : 2e-5))
        << to_text(dtype) << ", shapes " << shapes_text(inputs);
  }
}

TEST(Conv1d, EqualsShiftedProducts) {
  struct Size {
    Index batch, steps, in, out, taps, dilation, groups;
  };
  // One tap, taps beyond the sequence, groups, one channel a group, and sizes that are split among threads.
  const Size sizes[] = {{1, 1, 1, 1, 1, 1, 1},    {2, 5, 3, 4, 1, 1, 1},   {2, 7, 3, 4, 3, 1, 1}, {2, 7, 3, 4, 3, 5, 1},
                        {3, 4, 2, 5, 2, 9, 1},    {2, 6, 4, 6, 3, 2, 2},   {2, 6, 5, 5, 4, 1, 5}, {1, 6, 4, 8, 1, 1, 4},
                        {4, 65, 33, 40, 2, 8, 1}, {2, 40, 24, 36, 3, 4, 3}};
  Rng rng(31);
  for (const Size& s : sizes) {
    const Conv1dOptions o{.dilation = s.dilation, .groups = s.groups};
    std::vector<Tensor> inputs{draw_values(rng, {s.batch, s.steps, s.in}),
                               draw_values(rng, {s.out, s.taps * s.in / s.groups}, -0.3, 0.3)};
    for (const bool with_bias : {false, true}) {
      if (with_bias) inputs.push_back(draw_values(rng, {s.out}));
      const auto bias = [=](Inputs in) { return with_bias ? in[2] : Tensor(); };
      expect_equal([=](Inputs in) { return conv1d(in[0], in[1], bias(in), o); },
                   [=](Inputs in) { return conv1d_composite(in[0], in[1], bias(in), o); }, inputs);
    }
  }
}

TEST(Conv1d, KnownValues) {
  const Tensor x = Tensor::of({1, 4, 1}, {1, 2, 3, 4}), w = Tensor::of({1, 2}, {10, 1});  // 10 x_{t-d} + x_t
  EXPECT_EQ(conv1d(x, w).to_vector(), (std::vector<double>{1, 12, 23, 34}));
  EXPECT_EQ(conv1d(x, w, Tensor::of({1}, {0.5}), {.dilation = 2}).to_vector(),
            (std::vector<double>{1.5, 2.5, 13.5, 24.5}));
  // Two groups: each output sees its own channel.
  const Tensor two = Tensor::of({1, 2, 2}, {1, 2, 3, 4}), each = Tensor::of({2, 1}, {10, 100});
  EXPECT_EQ(conv1d(two, each, {}, {.groups = 2}).to_vector(), (std::vector<double>{10, 200, 30, 400}));
}

// A PyTorch weight [O, C, K], converted as ops.h says: y_t = sum over c and k of p[o, c, k] x[t - (K-1-k), c].
TEST(Conv1d, TakesPyTorchWeights) {
  Rng rng(32);
  const Tensor x = draw_values(rng, {1, 3, 2}), p = draw_values(rng, {2, 2, 3});
  const Tensor y = conv1d(x, reshape(permute(p, {0, 2, 1}), {2, -1}));
  for (Index o = 0; o < 2; ++o) {
    double sum = 0;
    for (Index c = 0; c < 2; ++c)
      for (Index k = 0; k < 3; ++k) sum += p.at({o, c, k}) * x.at({0, k, c});
    EXPECT_NEAR(y.at({0, 2, o}), sum, 1e-12);
  }
}

// Step t depends on the inputs up to t alone, to the bit, and a NaN does not reach earlier steps.
TEST(Conv1d, IsCausal) {
  Rng rng(33);
  const Tensor x = draw_values(rng, {2, 9, 20}).to(DType::kFloat32), w = draw_values(rng, {30, 60}).to(DType::kFloat32);
  const Tensor before = conv1d(x, w, {}, {.dilation = 2});
  Tensor other = x.clone();
  for (Index i = 5 * 20; i < 9 * 20; ++i) other.data<float>()[i] = NAN;
  const Tensor after = conv1d(other, w, {}, {.dilation = 2});
  EXPECT_TRUE(same_bits(slice(slice(after, 0, 0, 1), 1, 0, 5), slice(slice(before, 0, 0, 1), 1, 0, 5)));
  EXPECT_TRUE(same_bits(slice(after, 0, 1, 2), slice(before, 0, 1, 2)));
}

TEST(GatedTanh, EqualsItsComposite) {
  Rng rng(34);
  for (const Shape& shape : {Shape{2}, Shape{3, 10}, Shape{2, 70, 66}}) {
    const Index n = shape[-1] / 2;
    expect_equal([](Inputs in) { return gated_tanh(in[0]); },
                 [n](Inputs in) { return tanh(slice(in[0], -1, 0, n)) * sigmoid(slice(in[0], -1, n, 2 * n)); },
                 {draw_values(rng, shape, -4, 4)});
  }
}

}  // namespace
}  // namespace headlight::tests
