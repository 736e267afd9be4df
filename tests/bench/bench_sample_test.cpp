// Test: the sampling benchmark counts the bytes of weights and cache correctly.
#include "bench/bench_sample.h"

#include <gtest/gtest.h>

namespace headlight {
namespace {

TEST(BenchSample, MeasuresATokenAndWhatItReads) {
  RunConfig c;
  c.layers = 2;
  c.heads = 2;
  c.width = 64;
  c.context = 16;
  for (const WeightFormat format : {WeightFormat::kFloat32, WeightFormat::kInt8}) {
    const SampleBench b = bench_sample(c, format, 11, 0.01);
    const TransformerLM model(c.transformer(11));
    const Decoder decoder(model, format);
    EXPECT_EQ(b.parameters, model.parameter_count());
    EXPECT_EQ(b.weight_bytes, decoder.bytes_read(0));
    double cache = 0;  // the mean over the lengths 1 to 16
    for (Index length = 1; length <= 16; ++length)
      cache += static_cast<double>(decoder.bytes_read(length) - decoder.bytes_read(0)) / 16;
    EXPECT_DOUBLE_EQ(b.cache_bytes, cache);
    EXPECT_GE(b.tokens, 5 * 16);
    EXPECT_EQ(b.tokens % 16, 0);
    EXPECT_GE(b.seconds, b.best_seconds);
    for (const double figure :
         {b.best_seconds, b.draw_seconds, b.long_seconds, b.batch_seconds, b.bandwidth, b.share()})
      EXPECT_GT(figure, 0);
  }
}

}  // namespace
}  // namespace headlight
