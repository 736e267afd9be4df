// Tests of the benchmarks: FLOP and byte counts equal counts made by hand, and times are plausible.
#include "bench/bench.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/isa.h"
#include "headlight/base/threads.h"
#include "tensor/sanitized.h"

namespace headlight {
namespace {

RunConfig small() {
  RunConfig c;
  c.layers = 2;
  c.heads = 2;
  c.width = 8;
  c.context = 6;
  c.batch = 3;
  return c;
}

// Counted by hand: 3 C^2 (q, k, v) + C^2 (output) + 2 C F per block, C V for the output layer, and attention.
TEST(Bench, StepFlopsAreTheUsualCount) {
  RunConfig c = small();
  const double tokens = 18, block = 3 * 64 + 64 + 2 * 8 * 32, attention = 6.0 * 2 * 6 * 8;
  EXPECT_DOUBLE_EQ(step_flops(c, 11), tokens * (6 * (2 * block + 8 * 11) + attention));
  c.hidden = 0;
  EXPECT_DOUBLE_EQ(step_flops(c, 11), tokens * (6 * (2 * 256 + 8 * 11) + attention));
}

TEST(Bench, AStepIsMeasuredAndTakenApart) {
  const StepBench b = bench_step(small(), 11, 0.01);
  EXPECT_GE(b.steps, 5);
  EXPECT_GT(b.best_seconds, 0);
  EXPECT_GE(b.seconds, b.best_seconds);
  EXPECT_EQ(b.tokens, 18);
  EXPECT_EQ(b.flops, step_flops(small(), 11));
  EXPECT_GT(b.pool_peak_bytes, 0);
  if (!tests::kAddressSanitizer) {
    EXPECT_EQ(b.system_allocations, 0);
  }
  const auto calls = [&](const std::string& operation, const std::string& phase) {
    Index count = 0;
    for (const OperationTime& t : b.operations)
      if (t.operation == operation && t.phase == phase) count += t.calls;
    return count;
  };
  for (const char* phase : {"forward", "backward"}) {
    EXPECT_EQ(calls("linear", phase), 9) << "four a block, and the output";
    EXPECT_EQ(calls("attention_packed", phase), 2);
    EXPECT_EQ(calls("cross_entropy", phase), 1);
  }
  EXPECT_EQ(calls("optimizer", "other"), 1);
  EXPECT_TRUE(std::is_sorted(b.operations.begin(), b.operations.end(),
                             [](const OperationTime& x, const OperationTime& y) { return x.seconds > y.seconds; }));
  const Json trace = parse_json(b.trace, "trace");
  const auto events = JsonView(trace, "trace").at("traceEvents").elements();
  EXPECT_GT(events.size(), 20u);
  EXPECT_TRUE(std::any_of(events.begin(), events.end(), [](const JsonView& e) {
    return e.at("args").at("layer").as_string() == "blocks.1.attn.qkv" && e.at("cat").as_string() == "backward";
  }));
}

TEST(Bench, ThePeakLeavesTheThreadsAsTheyWere) {
  const int before = thread_count();
  const double peak = fma_peak(1);
  EXPECT_EQ(thread_count(), before);
  EXPECT_EQ(peak > 0, isa_available(Isa::kAvx2));
}

TEST(Bench, AStepUsesTheConfiguredOptimizer) {
  static int made = 0;
  register_optimizer({.name = "counted",
                      .help = "an optimizer that this test counts",
                      .flags = {},
                      .matrix_state = 1,
                      .other_state = 1,
                      .make = [](std::vector<NamedTensor> parameters, const OptimizerOptions&) {
                        ++made;
                        return std::make_unique<Sgd>(std::move(parameters), Sgd::Options());
                      }});
  RunConfig c = small();
  c.optimizer = "counted";
  bench_step(c, 11, 0.01, {});
  EXPECT_EQ(made, 1);
}

TEST(Bench, BandwidthIsMeasuredForAnySizeAndLeavesTheThreadsAsTheyWere) {
  const int before = thread_count();
  for (const Traffic traffic : {Traffic::kRead, Traffic::kCopy})
    for (const Index bytes : {1, 1000, 1 << 20}) EXPECT_GT(measure_bandwidth(bytes, 2, traffic), 0) << bytes;
  EXPECT_EQ(thread_count(), before);
  EXPECT_THROW(measure_bandwidth(0, 1), Error);
  EXPECT_THROW(measure_bandwidth((Index{1} << 32) + 1, 1), Error);
  EXPECT_THROW(measure_bandwidth(1024, 0), Error);
  EXPECT_EQ(thread_count(), before);
}

TEST(Bench, WaitingForEachOtherTakesTimeAndLeavesTheThreadsAsTheyWere) {
  const int before = thread_count();
  if (has_threads())
    EXPECT_GE(measure_synchronization(2), 0);  // 0: the second thread never ran, because the machine is busy
  else EXPECT_EQ(measure_synchronization(2), 0);
  EXPECT_LT(measure_synchronization(2), 0.01);
  EXPECT_EQ(thread_count(), before);
  EXPECT_THROW(measure_synchronization(1), Error);
  EXPECT_THROW(measure_synchronization(257), Error);
  EXPECT_EQ(thread_count(), before);
}

TEST(Bench, OperationsAreEachMeasuredForwardAndBackward) {
  const std::vector<OperationBench> all = bench_operations(small(), 11, 0.01);
  const auto find = [&](const std::string& name, const std::string& phase) {
    for (const OperationBench& o : all)
      if (o.operation == name && o.phase == phase) return o;
    return OperationBench{};
  };
  for (const char* name : {"embedding", "add", "layer_norm", "rms_norm", "linear", "permute", "attention", "softmax",
                           "gelu", "dropout", "cross_entropy"})
    for (const char* phase : {"forward", "backward"}) EXPECT_GT(find(name, phase).seconds, 0) << name << " " << phase;
  for (const char* name : {"gradient_norm", "adamw"}) EXPECT_GT(find(name, "update").seconds, 0) << name;
  // By hand: linear from 8 to 24 on 18 rows; attention of 3 sequences of length 6, 2 heads of size 4, half masked.
  EXPECT_EQ(find("linear", "forward").flops, 2 * 18 * 8 * 24);
  EXPECT_EQ(find("linear", "backward").flops, 4 * 18 * 8 * 24);
  EXPECT_EQ(find("linear", "forward").bytes, 4 * (18 * 8 + 24 * 8 + 18 * 24));
  EXPECT_EQ(find("linear", "backward").bytes, 4 * (2 * 18 * 8 + 2 * 24 * 8 + 18 * 24));
  EXPECT_EQ(find("attention", "forward").flops, 2 * 3 * 2 * (2 * 6 * 6 * 4) / 2);
  EXPECT_EQ(find("attention", "backward").flops, 4 * 3 * 2 * (2 * 6 * 6 * 4) / 2);
  EXPECT_EQ(find("attention", "backward").bytes, 4 * 7 * 3 * 2 * 6 * 4);
  EXPECT_EQ(find("gelu", "forward").bytes, 4 * 2 * 18 * 32);
  const OperationBench adamw = find("adamw", "update");
  EXPECT_EQ(adamw.bytes * 4, static_cast<double>(adamw.working_set) * 7);
}

TEST(Bench, WhatBindsAnOperationIsWhatTakesLonger) {
  MachineLimits limits;
  const double peak = limits.fma_peak(), bandwidth = limits.bandwidth(1 << 16);
  EXPECT_EQ(limits.bandwidth((1 << 16) + 100), bandwidth) << "both sizes round to one size, measured once";
  OperationBench o{"x", "", "forward", 1e-3, 1e9, 1e3, 1 << 16};
  Roofline b = roofline_of(o, limits);
  EXPECT_FALSE(b.by_memory);
  EXPECT_DOUBLE_EQ(b.rate, 1e3) << "1e9 operations in a millisecond";
  EXPECT_EQ(b.limit, peak);
  o.flops = 0;
  b = roofline_of(o, limits);
  EXPECT_TRUE(b.by_memory);
  EXPECT_DOUBLE_EQ(b.rate, 1e-3) << "1e3 bytes in a millisecond";
  EXPECT_EQ(b.limit, bandwidth);
  EXPECT_DOUBLE_EQ(b.share(), 1e-3 / bandwidth);
  o.bytes = 0;
  EXPECT_EQ(roofline_of(o, limits).limit, 0) << "nothing to be done";
}

TEST(Bench, AttentionMemoryIsThatOfResultsAndGradientsAtLeast) {
  const Index contexts[] = {16, 32};
  const std::vector<AttentionBench> all = bench_attention(small(), contexts, 0.01);
  ASSERT_EQ(all.size(), 2u);
  for (const AttentionBench& a : all) {
    EXPECT_GE(a.extra_bytes, 4 * 4 * a.context * 8) << "the result and three gradients";
    EXPECT_LE(a.extra_bytes, 4 * (8 * a.context * 8 + 3 * 2 * a.context * a.context) + 4096)
        << "and no more than three times all scores";
    EXPECT_EQ(a.flops, 6.0 * static_cast<double>(a.context * a.context * 8));
    EXPECT_GT(a.forward_seconds, 0);
    EXPECT_GT(a.backward_seconds, 0);
  }
  EXPECT_GT(all[1].extra_bytes, all[0].extra_bytes);
  EXPECT_EQ(bench_attention(small(), contexts, 0.01)[1].extra_bytes, all[1].extra_bytes);
  const Index none[] = {0};
  EXPECT_THROW(bench_attention(small(), none), Error);
}

TEST(Bench, GemmTimesEveryShape) {
  const std::vector<GemmTime> times = bench_gemm(0.01);
  ASSERT_EQ(times.size(), 21u);
  for (const GemmTime& t : times) EXPECT_GT(t.seconds, 0);
  EXPECT_EQ(times[20].shape.flops(), 2147483648.0);
}

TEST(Bench, AStepCountsWhatItsCallerCounts) {
  Index bytes = 0;
  const StepBench b = bench_step(small(), 11, 0.01, [&] { return bytes += 7; });
  EXPECT_EQ(b.allocated_bytes, 7 * b.steps);
}

}  // namespace
}  // namespace headlight
