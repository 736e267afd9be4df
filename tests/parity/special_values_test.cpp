// Compares every elementwise operation with PyTorch at zeros, denormals, infinities, NaN and large values: values and
// gradients, in both types, on every kernel set. Signs of zeros count. decided() lists the intended differences.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "ops/compare.h"
#include "parity/fixture.h"

namespace headlight::tests {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Function {
  const char* name;
  Tensor (*f)(const Tensor&);
};
const Function kUnary[] = {
    {"neg", neg},
    {"exp", exp},
    {"log", log},
    {"sqrt", sqrt},
    {"tanh", tanh},
    {"sigmoid", sigmoid},
    {"relu", relu},
    {"silu", silu},
    {"gelu_erf", [](const Tensor& x) { return gelu(x, Gelu::kErf); }},
    {"gelu_tanh", [](const Tensor& x) { return gelu(x, Gelu::kTanh); }},
    {"scale", [](const Tensor& x) { return scale(x, -0.5); }},
};
struct BinaryFunction {
  const char* name;
  Tensor (*f)(const Tensor&, const Tensor&);
};
const BinaryFunction kBinary[] = {{"add", add}, {"sub", sub}, {"mul", mul}, {"div", div}};

// The numbers of the file. All are stored as float64, also the results in float32.
class Numbers {
 public:
  explicit Numbers(DType dtype) : prefix_(dtype == DType::kFloat32 ? "f32." : "f64.") {}
  std::vector<double> operator()(const std::string& name) const { return file_.wide_numbers(prefix_ + name); }

 private:
  std::string prefix_;
  Fixture file_{"special_values"};
};

// The value that Headlight gives where it intentionally differs from PyTorch. The sign of a 0 is then not compared.
std::optional<double> decided(const std::string& what, double x, double in_pytorch) {
  // PyTorch's vectorized erf form overflows next to the largest float32; the limit for large x is x.
  if (what == "gelu_erf.y" && x >= 3e38) return x;
  // In PyTorch, x^3 overflows and is multiplied by a slope of 0, which gives NaN. The limits of dx are 0 and 1; an
  // infinite dy times 1 is infinite.
  if (what == "gelu_tanh.dx" && std::abs(x) >= 1e30) return x > 0 ? 1 : 0;
  if (what == "gelu_tanh.dx_inf" && x >= 1e30) return kInf;
  // For x = -inf the gate is 0 and PyTorch's gradient is NaN, as is the value in both libraries. The limit is 0.
  if (what == "silu.dx" && x == -kInf) return 0;
  // Slopes below about 1e-87 in size underflow, and the sign of the 0 differs between kernel sets too.
  if ((what == "gelu_erf.dx" || what == "gelu_tanh.dx") && x < 0 && in_pytorch == 0) return 0;
  return {};
}

bool near(double got, double want, DType dtype) {
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got);
  if (std::isinf(want) || want == 0) return got == want;
  return std::abs(got - want) <= (dtype == DType::kFloat32 ? 4e-6 : 1e-12) * std::abs(want);
}

void compare(const std::string& what, const Tensor& got, const std::vector<double>& want, const std::vector<double>& x,
             const std::vector<double>& y = {}) {
  const std::vector<double> have = got.to_vector();
  ASSERT_EQ(have.size(), want.size());
  for (std::size_t i = 0; i < have.size(); ++i) {
    const auto exception = decided(what, x[i], want[i]);
    const bool right = exception ? near(have[i], *exception, got.dtype())
                                 : near(have[i], want[i], got.dtype()) &&
                                       (have[i] != 0 || std::signbit(have[i]) == std::signbit(want[i]));
    EXPECT_TRUE(right) << isa_name(current_isa()) << ", " << to_text(got.dtype()) << ": " << what << " at " << x[i]
                       << (y.empty() ? "" : cat(", ", y[i])) << " is " << have[i] << ", in PyTorch " << want[i];
  }
}

TEST(SpecialValues, AreThoseOfPyTorch) {
  const EngineScope restore;
  for (const Isa isa : {Isa::kReference, Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (!isa_available(isa)) continue;
    set_isa(isa);
    for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
      const Numbers torch(dtype);
      const auto leaf = [&](const std::vector<double>& values) {
        Tensor x = Tensor::of({static_cast<Index>(values.size())}, values, dtype);
        x.set_requires_grad(true);
        return x;
      };
      const std::vector<double> xs = torch("x"), as = torch("a"), bs = torch("b");
      for (const auto& [name, f] : kUnary)
        for (const auto& [suffix, dy] : {std::pair{".dx", 1.0}, {".dx_inf", std::numeric_limits<double>::infinity()}}) {
          const Tensor x = leaf(xs);
          Tape tape;
          const Tensor y = f(x);
          tape.backward(y, Tensor::full(y.shape(), dy, dtype));
          compare(cat(name, ".y"), y, torch(cat(name, ".y")), xs);
          compare(cat(name, suffix), x.grad(), torch(cat(name, suffix)), xs);
        }
      for (const auto& [name, f] : kBinary) {
        const Tensor a = leaf(as), b = leaf(bs);
        Tape tape;
        const Tensor y = f(a, b);
        tape.backward(y, Tensor::full(y.shape(), 1, dtype));
        compare(cat(name, ".y"), y, torch(cat(name, ".y")), as, bs);
        compare(cat(name, ".da"), a.grad(), torch(cat(name, ".da")), as, bs);
        compare(cat(name, ".db"), b.grad(), torch(cat(name, ".db")), as, bs);
      }
    }
  }
}

}  // namespace
}  // namespace headlight::tests
