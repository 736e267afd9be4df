// Compares the matrix product of every table with exact results, for sizes and strides that reach every code path.
#include <utility>

#include "kernels/gemm_problem.h"

namespace headlight::kernels {
namespace {

// |error| <= (k + 4) u sum |a||b| with u = 2^-24: holds for any summation order, and includes the roundings of alpha
// and C.
void expect_right(const Table<float>& t, const Case& s) {
  const Problem problem(s);
  const std::vector<float> got = problem.run(t);
  const std::vector<double> want = problem.run_exact(false), sizes = problem.run_exact(true);
  std::vector<char> inside(got.size(), 0);
  problem.each_c([&](std::size_t at) { inside[at] = 1; });
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!inside[i]) {
      ASSERT_EQ(got[i], kUntouched) << text(s) << ": wrote outside C, at " << i;
      continue;
    }
    const double bound = (static_cast<double>(s.k) + 4) * kEps * sizes[i];
    ASSERT_TRUE(near(got[i], want[i], bound))
        << text(s) << " [" << i << "]: got " << got[i] << ", exact " << want[i] << ", allowed error " << bound;
  }
}

class GemmTest : public KernelTest {};
INSTANTIATE_TEST_SUITE_P(Tables, GemmTest, testing::ValuesIn(isas_under_test()), isa_test_name);

TEST_P(GemmTest, AllSmallSizes) {
  // All tile heights, widths of one and two vectors, and partial tiles in both directions.
  const Index sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 17, 24, 25};
  for (const Index m : sizes)
    for (const Index n : sizes)
      for (const Index k : {1, 3, 8, 9})
        for (const int trans : {0, 1, 2, 3}) {
          expect_right(fast(), {m, n, k, (trans & 1) != 0, (trans & 2) != 0});
          if (HasFatalFailure()) return;
        }
}

TEST_P(GemmTest, AwkwardSizes) {
  const Index sizes[][3] = {{63, 65, 64}, {65, 63, 97}, {97, 131, 131}, {131, 97, 9},   {1, 131, 97},
                            {131, 1, 97}, {7, 7, 1031}, {9, 33, 517},   {145, 17, 257}, {289, 50, 70}};
  for (const auto& size : sizes)
    for (const int trans : {0, 1, 2, 3})
      for (const float alpha : {1.0f, -0.37f})
        for (const bool accumulate : {false, true})
          for (const Index pad : {0, 5}) {
            expect_right(fast(),
                         {size[0], size[1], size[2], (trans & 1) != 0, (trans & 2) != 0, alpha, accumulate, pad});
            if (HasFatalFailure()) return;
          }
}

TEST_P(GemmTest, SizesBeyondEveryBlock) {
  // More than one block of rows, columns or k in turn; the other two sizes stay small.
  for (const int trans : {0, 1, 2, 3}) {
    const bool a = (trans & 1) != 0, b = (trans & 2) != 0;
    expect_right(fast(), {701, 35, 19, a, b, 1, true, 3});
    expect_right(fast(), {13, 4500, 7, a, b, 1, false, 1});
    expect_right(fast(), {19, 35, 1601, a, b, 0.5f, false, 2});
    expect_right(fast(), {401, 130, 300, a, b});
    if (HasFatalFailure()) return;
  }
}

TEST_P(GemmTest, Batches) {
  for (const int trans : {0, 1, 2, 3})
    for (const bool accumulate : {false, true}) {
      const bool a = (trans & 1) != 0, b = (trans & 2) != 0;
      expect_right(fast(), {17, 16, 9, a, b, 2, accumulate, 1, 3, 2});
      expect_right(fast(), {64, 64, 32, a, b, 1, accumulate, 0, 2, 4});
      expect_right(fast(), {9, 10, 11, a, b, 1, accumulate, 2, 2, 3, true, false});
      expect_right(fast(), {9, 10, 11, a, b, 1, accumulate, 2, 2, 3, false, true});
      expect_right(fast(), {70, 33, 40, a, b, 1, accumulate, 2, 1, 3, true, true});
      if (HasFatalFailure()) return;
    }
}

TEST_P(GemmTest, HeadsInsidePackedRows) {
  // Attention reads q, k and v in place from [B, T, 3 H D]; each head is a block of D columns.
  constexpr Index kB = 2, kT = 17, kH = 3, kD = 8, kRow = 3 * kH * kD;
  Rng rng(3);
  const std::vector<float> qkv = random_values(rng, kB * kT * kRow);
  std::vector<float> scores(kB * kH * kT * kT, kNaN);
  Gemm<float> g;
  g.m = kT, g.n = kT, g.k = kD, g.trans_b = true;
  g.a = qkv.data(), g.lda = kRow, g.a_outer = kT * kRow, g.a_inner = kD;
  g.b = qkv.data() + kH * kD, g.ldb = kRow, g.b_outer = kT * kRow, g.b_inner = kD;
  g.c = scores.data(), g.ldc = kT, g.c_outer = kH * kT * kT, g.c_inner = kT * kT;
  g.batch_outer = kB, g.batch_inner = kH;
  fast().gemm(g);
  for (Index b = 0; b < kB; ++b)
    for (Index h = 0; h < kH; ++h)
      for (Index i = 0; i < kT; ++i)
        for (Index j = 0; j < kT; ++j) {
          double want = 0;
          for (Index d = 0; d < kD; ++d)
            want += static_cast<double>(qkv[static_cast<std::size_t>((b * kT + i) * kRow + h * kD + d)]) *
                    static_cast<double>(qkv[static_cast<std::size_t>((b * kT + j) * kRow + (kH + h) * kD + d)]);
          ASSERT_NEAR(scores[static_cast<std::size_t>(((b * kH + h) * kT + i) * kT + j)], want, 1e-5);
        }
}

TEST_P(GemmTest, BiasIsAddedToEveryRowOnce) {
  Case s{.m = 0, .n = 0, .k = 0, .bias = true};
  for (const Index n : {1, 7, 8, 9, 16, 17, 40, 300})
    for (const auto& [m, k] : {std::pair<Index, Index>{5, 3}, {70, 33}, {13, 900}, {4, 0}})  // 900: several blocks of k
      for (const int trans : {0, 1, 2, 3})
        for (const bool accumulate : {false, true}) {
          s.m = m, s.n = n, s.k = k, s.trans_a = (trans & 1) != 0, s.trans_b = (trans & 2) != 0;
          s.accumulate = accumulate;
          expect_right(fast(), s);
          if (HasFatalFailure()) return;
        }
}

TEST_P(GemmTest, AddendIsAddedOnceAtTheEndWithTheBitsOfTwoSteps) {
  for (const Index n : {1, 16, 17, 40})
    for (const auto& [m, k] : {std::pair<Index, Index>{5, 3}, {29, 33}, {7, 900}, {4, 0}})  // 900: several blocks of k
      for (const int trans : {0, 1, 2, 3})
        for (const bool accumulate : {false, true})
          for (const float alpha : {1.0f, 0.5f}) {
            Case s{.m = m, .n = n, .k = k, .alpha = alpha, .accumulate = accumulate, .pad = n % 2, .addend = true};
            s.inner = 2, s.bias = alpha == 1 && n > 9;
            s.trans_a = (trans & 1) != 0, s.trans_b = (trans & 2) != 0;
            expect_right(fast(), s);
            if (HasFatalFailure()) return;
            Problem problem(s);
            const std::vector<float> together = problem.run(fast());
            problem.g.addend = nullptr;
            std::vector<float> want = problem.run(fast());
            problem.each_c([&](std::size_t at) { want[at] = problem.addend[at] + want[at]; });
            problem.each_c([&](std::size_t at) { ASSERT_EQ(together[at], want[at]) << text(s) << " [" << at << "]"; });
            if (HasFatalFailure()) return;
          }
}

TEST_P(GemmTest, EmptyProducts) {
  for (const bool accumulate : {false, true}) {
    expect_right(fast(), {5, 6, 0, false, false, 1, accumulate, 1});  // 0, or C unchanged
    expect_right(fast(), {0, 6, 4, false, false, 1, accumulate});
    expect_right(fast(), {5, 0, 4, false, true, 1, accumulate});
    expect_right(fast(), {5, 6, 4, false, false, 1, accumulate, 0, 0, 3});
  }
}

TEST_P(GemmTest, InfinityAndNaNSpreadToTheirRowsAndColumnsOnly) {
  set_thread_count(2);
  for (const float special : {kInf, -kInf, kNaN})
    for (const int trans : {0, 1, 2, 3}) {
      Problem problem({23, 37, 600, (trans & 1) != 0, (trans & 2) != 0});
      problem.a[trans & 1 ? static_cast<std::size_t>(290 * problem.g.lda + 20)
                          : static_cast<std::size_t>(20 * problem.g.lda + 290)] = special;
      problem.b[trans & 2 ? static_cast<std::size_t>(36 * problem.g.ldb + 3)
                          : static_cast<std::size_t>(3 * problem.g.ldb + 36)] = special;
      const std::vector<float> got = problem.run(fast());
      const std::vector<double> want = problem.run_exact(false);
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_TRUE(near(got[i], want[i], 1e-3)) << i << " trans " << trans;
    }
}

// Reproducible training needs bit-identical results for any number of threads.
TEST_P(GemmTest, SameBitsForEveryNumberOfThreads) {
  const Case cases[] = {{768, 65, 128, false, true},
                        {97, 131, 300},
                        {131, 1000, 65, true, false},
                        {1031, 40, 64, true, true},
                        {40, 1031, 640},
                        {64, 64, 32, false, true, 1, true, 0, 3, 5},
                        {300, 200, 600, true, false, 0.5f, true, 3},
                        {.m = 97, .n = 400, .k = 500, .bias = true},
                        // threads divide blocks of k (simd/gemm_threads.h): 2, 4, 5 and 11 blocks
                        {128, 40, 768, true},
                        {192, 64, 1024, true, false, 1, true, 3},
                        {.m = 65, .n = 33, .k = 1900, .trans_a = true, .pad = 1, .bias = true},
                        {31, 50, 4100, true},
                        {80, 90, 100, false, false, 1, false, 0, 1, 3},
                        {.m = 97, .n = 131, .k = 500, .trans_b = true, .pad = 1, .bias = true, .addend = true},
                        {.m = 40, .n = 90, .k = 200, .accumulate = true, .outer = 3, .addend = true}};
  for (const Case& s : cases) {
    const Problem problem(s);
    set_thread_count(1);
    const std::vector<float> one = problem.run(fast());
    for (const int threads : {2, 3, 4, 7}) {
      set_thread_count(threads);
      EXPECT_TRUE(same_bits(one, problem.run(fast()))) << text(s) << " with " << threads << " threads";
    }
  }
}

TEST_P(GemmTest, BlocksOfKSharedAmongThreads) {
  set_thread_count(2);
  for (const Index k : {385, 769, 1024, 1900, 4100})
    for (const bool accumulate : {false, true})
      for (const bool bias : {false, true}) {
        Case s{.m = 37, .n = 70, .k = k, .trans_a = true, .accumulate = accumulate, .pad = 2, .bias = bias};
        expect_right(fast(), s);
        if (HasFatalFailure()) return;
      }
}

}  // namespace
}  // namespace headlight::kernels
