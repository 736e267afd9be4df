// How fast a model writes on this machine, beside what the machine's memory allows.
#pragma once

#include "headlight/generation/decoder.h"
#include "training/config.h"

namespace headlight {

struct SampleBench {
  Index parameters = 0;
  Index tokens = 0;          // written, in all rounds that were measured
  double seconds = 0;        // a token, from the first to the last of a full context: the median of the rounds
  double best_seconds = 0;   // ... and their best
  double draw_seconds = 0;   // of these, for drawing the token from the logits
  double long_seconds = 0;   // a token of a text far longer than the context, making room for new tokens included
  double batch_seconds = 0;  // for start() to read a full context in one batch
  Index weight_bytes = 0;    // read for each token
  double cache_bytes = 0;    // of keys and values, read for each token: the mean over a context
  double bandwidth = 0;      // of as many bytes as weights and a full cache are, in GB/s: from a cache if they fit one

  // The share of the bandwidth that the reading of weights and cache reaches: the best round against the best bandwidth.
  double share() const;
};

// Writes random text with an untrained model of the configuration's sizes for about `budget` seconds, at least five
// contexts full, on thread_count() threads.
SampleBench bench_sample(const RunConfig& config, Decoder::Weights weights = Decoder::Weights::kFloat32,
                         Index vocabulary = 65, double budget = 5);

}  // namespace headlight
