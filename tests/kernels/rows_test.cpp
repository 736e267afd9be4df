// Compares reductions, softmax, log-softmax, cross-entropy and the norms of every table with the reference.
#include "kernels/tables.h"

namespace headlight::kernels {
namespace {

class RowsTest : public KernelTest {};
INSTANTIATE_TEST_SUITE_P(Tables, RowsTest, testing::ValuesIn(isas_under_test()), isa_test_name);

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// ---- reductions ----

TEST_P(RowsTest, SumAxis) {
  Rng rng(1);
  const Index shapes[][3] = {{3, 0, 5}, {1, 1, 1},  {2, 7, 1},   {5, 131, 1}, {1, 9001, 1}, {0, 4, 3},
                             {3, 5, 0}, {2, 65, 7}, {1, 200, 9}, {3, 97, 33}, {1, 63, 131}, {2, 3, 8}};
  for (const auto& s : shapes) {
    const std::vector<float> x = random_values(rng, s[0] * s[1] * s[2]);
    const auto wide = widen(x);
    std::vector<double> sizes = wide;
    for (double& v : sizes) v = std::fabs(v);
    const Index n = s[0] * s[2];
    std::vector<float> y = guarded(n);
    std::vector<double> want(at(n)), bound(at(n));
    fast().sum_axis(s[0], s[1], s[2], x.data(), y.data());
    exact().sum_axis(s[0], s[1], s[2], wide.data(), want.data());
    exact().sum_axis(s[0], s[1], s[2], sizes.data(), bound.data());
    // Runs have at most 256 sequential additions for any n, and their rounding errors partly cancel.
    expect_near(
        y, want, n, [&](std::size_t i) { return 20 * kEps * bound[i]; }, cat("sum_axis of ", s[1]));
  }
}

TEST_P(RowsTest, LongSumsStayAccurate) {
  // A sequential float sum of a million times 0.1 would be wrong in the third digit.
  const Index n = 1000000;
  const std::vector<float> x(at(n), 0.1f);
  float y = 0;
  fast().sum_axis(1, n, 1, x.data(), &y);
  EXPECT_NEAR(y, 100000.0015, 0.5);
  std::vector<float> columns(2);
  fast().sum_axis(1, n / 2, 2, x.data(), columns.data());
  EXPECT_NEAR(columns[0], 50000.00075, 2);
  EXPECT_EQ(columns[0], columns[1]);
}

TEST_P(RowsTest, MaxAxis) {
  Rng rng(2);
  const Index shapes[][3] = {{1, 1, 1}, {3, 7, 1},  {2, 131, 1}, {1, 4099, 1},
                             {2, 5, 9}, {3, 33, 8}, {2, 2, 131}, {0, 3, 3}};
  for (const auto& s : shapes)
    for (int repeat = 0; repeat < 8; ++repeat) {
      std::vector<float> x = random_values(rng, s[0] * s[1] * s[2]);
      // Few distinct values, so that ties are common; then infinities and NaN.
      for (float& v : x) {
        v = std::round(v * 2);
        if (repeat == 5 && rng.below(3) == 0) v = -kInf;
        if (repeat == 6 && rng.below(9) == 0) v = kNaN;
        if (repeat == 7) v = -kInf;
      }
      const Index n = s[0] * s[2];
      std::vector<float> y = guarded(n), want = guarded(n);
      std::vector<std::int32_t> where(at(n) + 16, -5), want_where = where;
      fast().max_axis(s[0], s[1], s[2], x.data(), y.data(), where.data());
      float_reference().max_axis(s[0], s[1], s[2], x.data(), want.data(), want_where.data());
      EXPECT_EQ(where, want_where) << s[0] << " " << s[1] << " " << s[2] << " repeat " << repeat;
      expect_near(
          y, widen(want), n, [](std::size_t) { return 0.0; }, "max_axis");
    }
}

TEST_P(RowsTest, SumSquaresInDouble) {
  Rng rng(3);
  for (const Index n : kSizes) {
    const std::vector<float> x = random_values(rng, n);
    const auto wide = widen(x);
    const double want = exact().sum_squares(n, wide.data());
    EXPECT_NEAR(fast().sum_squares(n, x.data()), want, 1e-13 * want) << n;
  }
  const std::vector<float> big(100, 1e30f);  // the sum of squares overflows in float
  EXPECT_NEAR(fast().sum_squares(100, big.data()) / 1e62, 1, 1e-6);
}

// ---- softmax ----

TEST_P(RowsTest, Softmax) {
  Rng rng(4);
  for (const Index n : kSizes)
    for (const bool masked : {false, true})
      for (const double scale : {1.0, 30.0}) {
        const std::vector<float> x = random_values(rng, n, scale);
        std::vector<float> mask(x.size(), 1);
        if (masked)
          for (float& m : mask) m = rng.below(3) == 0 ? 0.0f : 1.0f;
        const auto wide = widen(x), wide_mask = widen(mask);
        std::vector<float> y = guarded(n);
        std::vector<double> want(x.size());
        fast().softmax_row(n, x.data(), masked ? mask.data() : nullptr, y.data());
        exact().softmax_row(n, wide.data(), masked ? wide_mask.data() : nullptr, want.data());
        // exp turns the absolute rounding error of x - largest into a relative one.
        expect_near(
            y, want, n, [&](std::size_t i) { return (12 + 8 * scale) * kEps * want[i] + 2e-45; }, "softmax");
        std::vector<float> in_place = x;
        fast().softmax_row(n, in_place.data(), masked ? mask.data() : nullptr, in_place.data());
        y.resize(x.size());
        EXPECT_TRUE(same_bits(y, in_place));
        if (HasFatalFailure()) return;
      }
}

TEST_P(RowsTest, SoftmaxSpecialRows) {
  const auto softmax = [&](const std::vector<float>& x, const std::vector<float>& mask) {
    std::vector<float> y(x.size(), kUntouched);
    fast().softmax_row(static_cast<Index>(x.size()), x.data(), mask.empty() ? nullptr : mask.data(), y.data());
    return y;
  };
  for (const Index n : {1, 3, 9, 20}) {
    // All elements masked: zeros for any x.
    for (const float x : {1.0f, -kInf, kInf, kNaN})
      EXPECT_EQ(softmax(std::vector<float>(at(n), x), std::vector<float>(at(n), 0)), std::vector<float>(at(n), 0)) << x;
    // One element left: its result is 1 for any masked values.
    for (const float x : {1e30f, kInf, -kInf, kNaN}) {
      std::vector<float> row(at(n), x), mask(at(n), 0), want(at(n), 0);
      row.back() = -3, mask.back() = 1, want.back() = 1;
      EXPECT_EQ(softmax(row, mask), want) << x << " n " << n;
    }
    // Only -inf, masked or not: zeros too.
    for (const bool masked : {false, true}) {
      std::vector<float> mask(masked ? at(n) : 0, 1);
      if (masked) mask[0] = 0;
      EXPECT_EQ(softmax(std::vector<float>(at(n), -kInf), mask), std::vector<float>(at(n), 0)) << n;
    }
    // -inf gives 0; one NaN makes the whole row NaN.
    std::vector<float> row(at(n) + 1, -kInf), want(at(n) + 1, 0);
    row[0] = 5, want[0] = 1;
    EXPECT_EQ(softmax(row, {}), want);
    row.back() = kNaN;
    for (const float y : softmax(row, {})) EXPECT_TRUE(std::isnan(y));
  }
  // Values for which exp would overflow.
  const std::vector<float> y = softmax({1000, 1000, -1000}, {});
  EXPECT_EQ(y, (std::vector<float>{0.5f, 0.5f, 0}));
}

TEST_P(RowsTest, SoftmaxBackward) {
  Rng rng(5);
  for (const Index n : kSizes) {
    std::vector<float> y = random_values(rng, n);
    fast().softmax_row(n, y.data(), nullptr, y.data());
    const std::vector<float> dy = random_values(rng, n);
    std::vector<float> dx = guarded(n);
    std::vector<double> want(y.size());
    const auto wide_y = widen(y), wide_dy = widen(dy);
    fast().softmax_backward_row(n, y.data(), nullptr, dy.data(), dx.data());
    exact().softmax_backward_row(n, wide_y.data(), nullptr, wide_dy.data(), want.data());
    expect_near(
        dx, want, n, [&](std::size_t i) { return 10 * kEps * wide_y[i] * (1 + std::fabs(wide_dy[i])); },
        "softmax_backward");
    std::vector<float> in_place = dy;
    fast().softmax_backward_row(n, y.data(), nullptr, in_place.data(), in_place.data());
    dx.resize(y.size());
    EXPECT_TRUE(same_bits(dx, in_place));
  }
}

// Masked elements get 0 and add nothing to the sum for any dy; the other results equal those of a row without them.
TEST_P(RowsTest, SoftmaxBackwardLeavesMaskedElementsOut) {
  Rng rng(10);
  for (const Index n : {1, 3, 9, 20, 131})
    for (const float bad : {kInf, -kInf, kNaN, 2.0f}) {
      const std::vector<float> dy = random_values(rng, n);
      std::vector<float> y = random_values(rng, n), mask(at(n), 1), dy_bad = dy, y_zero = y;
      for (Index i = 0; i < n; i += 2) mask[at(i)] = 0, dy_bad[at(i)] = bad, y_zero[at(i)] = 0;
      std::vector<float> dx = guarded(n), want = guarded(n);
      fast().softmax_backward_row(n, y.data(), mask.data(), dy_bad.data(), dx.data());
      fast().softmax_backward_row(n, y_zero.data(), nullptr, dy.data(), want.data());
      expect_near(
          dx, widen(want), n, [](std::size_t) { return 0.0; }, "softmax_backward");
    }
}

TEST_P(RowsTest, LogSoftmaxAndLogSumExp) {
  Rng rng(6);
  for (const Index n : kSizes)
    for (const float shift : {0.0f, 1000.0f, -1e6f}) {
      std::vector<float> x = random_values(rng, n, 4);
      for (float& v : x) v += shift;
      const auto wide = widen(x);
      std::vector<float> y = guarded(n);
      std::vector<double> want(x.size());
      fast().log_softmax_row(n, x.data(), y.data());
      exact().log_softmax_row(n, wide.data(), want.data());
      expect_near(
          y, want, n, [&](std::size_t i) { return 6 * kEps * (10 + std::fabs(want[i])); }, "log_softmax");
      if (n == 0) continue;
      const LogSumExp<double> want_lse = exact().logsumexp_row(n, wide.data());
      const LogSumExp<float> lse = fast().logsumexp_row(n, x.data());
      EXPECT_EQ(static_cast<double>(lse.largest), want_lse.largest);
      EXPECT_NEAR(lse.log_sum, want_lse.log_sum, 20 * kEps);

      const std::vector<float> dy = random_values(rng, n);
      y.resize(x.size());
      const auto wide_y = widen(y), wide_dy = widen(dy);
      std::vector<float> dx = guarded(n);
      fast().log_softmax_backward_row(n, y.data(), dy.data(), dx.data());
      exact().log_softmax_backward_row(n, wide_y.data(), wide_dy.data(), want.data());
      double total = 0;
      for (const double d : wide_dy) total += std::fabs(d);
      expect_near(
          dx, want, n,
          [&](std::size_t i) { return kEps * (2 * std::fabs(wide_dy[i]) + 20 * total * std::exp(wide_y[i])); },
          "log_softmax_backward");
    }
}

TEST_P(RowsTest, LogSumExpSpecialRows) {
  for (const Index n : {1, 8, 11}) {
    std::vector<float> x(at(n), -kInf);
    const auto lse = [&] {
      const auto [largest, log_sum] = fast().logsumexp_row(n, x.data());
      return largest + log_sum;
    };
    EXPECT_EQ(lse(), -kInf);
    x[at(n - 1)] = 2;
    EXPECT_EQ(lse(), 2);
    x[0] = kInf;
    EXPECT_EQ(lse(), kInf);
    x[at(n / 2)] = kNaN;
    EXPECT_TRUE(std::isnan(lse()));
  }
}

TEST_P(RowsTest, CrossEntropyBackward) {
  Rng rng(7);
  for (const Index n : kSizes)
    for (const float shift : {0.0f, 1e4f, -1e6f}) {
      if (n == 0) continue;
      std::vector<float> x = random_values(rng, n, 3);
      for (float& v : x) v += shift;
      const auto wide = widen(x);
      const LogSumExp<double> lse = exact().logsumexp_row(n, wide.data());
      for (const Index target : {Index{0}, n / 2, n - 1}) {
        std::vector<float> dx = guarded(n);
        std::vector<double> want(x.size());
        fast().cross_entropy_backward_row(n, x.data(), fast().logsumexp_row(n, x.data()), target, 0.125f, dx.data());
        exact().cross_entropy_backward_row(n, wide.data(), lse, target, 0.125, want.data());
        // The differences are rounded before exp; at the target, subtracting 1 cancels.
        expect_near(
            dx, want, n,
            [&](std::size_t i) {
              const double p = std::exp(wide[i] - lse.largest - lse.log_sum);
              return 0.125 * kEps * (40 * p + (static_cast<Index>(i) == target ? 1.0 : 0.0));
            },
            "cross_entropy_backward");
      }
    }
}

// ---- norms ----

struct NormInput {
  std::vector<float> x, gamma, beta, dy;
  NormInput(Rng& rng, Index rows, Index n, float mean)
      : x(random_values(rng, rows * n, 2)),
        gamma(random_values(rng, n)),
        beta(random_values(rng, n)),
        dy(random_values(rng, rows * n)) {
    for (float& v : x) v += mean;
  }
};

TEST_P(RowsTest, LayerNorm) {
  Rng rng(8);
  for (const Index rows : {0, 1, 3})
    for (const Index n : kSizes)
      for (const float mean : {0.0f, 100.0f}) {
        if (n == 0) continue;
        const NormInput in(rng, rows, n, mean);
        const auto x = widen(in.x), gamma = widen(in.gamma), beta = widen(in.beta), dy = widen(in.dy);
        std::vector<float> y = guarded(rows * n), average = guarded(rows), rstd = guarded(rows);
        std::vector<double> want(x.size()), want_average(at(rows)), want_rstd(at(rows));
        fast().layer_norm(rows, n, in.x.data(), in.gamma.data(), in.beta.data(), 1e-5f, y.data(), average.data(),
                          rstd.data());
        exact().layer_norm(rows, n, x.data(), gamma.data(), beta.data(), static_cast<double>(1e-5f), want.data(),
                           want_average.data(), want_rstd.data());
        // The mean's error is a few ulp of the values, and division by the standard deviation scales it. (With n = 1,
        // x - mean is only this rounding error.)
        const double shift = 8 * kEps * (2 + static_cast<double>(mean));
        expect_near(
            average, want_average, rows, [&](std::size_t) { return shift; }, "mean");
        expect_near(
            rstd, want_rstd, rows, [&](std::size_t i) { return want_rstd[i] * (16 * kEps + shift * want_rstd[i]); },
            "rstd");
        const auto tolerance = [&](std::size_t i) {
          const std::size_t row = i / at(n), col = i % at(n);
          return 8 * kEps * (std::fabs(want[i]) + std::fabs(beta[col])) +
                 std::fabs(gamma[col]) * want_rstd[row] * shift * (1 + 2 * std::fabs(want[i]));
        };
        expect_near(y, want, rows * n, tolerance, "layer_norm");
        if (HasFatalFailure()) return;

        average.resize(at(rows)), rstd.resize(at(rows));
        const auto wide_average = widen(average), wide_rstd = widen(rstd);
        std::vector<float> dx = guarded(rows * n), dgamma = guarded(n), dbeta = guarded(n);
        std::fill_n(dgamma.begin(), n, 0.5f), std::fill_n(dbeta.begin(), n, -0.5f);
        std::vector<double> want_dgamma(at(n), 0.5), want_dbeta(at(n), -0.5);
        fast().layer_norm_backward(rows, n, in.x.data(), in.gamma.data(), average.data(), rstd.data(), in.dy.data(),
                                   dx.data(), dgamma.data(), dbeta.data());
        exact().layer_norm_backward(rows, n, x.data(), gamma.data(), wide_average.data(), wide_rstd.data(), dy.data(),
                                    want.data(), want_dgamma.data(), want_dbeta.data());
        const auto scale = [&](std::size_t row) { return wide_rstd[row] * 60 * kEps; };
        expect_near(
            dx, want, rows * n, [&](std::size_t i) { return scale(i / at(n)) * (1 + std::fabs(want[i])); }, "dx");
        expect_near(
            dgamma, want_dgamma, n, [&](std::size_t) { return 100 * kEps; }, "dgamma");
        expect_near(
            dbeta, want_dbeta, n, [&](std::size_t) { return 20 * kEps; }, "dbeta");
        if (HasFatalFailure()) return;
      }
}

TEST_P(RowsTest, RmsNorm) {
  Rng rng(9);
  for (const Index rows : {0, 1, 3})
    for (const Index n : kSizes) {
      if (n == 0) continue;
      const NormInput in(rng, rows, n, 0.5f);
      const auto x = widen(in.x), gamma = widen(in.gamma), dy = widen(in.dy);
      std::vector<float> y = guarded(rows * n), rstd = guarded(rows);
      std::vector<double> want(x.size()), want_rstd(at(rows));
      fast().rms_norm(rows, n, in.x.data(), in.gamma.data(), 1e-6f, y.data(), rstd.data());
      exact().rms_norm(rows, n, x.data(), gamma.data(), static_cast<double>(1e-6f), want.data(), want_rstd.data());
      expect_near(
          rstd, want_rstd, rows, [&](std::size_t i) { return 8 * kEps * want_rstd[i]; }, "rstd");
      expect_near(
          y, want, rows * n, [&](std::size_t i) { return 12 * kEps * std::fabs(want[i]); }, "rms_norm");

      rstd.resize(at(rows));
      const auto wide_rstd = widen(rstd);
      std::vector<float> dx = guarded(rows * n), dgamma = guarded(n);
      std::fill_n(dgamma.begin(), n, 0.5f);
      std::vector<double> want_dgamma(at(n), 0.5);
      fast().rms_norm_backward(rows, n, in.x.data(), in.gamma.data(), rstd.data(), in.dy.data(), dx.data(),
                               dgamma.data());
      exact().rms_norm_backward(rows, n, x.data(), gamma.data(), wide_rstd.data(), dy.data(), want.data(),
                                want_dgamma.data());
      expect_near(
          dx, want, rows * n,
          [&](std::size_t i) { return wide_rstd[i / at(n)] * 60 * kEps * (1 + std::fabs(want[i])); }, "dx");
      expect_near(
          dgamma, want_dgamma, n, [&](std::size_t) { return 100 * kEps; }, "dgamma");
      if (HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace headlight::kernels
