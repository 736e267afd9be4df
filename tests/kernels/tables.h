// Shared by the kernel tests: the tables under test, random inputs, and error tolerances.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/isa.h"
#include "headlight/base/random.h"
#include "headlight/base/text.h"
#include "headlight/base/threads.h"
#include "kernels/kernels.h"

namespace headlight::kernels {

inline constexpr float kInf = std::numeric_limits<float>::infinity();
inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
inline constexpr double kEps = 5.9604644775390625e-08;  // 2^-24: half a unit in the last place of 1
inline constexpr float kUntouched = -77.25f;

// Sizes around multiples of the vector widths, primes, and enough to fill several runs of a blocked sum.
inline const std::vector<Index> kSizes = {0,  1,  2,  3,  4,  5,  7,  8,   9,    15,   16,
                                          17, 31, 32, 33, 63, 65, 97, 131, 1000, 4099, 9001};

// Runs every test of a suite on each table that this CPU supports, on one thread unless the test changes it.
class KernelTest : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override { set_thread_count(1); }
  void TearDown() override { set_thread_count(threads_); }
  const Table<float>& fast() const { return table(GetParam()); }
  const Table<double>& exact() const { return double_reference(); }

 private:
  int threads_ = thread_count();
};

inline std::vector<Isa> isas_under_test() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::kReference, Isa::kPortable, Isa::kAvx2, Isa::kAvx512})
    if (isa_available(isa)) isas.push_back(isa);
  return isas;
}

inline std::string isa_test_name(const testing::TestParamInfo<Isa>& info) { return isa_name(info.param); }

inline std::vector<float> random_values(Rng& rng, Index n, double scale = 1) {
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& x : values) x = static_cast<float>(rng.normal() * scale);
  return values;
}

inline std::vector<double> widen(const std::vector<float>& x) { return {x.begin(), x.end()}; }

// The distance between adjacent floats at a value.
inline double ulp(double value) {
  const double size = std::fabs(value);
  if (std::isnan(value)) return 0;
  if (size < std::numeric_limits<float>::min()) return std::numeric_limits<float>::denorm_min();
  return std::ldexp(1.0, std::ilogb(std::min(size, static_cast<double>(std::numeric_limits<float>::max()))) - 23);
}

// Whether a result is within `tolerance` of the exact one. NaN matches NaN, and infinities must be equal; an exact
// value that overflows float counts as infinite, and the largest float also matches it.
inline bool near(float value, double want, double tolerance) {
  if (std::isnan(want)) return std::isnan(value);
  if (static_cast<double>(value) == want) return true;
  const double largest = std::numeric_limits<float>::max();
  if (std::isinf(value)) return std::fabs(want) + tolerance >= largest && std::signbit(value) == std::signbit(want);
  return std::fabs(static_cast<double>(value) - want) <= tolerance;
}

// Checks that the first n elements are within tolerance(i) of the exact ones, and that those after them are unchanged.
template <class Tolerance>
void expect_near(const std::vector<float>& got, const std::vector<double>& want, Index n, const Tolerance& tolerance,
                 const std::string& what) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
    ASSERT_TRUE(near(got[i], want[i], tolerance(i))) << what << " n=" << n << " [" << i << "]: got " << got[i]
                                                     << ", exact " << want[i] << ", allowed error " << tolerance(i);
  for (std::size_t i = static_cast<std::size_t>(n); i < got.size(); ++i)
    ASSERT_EQ(got[i], kUntouched) << what << " n=" << n << " wrote past the end, at " << i;
}

// An output of n elements, followed by 16 guard elements that must stay unchanged.
inline std::vector<float> guarded(Index n) { return std::vector<float>(static_cast<std::size_t>(n) + 16, kUntouched); }

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

}  // namespace headlight::kernels
