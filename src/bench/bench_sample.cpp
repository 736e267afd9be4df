// Times generation with a Decoder, alternating with measurements of the memory bandwidth.
#include "bench/bench_sample.h"

#include <algorithm>
#include <vector>

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/median.h"
#include "headlight/base/threads.h"
#include "headlight/generation/generate.h"

namespace headlight {

namespace {

template <class F>
double seconds_of(const F& f) {
  const double begin = monotonic_seconds();
  f();
  return monotonic_seconds() - begin;
}

}  // namespace

double SampleBench::share() const {
  return (static_cast<double>(weight_bytes) + cache_bytes) / best_seconds / 1e9 / bandwidth;
}

SampleBench bench_sample(const RunConfig& config, WeightFormat format, Index vocabulary, double budget) {
  config.check();
  const TransformerLM model(config.transformer(vocabulary));
  Decoder decoder(model, format);
  const Index context = config.context;
  SampleBench bench;
  bench.parameters = model.parameter_count();
  bench.weight_bytes = decoder.bytes_read(0);
  bench.cache_bytes = static_cast<double>(decoder.bytes_read(context) - decoder.bytes_read(0)) *
                      static_cast<double>(context + 1) / static_cast<double>(2 * context);

  const SampleOptions options{.temperature = 0.8};
  Rng rng(1);
  std::int32_t token = 0;
  const auto read = [&](std::span<const float> logits) { token = sample_token(logits, options, rng); };
  const auto fill_context = [&] {
    read(decoder.start({&token, 1}));
    for (Index i = 1; i < context; ++i) read(decoder.next(token));
  };
  fill_context();
  // Alternate, so that other load on the machine affects both measurements.
  constexpr int kRounds = 5;
  std::vector<double> rounds;
  for (int round = 0; round < kRounds; ++round) {
    bench.bandwidth = std::max(bench.bandwidth, measure_bandwidth(decoder.bytes_read(context), thread_count()));
    const double begin = monotonic_seconds();
    do rounds.push_back(seconds_of(fill_context) / static_cast<double>(context));
    while (monotonic_seconds() - begin < budget / kRounds);
  }
  bench.tokens = static_cast<Index>(rounds.size()) * context;
  bench.seconds = median(rounds);
  bench.best_seconds = *std::min_element(rounds.begin(), rounds.end());

  // The context is full now: from here on each token evicts an old one.
  std::vector<double> beyond_context;
  for (int i = 0; i < 5; ++i)
    beyond_context.push_back(seconds_of([&] {
                               for (Index t = 0; t < context; ++t) read(decoder.next(token));
                             }) /
                             static_cast<double>(context));
  bench.long_seconds = median(beyond_context);

  std::vector<std::int32_t> ids;
  for (Index i = 0; i < context; ++i) ids.push_back(static_cast<std::int32_t>(rng.below(vocabulary)));
  std::vector<double> batches;
  std::span<const float> logits;
  for (int i = 0; i < 5; ++i) batches.push_back(seconds_of([&] { logits = decoder.start(ids); }));
  bench.batch_seconds = median(batches);

  constexpr int kDraws = 1000;
  bench.draw_seconds = seconds_of([&] {
                         for (int i = 0; i < kDraws; ++i) read(logits);
                       }) /
                       kDraws;
  return bench;
}

}  // namespace headlight
