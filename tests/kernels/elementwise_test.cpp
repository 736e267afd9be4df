// Compares the elementwise kernels of every table with exact results and the reference.
#include <complex>

#include "kernels/tables.h"

namespace headlight::kernels {
namespace {

constexpr Unary kUnaries[] = {Unary::kNeg,     Unary::kExp,  Unary::kLog,      Unary::kSqrt,    Unary::kTanh,
                              Unary::kSigmoid, Unary::kRelu, Unary::kGeluTanh, Unary::kGeluErf, Unary::kSilu};
static_assert(std::size(kUnaries) == kUnaryCount);
constexpr const char* kNames[] = {"neg",     "exp",  "log",       "sqrt",     "tanh",
                                  "sigmoid", "relu", "gelu_tanh", "gelu_erf", "silu"};
const char* name(Unary op) { return kNames[static_cast<int>(op)]; }

class ElementwiseTest : public KernelTest {};
INSTANTIATE_TEST_SUITE_P(Tables, ElementwiseTest, testing::ValuesIn(isas_under_test()), isa_test_name);

// The error bounds of each function in ulp, as stated in simd/math.h.
double allowed_ulps(Unary op, double x) {
  switch (op) {
    case Unary::kNeg:
    case Unary::kRelu:
      return 0;
    case Unary::kSqrt:
      return 0.5;
    case Unary::kExp:
      return 1.2;
    case Unary::kLog:
      return 1;
    case Unary::kTanh:
      return 1.5;
    case Unary::kSigmoid:
      return 2.5;
    case Unary::kSilu:
      return 3;
    case Unary::kGeluTanh:
      return x > -1 ? 3 : 6 + 0.4 * std::fabs(x * x * x);
    case Unary::kGeluErf:
      return x > -1 ? 8 : 8 + 0.5 * x * x;
  }
  return 0;
}

// Absolute errors below this value do not count: such results are denormal or below e^-88.
constexpr double kTiny = 3e-38;
double absolute_slack(Unary op, double x) {
  switch (op) {
    case Unary::kSigmoid:
      return kTiny;
    case Unary::kSilu:
    case Unary::kGeluTanh:
    case Unary::kGeluErf:
      return kTiny * (1 + std::fabs(x));
    default:
      return 0;
  }
}

// Every 1009th float of both signs, from the smallest denormal to infinity.
TEST_P(ElementwiseTest, UnaryAccuracyOverTheWholeRange) {
  std::vector<float> x;
  for (std::uint32_t bits = 0; bits <= 0x7f800000u; bits += 1009) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    x.push_back(value);
    x.push_back(-value);
  }
  const Index n = static_cast<Index>(x.size());
  std::vector<float> y(x.size());
  const std::vector<double> wide = widen(x);
  std::vector<double> want(x.size());
  for (const Unary op : kUnaries) {
    fast().unary(op, n, x.data(), y.data());
    exact().unary(op, n, wide.data(), want.data());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double tolerance = allowed_ulps(op, wide[i]) * ulp(want[i]) + absolute_slack(op, wide[i]);
      // In double, 1 + tanh and 1 + erf cancel to multiples of 2^-53, so the reference itself has this error.
      const double reference_error = op == Unary::kGeluTanh || op == Unary::kGeluErf ? 2.3e-16 * std::fabs(wide[i]) : 0;
      ASSERT_TRUE(near(y[i], want[i], tolerance + reference_error))
          << name(op) << "(" << x[i] << "): got " << y[i] << ", exact " << want[i] << ", "
          << std::fabs(static_cast<double>(y[i]) - want[i]) / ulp(want[i]) << " ulp";
    }
  }
}

TEST_P(ElementwiseTest, UnarySpecialValues) {
  const auto at = [&](Unary op, float x) {
    float y = kUntouched;
    fast().unary(op, 1, &x, &y);
    return y;
  };
  for (const Unary op : kUnaries) EXPECT_TRUE(std::isnan(at(op, kNaN))) << name(op);
  EXPECT_EQ(at(Unary::kExp, kInf), kInf);
  EXPECT_EQ(at(Unary::kExp, -kInf), 0.0f);
  EXPECT_EQ(at(Unary::kExp, 0.0f), 1.0f);
  EXPECT_EQ(at(Unary::kExp, 89.0f), kInf);
  EXPECT_EQ(at(Unary::kExp, -104.0f), 0.0f);
  EXPECT_GT(at(Unary::kExp, -103.0f), 0.0f);  // a denormal
  EXPECT_EQ(at(Unary::kLog, kInf), kInf);
  EXPECT_EQ(at(Unary::kLog, 1.0f), 0.0f);
  EXPECT_EQ(at(Unary::kLog, 0.0f), -kInf);
  EXPECT_EQ(at(Unary::kLog, -0.0f), -kInf);
  EXPECT_TRUE(std::isnan(at(Unary::kLog, -1e-30f)));
  EXPECT_TRUE(std::isnan(at(Unary::kLog, -kInf)));
  EXPECT_TRUE(std::isnan(at(Unary::kSqrt, -1.0f)));
  EXPECT_EQ(at(Unary::kTanh, kInf), 1.0f);
  EXPECT_EQ(at(Unary::kTanh, -kInf), -1.0f);
  EXPECT_EQ(at(Unary::kTanh, 1e-30f), 1e-30f);
  EXPECT_EQ(at(Unary::kSigmoid, 0.0f), 0.5f);
  EXPECT_EQ(at(Unary::kSigmoid, kInf), 1.0f);
  EXPECT_EQ(at(Unary::kSigmoid, -kInf), 0.0f);
  EXPECT_EQ(at(Unary::kRelu, -kInf), 0.0f);
  EXPECT_EQ(at(Unary::kGeluTanh, 100.0f), 100.0f);
  EXPECT_EQ(at(Unary::kGeluErf, 100.0f), 100.0f);
  EXPECT_EQ(at(Unary::kGeluTanh, -1e30f), 0.0f);
  EXPECT_EQ(at(Unary::kGeluErf, -1e30f), 0.0f);
}

// A result does not depend on the element's position in the row, nor on computing in place.
TEST_P(ElementwiseTest, UnaryDoesNotDependOnThePlace) {
  Rng rng(2);
  const std::vector<float> x = random_values(rng, 41, 3);
  for (const Unary op : kUnaries) {
    std::vector<float> row(x.size()), alone(x.size()), in_place = x;
    fast().unary(op, static_cast<Index>(x.size()), x.data(), row.data());
    for (std::size_t i = 0; i < x.size(); ++i) fast().unary(op, 1, &x[i], &alone[i]);
    fast().unary(op, static_cast<Index>(x.size()), in_place.data(), in_place.data());
    EXPECT_TRUE(same_bits(row, alone)) << name(op);
    EXPECT_TRUE(same_bits(row, in_place)) << name(op);
  }
}

TEST_P(ElementwiseTest, UnaryBackward) {
  Rng rng(4);
  for (const Unary op : kUnaries)
    for (const Index n : kSizes) {
      std::vector<float> x = random_values(rng, n, 3), y(x.size());
      if (op == Unary::kLog || op == Unary::kSqrt)
        for (float& v : x) v = std::fabs(v) + 0.01f;
      const std::vector<float> dy = random_values(rng, n);
      fast().unary(op, n, x.data(), y.data());
      std::vector<float> dx = guarded(n);
      fast().unary_backward(op, n, x.data(), y.data(), dy.data(), dx.data());
      std::vector<double> want(x.size());
      const auto wide_x = widen(x), wide_y = widen(y), wide_dy = widen(dy);
      exact().unary_backward(op, n, wide_x.data(), wide_y.data(), wide_dy.data(), want.data());
      // 1 - y^2 and y (1 - y) cancel, so the error is relative to dy, not to the result.
      expect_near(
          dx, want, n, [&](std::size_t i) { return 8 * kEps * (std::fabs(want[i]) + std::fabs(wide_dy[i])); },
          name(op));
      if (HasFatalFailure()) return;
      std::vector<float> in_place = dy;
      fast().unary_backward(op, n, x.data(), y.data(), in_place.data(), in_place.data());
      dx.resize(static_cast<std::size_t>(n));
      EXPECT_TRUE(same_bits(dx, in_place)) << name(op);
    }
}

TEST_P(ElementwiseTest, ActivationDerivativesFarOut) {
  for (const Unary op : {Unary::kGeluTanh, Unary::kGeluErf, Unary::kSilu})
    for (const float x : {-1e30f, -1e10f, -200.0f, -50.0f, 50.0f, 200.0f, 1e10f, 1e30f}) {
      const float one = 1;
      float dx = kNaN;
      fast().unary_backward(op, 1, &x, &x, &one, &dx);
      EXPECT_NEAR(dx, x > 0 ? 1 : 0, 1e-6) << name(op) << " at " << x;
    }
}

TEST_P(ElementwiseTest, ActivationsWithTheirSlopes) {
  Rng rng(9);
  const float one = 1;
  for (const Unary op : {Unary::kGeluTanh, Unary::kGeluErf, Unary::kSilu})
    for (const Index n : kSizes) {
      std::vector<float> x = random_values(rng, n, 4);
      for (const float far : {-1e30f, -200.0f, -40.0f, -13.5f, 50.0f, 1e30f})
        if (n > 20) x[static_cast<std::size_t>(rng.below(n))] = far;
      std::vector<float> y = guarded(n), slope = guarded(n), want(x.size()), derivative(x.size());
      fast().unary(op, n, x.data(), want.data());
      for (std::size_t i = 0; i < x.size(); ++i) fast().unary_backward(op, 1, &x[i], &x[i], &one, &derivative[i]);
      fast().unary_with_slope(op, n, x.data(), y.data(), slope.data());
      for (std::size_t i = x.size(); i < y.size(); ++i) ASSERT_TRUE(y[i] == kUntouched && slope[i] == kUntouched);
      y.resize(x.size());
      slope.resize(x.size());
      EXPECT_TRUE(same_bits(y, want)) << name(op);
      EXPECT_TRUE(same_bits(slope, derivative)) << name(op);
      std::vector<float> in_place = x;
      fast().unary_with_slope(op, n, in_place.data(), in_place.data(), slope.data());
      EXPECT_TRUE(same_bits(in_place, want)) << name(op);
      EXPECT_TRUE(same_bits(slope, derivative)) << name(op);
    }
}

TEST_P(ElementwiseTest, Arithmetic) {
  Rng rng(5);
  for (const Index n : kSizes) {
    const std::vector<float> a = random_values(rng, n), b = random_values(rng, n);
    const auto wide_a = widen(a), wide_b = widen(b);
    std::vector<double> want(a.size());
    const auto rounded_once = [&](std::size_t i) { return 0.5 * ulp(want[i]); };
    for (const Binary op : {Binary::kAdd, Binary::kSub, Binary::kMul, Binary::kDiv})
      for (const int steps : {0, 1, 2, 3}) {
        if (n == 0 && steps != 3) continue;
        const Index a_step = steps & 1, b_step = steps >> 1;
        std::vector<float> y = guarded(n);
        fast().binary(op, n, a.data(), a_step, b.data(), b_step, y.data());
        exact().binary(op, n, wide_a.data(), a_step, wide_b.data(), b_step, want.data());
        expect_near(y, want, n, rounded_once, cat("binary ", static_cast<int>(op), " steps ", steps));
      }
    std::vector<float> y = guarded(n);
    fast().scale(n, 0.3f, a.data(), y.data());
    for (std::size_t i = 0; i < a.size(); ++i) want[i] = static_cast<double>(0.3f) * wide_a[i];
    expect_near(y, want, n, rounded_once, "scale");

    std::copy(b.begin(), b.end(), y.begin());
    fast().accumulate(n, a.data(), y.data());
    for (std::size_t i = 0; i < a.size(); ++i) want[i] = wide_a[i] + wide_b[i];
    expect_near(y, want, n, rounded_once, "accumulate");

    std::copy(b.begin(), b.end(), y.begin());
    fast().multiply_add(n, 0.3f, a.data(), y.data());
    for (std::size_t i = 0; i < a.size(); ++i) want[i] = wide_b[i] + static_cast<double>(0.3f) * wide_a[i];
    expect_near(
        y, want, n, [&](std::size_t i) { return kEps * (std::fabs(want[i]) + std::fabs(wide_a[i])); }, "multiply_add");
    if (HasFatalFailure()) return;
  }
}

// The mask must equal the reference's exactly, without a tolerance.
TEST_P(ElementwiseTest, DropoutMakesTheSameMask) {
  Rng rng(6);
  for (const Index n : kSizes)
    for (const std::uint32_t threshold : {0u, 1u, 1677721u, 8388608u, 16777215u, 16777216u, 0xffffffffu})
      for (const Index first : {Index{0}, Index{5}, Index{1} << 40}) {
        const std::uint64_t key = rng.next();
        const std::vector<float> x = random_values(rng, n);
        std::vector<float> y = guarded(n), want = guarded(n);
        fast().dropout(n, key, first, threshold, 1.25f, x.data(), y.data());
        float_reference().dropout(n, key, first, threshold, 1.25f, x.data(), want.data());
        ASSERT_TRUE(same_bits(y, want)) << "n " << n << " threshold " << threshold << " first " << first;
      }
}

TEST_P(ElementwiseTest, DropoutContinuesWhereACallEnded) {
  Rng rng(7);
  const std::vector<float> x = random_values(rng, 100);
  std::vector<float> whole(100), pieces(100);
  fast().dropout(100, 9, 0, 8388608, 2, x.data(), whole.data());
  fast().dropout(37, 9, 0, 8388608, 2, x.data(), pieces.data());
  fast().dropout(63, 9, 37, 8388608, 2, x.data() + 37, pieces.data() + 37);
  EXPECT_TRUE(same_bits(whole, pieces));
}

TEST_P(ElementwiseTest, AdamWStep) {
  Rng rng(8);
  const AdamW steps[] = {{1e-3, 0.9, 0.95, 1e-8, 0.1, 1 - 0.9, 1 - 0.95, 1},
                         {3e-4, 0.9, 0.999, 1e-8, 0, 1 - std::pow(0.9, 100), 1 - std::pow(0.999, 100), 0.25}};
  for (const AdamW& step : steps)
    for (const Index n : kSizes) {
      const std::vector<float> gradient = random_values(rng, n, 0.1);
      std::vector<float> p = guarded(n), m = guarded(n), v = guarded(n);
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
        p[i] = static_cast<float>(rng.normal());
        m[i] = static_cast<float>(0.1 * rng.normal());
        v[i] = static_cast<float>(0.01 * rng.uniform());
      }
      auto wide_g = widen(gradient), wide_p = widen(p), wide_m = widen(m), wide_v = widen(v);
      const auto old_p = wide_p, old_m = wide_m;
      fast().adamw(step, n, gradient.data(), p.data(), m.data(), v.data());
      exact().adamw(step, n, wide_g.data(), wide_p.data(), wide_m.data(), wide_v.data());
      expect_near(
          m, wide_m, n, [&](std::size_t i) { return 3 * kEps * (std::fabs(old_m[i]) + std::fabs(wide_g[i])); }, "m");
      expect_near(
          v, wide_v, n, [&](std::size_t i) { return 8 * kEps * wide_v[i]; }, "v");
      // One rounding of the parameter, plus a few ulp of the step.
      expect_near(
          p, wide_p, n,
          [&](std::size_t i) {
            return kEps * std::fabs(wide_p[i]) + 40 * kEps * std::fabs(old_p[i] - wide_p[i]) + 1e-9;
          },
          "parameter");
      if (HasFatalFailure()) return;
    }
}

TEST_P(ElementwiseTest, NesterovMomentum) {
  Rng rng(9);
  for (const Index n : kSizes) {
    const std::vector<float> gradient = random_values(rng, n, 1);
    std::vector<float> m = guarded(n), u = guarded(n);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) m[i] = static_cast<float>(rng.normal());
    auto wide_g = widen(gradient), wide_m = widen(m), wide_u = widen(u);
    const auto old_m = wide_m;
    const float keep = 0.9f, take = 0.125f;
    fast().nesterov(n, keep, take, gradient.data(), m.data(), u.data());
    exact().nesterov(n, static_cast<double>(keep), static_cast<double>(take), wide_g.data(), wide_m.data(),
                     wide_u.data());
    const auto bound = [&](std::size_t i) { return 4 * kEps * (std::fabs(old_m[i]) + std::fabs(wide_g[i])); };
    expect_near(m, wide_m, n, bound, "m");
    expect_near(u, wide_u, n, bound, "u");
    if (HasFatalFailure()) return;
  }
}

// Rotating multiplies low + i high by e^(i sign angle). The bits equal those of the reference.
TEST_P(ElementwiseTest, RotatesPairsOfEveryHead) {
  Rng rng(10);
  for (const Index half : {1, 4, 12, 16, 19})
    for (const float sign : {1.0f, -1.0f}) {
      const Index heads = 3, n = 2 * half * heads;
      std::vector<float> x = random_values(rng, n, 1), y = guarded(n), angle = random_values(rng, half, 1);
      std::vector<float> cosine(static_cast<std::size_t>(half)), sine(cosine.size());
      for (std::size_t i = 0; i < cosine.size(); ++i) cosine[i] = std::cos(angle[i]), sine[i] = std::sin(angle[i]);
      fast().rotate(heads, half, sign, cosine.data(), sine.data(), x.data(), y.data());
      for (Index h = 0; h < heads; ++h)
        for (Index i = 0; i < half; ++i) {
          const auto low = static_cast<std::size_t>(2 * half * h + i), high = low + static_cast<std::size_t>(half);
          const std::complex<float> before(x[low], x[high]);
          const auto rotated = before * std::polar(1.0f, sign * angle[static_cast<std::size_t>(i)]);
          ASSERT_NEAR(y[low], rotated.real(), 1e-5) << half << ", head " << h << ", element " << i;
          ASSERT_NEAR(y[high], rotated.imag(), 1e-5) << half << ", head " << h << ", element " << i;
        }
      for (std::size_t i = x.size(); i < y.size(); ++i) ASSERT_EQ(y[i], kUntouched);
      std::vector<float> plain(x.size());
      float_reference().rotate(heads, half, sign, cosine.data(), sine.data(), x.data(), plain.data());
      for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i], plain[i]) << "reference, " << i;
      fast().rotate(heads, half, sign, cosine.data(), sine.data(), x.data(), x.data());
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) ASSERT_EQ(x[i], y[i]) << "in place, " << i;
    }
}

// Copies a part of a matrix into a part of another matrix, whose other elements must not change.
TEST_P(ElementwiseTest, Transpose) {
  for (const Index rows : {0, 1, 3, 8, 16, 24, 33})
    for (const Index cols : {0, 1, 5, 16, 40}) {
      const Index ldx = cols + 3, ldy = rows + 2;
      std::vector<float> x(static_cast<std::size_t>(rows * ldx + 1)), y(static_cast<std::size_t>(cols * ldy + 1), -1);
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
      fast().transpose(rows, cols, x.data(), ldx, y.data(), ldy);
      for (Index j = 0; j < cols; ++j)
        for (Index i = 0; i < ldy; ++i)
          ASSERT_EQ(y[static_cast<std::size_t>(j * ldy + i)], i < rows ? x[static_cast<std::size_t>(i * ldx + j)] : -1)
              << rows << " x " << cols << ", element " << i << ", " << j;
      ASSERT_EQ(y.back(), -1);
    }
}

}  // namespace
}  // namespace headlight::kernels
