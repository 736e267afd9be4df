// Compares the gate kernels of every table with the reference.
#include "kernels/tables.h"

namespace headlight::kernels {
namespace {

class RecurrentTest : public KernelTest {};
INSTANTIATE_TEST_SUITE_P(Tables, RecurrentTest, testing::ValuesIn(isas_under_test()), isa_test_name);

const auto kTolerance = [](std::size_t) { return 64 * kEps; };

// n numbers followed by a guard, in the layout of guarded().
std::vector<float> guarded_copy(const std::vector<float>& x) {
  std::vector<float> y = guarded(static_cast<Index>(x.size()));
  std::copy(x.begin(), x.end(), y.begin());
  return y;
}

// Numbers between 0 and 1, the range of gates.
std::vector<float> random_gates(Rng& rng, Index n) {
  std::vector<float> gates = random_values(rng, n);
  for (float& x : gates) x = 1 / (1 + std::exp(-x));
  return gates;
}

TEST_P(RecurrentTest, Lstm) {
  Rng rng(1);
  for (const Index n : kSizes) {
    const std::vector<float> sums = random_values(rng, 4 * n, 3), bias = random_values(rng, 4 * n),
                             before = random_values(rng, n);
    std::vector<float> gates = guarded_copy(sums), c = guarded(n), tanh_c = guarded(n), h = guarded(n);
    std::vector<double> want_gates = widen(sums), want_c(before.size()), want_tanh = want_c, want_h = want_c;
    fast().lstm_gates(n, bias.data(), before.data(), gates.data(), c.data(), tanh_c.data(), h.data());
    exact().lstm_gates(n, widen(bias).data(), widen(before).data(), want_gates.data(), want_c.data(), want_tanh.data(),
                       want_h.data());
    expect_near(gates, want_gates, 4 * n, kTolerance, "gates");
    expect_near(c, want_c, n, kTolerance, "c");
    expect_near(tanh_c, want_tanh, n, kTolerance, "tanh_c");
    expect_near(h, want_h, n, kTolerance, "h");
    if (HasFailure()) return;

    const std::vector<float> open = random_gates(rng, 4 * n), dy = random_values(rng, n), dh = random_values(rng, n),
                             dc = random_values(rng, n), output = random_gates(rng, n);
    std::vector<float> dc_before = guarded_copy(dc), dgates = guarded(4 * n);
    std::vector<double> want_dc = widen(dc), want_dgates(open.size());
    fast().lstm_gates_backward(n, open.data(), before.data(), output.data(), dy.data(), dh.data(), dc_before.data(),
                               dgates.data());
    exact().lstm_gates_backward(n, widen(open).data(), widen(before).data(), widen(output).data(), widen(dy).data(),
                                widen(dh).data(), want_dc.data(), want_dgates.data());
    expect_near(dc_before, want_dc, n, kTolerance, "dc");
    expect_near(dgates, want_dgates, 4 * n, kTolerance, "dgates");
    if (HasFailure()) return;
  }
}

TEST_P(RecurrentTest, Gru) {
  Rng rng(2);
  for (const Index n : kSizes) {
    const std::vector<float> product = random_values(rng, 4 * n, 3), bias = random_values(rng, 3 * n),
                             x = random_values(rng, 3 * n), before = random_values(rng, n);
    std::vector<float> gates = guarded_copy(product), h = guarded(n);
    std::vector<double> want_gates = widen(product), want_h(before.size());
    fast().gru_gates(n, x.data(), bias.data(), before.data(), gates.data(), h.data());
    exact().gru_gates(n, widen(x).data(), widen(bias).data(), widen(before).data(), want_gates.data(), want_h.data());
    expect_near(gates, want_gates, 4 * n, kTolerance, "gates");
    expect_near(h, want_h, n, kTolerance, "h");
    if (HasFailure()) return;

    const std::vector<float> open = random_gates(rng, 4 * n), dy = random_values(rng, n), dh = random_values(rng, n);
    std::vector<float> dh_before = guarded_copy(dh), dx = guarded(3 * n), dproduct = guarded(3 * n);
    std::vector<double> want_dh = widen(dh), want_dx(x.size()), want_dproduct(x.size());
    fast().gru_gates_backward(n, open.data(), before.data(), dy.data(), dh_before.data(), dx.data(), dproduct.data());
    exact().gru_gates_backward(n, widen(open).data(), widen(before).data(), widen(dy).data(), want_dh.data(),
                               want_dx.data(), want_dproduct.data());
    expect_near(dh_before, want_dh, n, kTolerance, "dh");
    expect_near(dx, want_dx, 3 * n, kTolerance, "dx");
    expect_near(dproduct, want_dproduct, 3 * n, kTolerance, "dproduct");
    if (HasFailure()) return;
  }
}

// Far from 0 the gates are 0 or 1, never NaN.
TEST_P(RecurrentTest, FarValuesAreFinite) {
  for (const float far : {-1e30f, -200.0f, 200.0f, 1e30f}) {
    const std::vector<float> zeros(8);
    std::vector<float> gates(8, far), c(2), tanh_c(2), h(2);
    fast().lstm_gates(2, zeros.data(), zeros.data(), gates.data(), c.data(), tanh_c.data(), h.data());
    const float open = far > 0 ? 1.0f : 0.0f;
    EXPECT_NEAR(gates[0], open, 1e-30f);
    EXPECT_NEAR(c[1], open, 1e-30f);
    EXPECT_NEAR(h[1], open * std::tanh(1.0f), 1e-6f);
    gates.assign(8, far);
    fast().gru_gates(2, zeros.data(), zeros.data(), zeros.data(), gates.data(), h.data());
    EXPECT_NEAR(h[0], 0, 1e-30f) << "z is 1, or r and n are 0";
  }
}

}  // namespace
}  // namespace headlight::kernels
