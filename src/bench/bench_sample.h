// Benchmark of text generation: the time per token, compared with the memory bandwidth of the machine.
#pragma once

#include "models/decoder.h"
#include "training/config.h"

namespace headlight {

struct SampleBench {
  Index parameters = 0;
  Index tokens = 0;          // tokens generated in all measured rounds
  double seconds = 0;        // per token while a context fills up: the median over rounds of one context each
  double best_seconds = 0;   // per token in the fastest round
  double draw_seconds = 0;   // the part of `seconds` that sampling from the logits takes
  double long_seconds = 0;   // per token after the context is full, including the eviction of old tokens
  double batch_seconds = 0;  // Decoder::start on a prompt of one full context
  Index weight_bytes = 0;    // bytes of weights read per token
  double cache_bytes = 0;    // bytes of the key-value cache read per token, on average over a context
  double bandwidth = 0;      // read bandwidth in GB/s for a working set of the weights and a full cache

  // The achieved fraction of `bandwidth` in the fastest round.
  double share() const;
};

// Generates text with an untrained model of the configured size for about `budget` seconds and at least five full
// contexts, on thread_count() threads.
SampleBench bench_sample(const RunConfig& config, WeightFormat format = WeightFormat::kFloat32, Index vocabulary = 65,
                         double budget = 5);

}  // namespace headlight
