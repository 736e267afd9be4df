#include "headlight/run/bench.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "headlight/base/isa.h"
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

// Counted by hand: each block has 3 C^2 (q, k, v) + C^2 (output) + 2 C F; the output layer C V; and attention.
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
    EXPECT_EQ(calls("attention", phase), 2);
    EXPECT_EQ(calls("cross_entropy", phase), 1);
  }
  EXPECT_EQ(calls("adamw", "other"), 1);
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

}  // namespace
}  // namespace headlight
