// Compares products of a matrix and one vector with the reference: float, bfloat16 and int8 weights, all splits of the
// rows.
#include "kernels/bf16.h"
#include "kernels/tables.h"

namespace headlight::kernels {
namespace {

class MatvecTest : public KernelTest {};
INSTANTIATE_TEST_SUITE_P(Tables, MatvecTest, testing::ValuesIn(isas_under_test()), isa_test_name);

std::vector<double> sizes_of(const std::vector<double>& v) {
  std::vector<double> s = v;
  for (double& x : s) x = std::fabs(x);
  return s;
}

// |error| <= (n + 4) u sum |w||x|, which holds for any summation order.
TEST_P(MatvecTest, MatvecIsTheProduct) {
  Rng rng(1);
  for (const Index n : kSizes)
    for (const Index rows : {0, 1, 2, 3, 5, 8})
      for (const bool with_bias : {false, true}) {
        const std::vector<float> w = random_values(rng, rows * n), x = random_values(rng, n),
                                 bias = random_values(rng, rows);
        std::vector<float> y = guarded(rows);
        fast().matvec(rows, n, w.data(), x.data(), with_bias ? bias.data() : nullptr, y.data());
        const auto exactly = [&](bool sizes) {
          std::vector<double> out(static_cast<std::size_t>(rows));
          const auto wide = [&](const std::vector<float>& v) { return sizes ? sizes_of(widen(v)) : widen(v); };
          exact().matvec(rows, n, wide(w).data(), wide(x).data(), with_bias ? wide(bias).data() : nullptr, out.data());
          return out;
        };
        const std::vector<double> size = exactly(true);
        expect_near(
            y, exactly(false), rows, [&](std::size_t r) { return (static_cast<double>(n) + 4) * kEps * size[r]; },
            cat("rows ", rows, " columns"));
        if (HasFatalFailure()) return;
      }
}

TEST_P(MatvecTest, ARowDoesNotDependOnTheOtherRows) {
  Rng rng(2);
  for (const Index n : {5, 64, 100, 384}) {
    constexpr Index kRows = 11;
    const std::vector<float> w = random_values(rng, kRows * n), x = random_values(rng, n),
                             bias = random_values(rng, kRows);
    std::vector<float> all(kRows), one(kRows);
    fast().matvec(kRows, n, w.data(), x.data(), bias.data(), all.data());
    for (Index r = 0; r < kRows; ++r) fast().matvec(1, n, w.data() + r * n, x.data(), bias.data() + r, one.data() + r);
    EXPECT_TRUE(same_bits(all, one)) << n;
  }
}

TEST_P(MatvecTest, Int8IsTheProductOfTheScaledIntegers) {
  Rng rng(3);
  for (const Index n : {1, 7, 8, 9, 63, 64, 65, 71, 128, 200, 1536})
    for (const Index rows : {0, 1, 2, 5}) {
      const Index groups = (n + kInt8Group - 1) / kInt8Group, stride = groups * kInt8Group;
      std::vector<std::int8_t> w(static_cast<std::size_t>(rows * stride), 0);
      for (Index r = 0; r < rows; ++r)
        for (Index i = 0; i < n; ++i)
          w[static_cast<std::size_t>(r * stride + i)] = static_cast<std::int8_t>(rng.below(255) - 127);
      const std::vector<float> scales = random_values(rng, rows * groups), x = random_values(rng, n),
                               bias = random_values(rng, rows);
      std::vector<float> y = guarded(rows);
      fast().matvec_int8(rows, n, w.data(), scales.data(), x.data(), bias.data(), y.data());
      std::vector<double> want, size;
      for (Index r = 0; r < rows; ++r) {
        double sum = static_cast<double>(bias[static_cast<std::size_t>(r)]), all = std::fabs(sum);
        for (Index i = 0; i < n; ++i) {
          const double term = static_cast<double>(scales[static_cast<std::size_t>(r * groups + i / kInt8Group)]) *
                              w[static_cast<std::size_t>(r * stride + i)] *
                              static_cast<double>(x[static_cast<std::size_t>(i)]);
          sum += term;
          all += std::fabs(term);
        }
        want.push_back(sum);
        size.push_back(all);
      }
      expect_near(
          y, want, rows, [&](std::size_t r) { return (static_cast<double>(n) + 8) * kEps * size[r]; },
          cat("int8, columns ", n));
      std::vector<double> double_y(static_cast<std::size_t>(rows));
      exact().matvec_int8(rows, n, w.data(), widen(scales).data(), widen(x).data(), widen(bias).data(),
                          double_y.data());
      for (std::size_t r = 0; r < double_y.size(); ++r) ASSERT_NEAR(double_y[r], want[r], 1e-12 * size[r]);
      if (HasFatalFailure()) return;
    }
}

TEST_P(MatvecTest, Bf16IsTheProductOfTheRoundedWeights) {
  Rng rng(6);
  for (const Index n : kSizes)
    for (const Index rows : {0, 1, 2, 5}) {
      std::vector<std::uint16_t> bits;
      std::vector<float> w = random_values(rng, rows * n);
      for (float& v : w) bits.push_back(to_bf16(v)), v = from_bf16(bits.back());
      const std::vector<float> x = random_values(rng, n), bias = random_values(rng, rows);
      std::vector<float> y = guarded(rows);
      fast().matvec_bf16(rows, n, bits.data(), x.data(), rows == 2 ? nullptr : bias.data(), y.data());
      std::vector<double> want(static_cast<std::size_t>(rows)), size(want), zero(want);
      const auto wide_bias = rows == 2 ? zero : widen(bias);
      exact().matvec(rows, n, widen(w).data(), widen(x).data(), wide_bias.data(), want.data());
      exact().matvec(rows, n, sizes_of(widen(w)).data(), sizes_of(widen(x)).data(), sizes_of(wide_bias).data(),
                     size.data());
      expect_near(
          y, want, rows, [&](std::size_t r) { return (static_cast<double>(n) + 4) * kEps * size[r]; },
          cat("bf16, columns ", n));
      if (HasFatalFailure()) return;
    }
}

// Columns beyond n and rows beyond the requested ones are NaN, so that any read of them shows.
TEST_P(MatvecTest, VecmatIsTheProduct) {
  Rng rng(4);
  for (const Index m : {0, 1, 2, 33, 256})
    for (const Index n : {0, 1, 3, 7, 8, 9, 31, 32, 40, 63, 64, 65, 100, 135})
      for (const Index pad : {0, 3}) {
        const Index ld = n + pad;
        std::vector<float> a(static_cast<std::size_t>(m * ld), kNaN);
        for (Index i = 0; i < m; ++i)
          for (Index j = 0; j < n; ++j) a[static_cast<std::size_t>(i * ld + j)] = static_cast<float>(rng.normal());
        const std::vector<float> x = random_values(rng, m);
        std::vector<float> y = guarded(n);
        fast().vecmat(m, n, x.data(), a.data(), ld, y.data());
        std::vector<double> want(static_cast<std::size_t>(n)), size(static_cast<std::size_t>(n));
        exact().vecmat(m, n, widen(x).data(), widen(a).data(), ld, want.data());
        exact().vecmat(m, n, sizes_of(widen(x)).data(), sizes_of(widen(a)).data(), ld, size.data());
        for (Index j = 0; j < n && m > 0; ++j) {
          double sum = 0;
          for (Index i = 0; i < m; ++i)
            sum += static_cast<double>(x[static_cast<std::size_t>(i)]) *
                   static_cast<double>(a[static_cast<std::size_t>(i * ld + j)]);
          ASSERT_NEAR(want[static_cast<std::size_t>(j)], sum, 1e-12 * (1 + size[static_cast<std::size_t>(j)]));
        }
        expect_near(
            y, want, n, [&](std::size_t j) { return (static_cast<double>(m) + 4) * kEps * size[j]; },
            cat("vecmat m ", m, " pad ", pad));
        if (HasFatalFailure()) return;
      }
}

// A column's result does not depend on its position.
TEST_P(MatvecTest, VecmatColumnsDoNotDependOnTheirPlace) {
  Rng rng(5);
  constexpr Index kRows = 50, kColumns = 111;
  const std::vector<float> a = random_values(rng, kRows * kColumns), x = random_values(rng, kRows);
  std::vector<float> all(kColumns), one(kColumns);
  fast().vecmat(kRows, kColumns, x.data(), a.data(), kColumns, all.data());
  for (Index j = 0; j < kColumns; ++j) fast().vecmat(kRows, 1, x.data(), a.data() + j, kColumns, one.data() + j);
  EXPECT_TRUE(same_bits(all, one));
}

TEST_P(MatvecTest, NaNStaysInItsRow) {
  std::vector<float> w(5 * 70, 1.0f), x(70, 1.0f), y(5);
  w[2 * 70 + 69] = kNaN;
  fast().matvec(5, 70, w.data(), x.data(), nullptr, y.data());
  for (std::size_t r = 0; r < 5; ++r) EXPECT_EQ(std::isnan(y[r]), r == 2) << r;
}

}  // namespace
}  // namespace headlight::kernels
