// Products of bfloat16 operands: rounding, and every table bit for bit against the reference.
#include <ostream>

#include "kernels/bf16.h"
#include "kernels/gemm_problem.h"

namespace headlight::kernels {
namespace {

float float_of(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
std::uint32_t bits_of(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

TEST(Bf16, RoundsToNearestEven) {
  const std::pair<std::uint32_t, std::uint16_t>
      cases[] =
          {
              {0x3f800000, 0x3f80},  // 1
              {0x3f808000, 0x3f80},  // a tie: down to even
              {0x3f818000, 0x3f82},  // a tie: up to even
              {0x3f808001, 0x3f81}, {0x3f807fff, 0x3f80}, {0xbf808001, 0xbf81},
              {0x3fffffff, 0x4000},                        // carries into the exponent
              {0x7f7f7fff, 0x7f7f}, {0x7f7f8000, 0x7f80},  // the largest, infinity
              {0x7f800000, 0x7f80}, {0xff800000, 0xff80}, {0x7f800001, 0x7fc0},
              {0xffc12345, 0xffc1},  // NaN stays NaN
              {0x00000000, 0x0000}, {0x80000000, 0x8000}, {0x00800000, 0x0080},
              {0x007fffff, 0x0000}, {0x807fffff, 0x8000}, {0x00000001, 0x0000},  // denormal: zero
          };
  for (const auto& [bits, rounded] : cases) EXPECT_EQ(to_bf16(float_of(bits)), rounded) << std::hex << bits;
  Rng rng(1);
  for (int i = 0; i < 100'000; ++i) {
    const float x = static_cast<float>(rng.normal() * std::exp(10 * rng.normal()));
    const std::uint16_t near = to_bf16(x);
    const double error = std::fabs(static_cast<double>(from_bf16(near)) - static_cast<double>(x));
    for (const int other : {near - 1, near + 1})
      ASSERT_LE(error,
                std::fabs(static_cast<double>(from_bf16(static_cast<std::uint16_t>(other))) - static_cast<double>(x)))
          << x;
    ASSERT_LE(error, std::fabs(static_cast<double>(x)) / 256);
  }
}

struct Kernel {
  std::string name;
  Product product;
  bool fused;    // rounds C + alpha sum once
  bool flushes;  // sums smaller than 2^-126 become 0
  friend std::ostream& operator<<(std::ostream& out, const Kernel& kernel) { return out << kernel.name; }
};
std::vector<Kernel> kernels_under_test() {
  std::vector<Kernel> kernels;
  for (const Isa isa : {Isa::kReference, Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Bf16})
    if (isa_available(isa))
      kernels.push_back({isa_name(isa), table(isa).gemm_bf16, isa != Isa::kPortable,
                         isa == Isa::kReference || isa == Isa::kAvx512Bf16});
  return kernels;
}

class GemmBf16Test : public testing::TestWithParam<Kernel> {
 protected:
  void SetUp() override { set_thread_count(1); }
  void TearDown() override { set_thread_count(threads_); }

  void expect_reference(const Case& s) const {
    const Problem problem(s);
    const std::vector<float> got = problem.run(GetParam().product), want = problem.run(float_reference().gemm_bf16);
    if (GetParam().fused || s.alpha == 1) {
      ASSERT_TRUE(same_bits(got, want)) << text(s);
      return;
    }
    const std::vector<double> sizes = problem.run_exact(true);
    problem.each_c([&](std::size_t at) {
      ASSERT_TRUE(near(got[at], static_cast<double>(want[at]), 4 * kEps * sizes[at])) << text(s) << " [" << at << "]";
    });
  }

 private:
  int threads_ = thread_count();
};
INSTANTIATE_TEST_SUITE_P(Kernels, GemmBf16Test, testing::ValuesIn(kernels_under_test()),
                         [](const auto& test) { return test.param.name; });

TEST_P(GemmBf16Test, HasTheBitsOfTheReference) {
  const Index sizes[] = {1, 2, 3, 5, 6, 8, 9, 13, 16, 17, 25, 33};
  for (const Index m : sizes)
    for (const Index n : sizes)
      for (const Index k : {1, 2, 7, 32, 35})
        for (const int trans : {0, 1, 2, 3}) {
          expect_reference({m, n, k, (trans & 1) != 0, (trans & 2) != 0, 1, k == 7, k % 3});
          if (HasFatalFailure()) return;
        }
  // Several blocks of rows, columns and k; odd k; with C, a bias and an addend added.
  const Index large[][3] = {{701, 35, 19}, {13, 2100, 7}, {19, 35, 1601}, {97, 131, 300}, {7, 33, 385}, {31, 64, 768}};
  for (const auto& size : large)
    for (const int trans : {0, 1, 2, 3})
      for (const float alpha : {1.0f, -0.37f}) {
        Case s{size[0], size[1], size[2], (trans & 1) != 0, (trans & 2) != 0, alpha, size[0] % 3 == 0, size[2] % 4};
        s.inner = size[0] < 20 ? 2 : 1, s.repeat_b = trans == 1;
        s.bias = alpha == 1 && trans > 0, s.addend = trans % 2 == 0;
        expect_reference(s);
        if (HasFatalFailure()) return;
      }
  for (const bool accumulate : {false, true})
    expect_reference({.m = 5, .n = 6, .k = 0, .accumulate = accumulate, .pad = 1, .bias = true});
}

// The error is within the bound of bf16.h, and as large as the rounding of the operands makes it.
TEST_P(GemmBf16Test, ErrorIsThatOfRoundedOperands) {
  for (const Index k : {3, 100, 2000}) {
    const Problem problem({40, 40, k, k == 3, k == 2000});
    const std::vector<float> got = problem.run(GetParam().product);
    const std::vector<double> want = problem.run_exact(false), sizes = problem.run_exact(true);
    double error = 0, square = 0;
    problem.each_c([&](std::size_t at) {
      const double difference = static_cast<double>(got[at]) - want[at];
      const double u = 1.0 / 256;
      ASSERT_LE(std::fabs(difference), (2 * u + u * u + static_cast<double>(k + 4) * kEps) * sizes[at]);
      error += difference * difference;
      square += want[at] * want[at];
    });
    EXPECT_NEAR(std::sqrt(error / square), 0.0024, 0.0003) << k;
  }
}

TEST_P(GemmBf16Test, InfinityNaNAndDenormalNumbers) {
  for (const float special : {kInf, -kInf, kNaN, float_of(0x7f800001), 3.4e38f, 1e-40f, -1e-45f})
    for (const int trans : {0, 1, 2, 3})
      for (const bool in_a : {false, true}) {
        Problem problem({9, 37, 45, (trans & 1) != 0, (trans & 2) != 0});
        std::vector<float>& x = in_a ? problem.a : problem.b;
        x[x.size() / 2] = x[x.size() - 1] = x[3] = special;
        const std::vector<float> got = problem.run(GetParam().product), want = problem.run(float_reference().gemm_bf16);
        for (std::size_t i = 0; i < got.size(); ++i)
          ASSERT_TRUE(bits_of(got[i]) == bits_of(want[i]) || (std::isnan(got[i]) && std::isnan(want[i])))
              << special << " trans " << trans << " [" << i << "]: " << got[i] << ", reference " << want[i];
      }
  // A denormal operand counts as 0, even if its product would not be small.
  Problem tiny({1, 17, 1});
  tiny.a[0] = 1e-39f;
  for (float& x : tiny.b) x = 1e38f;
  for (const float x : tiny.run(GetParam().product)) EXPECT_EQ(x, 0);
  // A sum below 2^-126.
  Problem problem({2, 20, 4});
  for (float& x : problem.a) x = 1e-20f;
  for (float& x : problem.b) x = 1e-19f;
  for (const float x : problem.run(GetParam().product)) EXPECT_EQ(x == 0, GetParam().flushes) << x;
}

TEST_P(GemmBf16Test, SameBitsForEveryNumberOfThreads) {
  const Case cases[] = {{768, 65, 128, false, true},
                        {97, 131, 300},
                        {131, 500, 65, true, false},
                        {64, 64, 32, false, true, 1, true, 0, 3, 5},
                        // threads divide blocks of k (simd/gemm_threads.h)
                        {128, 40, 768, true},
                        {.m = 65, .n = 33, .k = 1901, .trans_a = true, .pad = 1, .bias = true},
                        {.m = 97, .n = 131, .k = 500, .trans_b = true, .pad = 1, .bias = true, .addend = true}};
  for (const Case& s : cases) {
    const Problem problem(s);
    set_thread_count(1);
    const std::vector<float> one = problem.run(GetParam().product);
    for (const int threads : {2, 3, 7}) {
      set_thread_count(threads);
      EXPECT_TRUE(same_bits(one, problem.run(GetParam().product))) << text(s) << " with " << threads << " threads";
    }
  }
}

TEST(Bf16, OnlyTheTableWithInstructionsIsFast) {
  for (const Isa isa : isas_under_test()) EXPECT_FALSE(table(isa).fast_bf16) << isa_name(isa);
  if (isa_available(Isa::kAvx512Bf16)) {
    EXPECT_TRUE(table(Isa::kAvx512Bf16).fast_bf16);
  }
}

}  // namespace
}  // namespace headlight::kernels
