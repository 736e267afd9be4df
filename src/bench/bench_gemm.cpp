// Times matrix products on the shapes of small transformers.
#include <algorithm>

#include "base/clock.h"
#include "bench/bench.h"
#include "headlight/tensor/pool.h"
#include "kernels/kernels.h"

namespace headlight {

namespace {

constexpr GemmShape kShapes[] = {
    {768, 384, 128, false, true},   {768, 128, 128, false, true},   {768, 512, 128, false, true},
    {768, 128, 512, false, true},   {768, 65, 128, false, true},    {768, 128, 384, false, false},
    {384, 128, 768, true, false},   {512, 128, 768, true, false},   {128, 512, 768, true, false},
    {64, 64, 32, false, true},      {64, 32, 64, false, false},     {1024, 192, 64, false, true},
    {1024, 256, 64, false, true},   {256, 64, 1024, true, false},   {4096, 1152, 384, false, true},
    {4096, 1536, 384, false, true}, {4096, 384, 1536, false, true}, {1536, 384, 4096, true, false},
    {256, 256, 64, false, true},    {256, 64, 256, false, false},   {1024, 1024, 1024, false, false},
};

PoolVector<float> some_numbers(Index count) {
  PoolVector<float> numbers(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i % 17) * 0.01f;
  return numbers;
}

}  // namespace

std::span<const GemmShape> gemm_shapes() { return kShapes; }

std::vector<GemmTime> bench_gemm(double budget, Precision precision) {
  const kernels::Table<float>& table = kernels::active<float>();
  const auto multiply = precision == Precision::kBf16 ? table.gemm_bf16 : table.gemm;
  std::vector<GemmTime> times;
  for (const GemmShape& s : kShapes) {
    const PoolVector<float> a = some_numbers(s.m * s.k), b = some_numbers(s.k * s.n);
    PoolVector<float> c = some_numbers(s.m * s.n);
    kernels::Gemm<float> g;
    g.m = s.m, g.n = s.n, g.k = s.k;
    g.a = a.data(), g.lda = s.trans_a ? s.m : s.k, g.trans_a = s.trans_a;
    g.b = b.data(), g.ldb = s.trans_b ? s.k : s.n, g.trans_b = s.trans_b;
    g.c = c.data(), g.ldc = s.n;
    const auto run = [&](Index count) {
      const double begin = monotonic_seconds();
      for (Index i = 0; i < count; ++i) multiply(g);
      return (monotonic_seconds() - begin) / static_cast<double>(count);
    };
    // Each repetition takes about 0.5 ms or more, so that clock resolution and thread wake-up are negligible.
    const Index repeats = std::max<Index>(1, static_cast<Index>(5e7 / s.flops()));
    GemmTime time{s, run(1)};
    const double begin = monotonic_seconds();
    for (int repetition = 0; repetition < 3 || monotonic_seconds() - begin < budget / std::size(kShapes); ++repetition)
      time.seconds = std::min(time.seconds, run(repeats));
    times.push_back(time);
  }
  return times;
}

}  // namespace headlight
