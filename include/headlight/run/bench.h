// Measuring this machine, and how much of it a training step uses.
#pragma once

#include <string>
#include <vector>

#include "headlight/run/config.h"

namespace headlight {

// What the FMA units of `threads` threads deliver from registers alone, in GFLOP/s: the best of several tries of about a
// tenth of a second. 0 on a CPU without AVX2 and FMA, where it is not known.
double fma_peak(int threads);

enum class Traffic {
  kRead,  // every byte is read, none is written: what a product of a matrix with one vector does
  kCopy,  // one half is copied to the other and back; a byte that is read and a byte that is written count one each
};
// What memory delivers to `threads` threads together, in GB/s (1e9 bytes), when they go through `bytes` of it again and
// again, each through a part of its own: of a cache when `bytes` fits there, of main memory when it fits nowhere (four
// times the last cache: 2^28 will do). The best of several tries, about a tenth of a second; rounded to 512 bytes a thread.
// Errors: bytes outside 1..2^32, threads outside 1..256.
double measure_bandwidth(Index bytes, int threads, Traffic traffic = Traffic::kRead);

// Floating-point operations of one training step, by the usual count: 6 for each parameter in a matrix product and each
// token (2 forward, 4 backward), and 6 layers x context x width for each token (causal attention, counted once).
double step_flops(const RunConfig& config, Index vocabulary);

struct OperationTime {
  std::string operation;
  std::string phase;   // forward, backward or other
  Index calls = 0;     // in one step
  double seconds = 0;  // in one step, the mean
};

struct StepBench {
  Index steps = 0;     // measured, after the first two
  double seconds = 0;  // of a step, the median
  double best_seconds = 0;
  double flops = 0;  // of a step
  Index tokens = 0;  // of a step
  Index parameters = 0;
  Index system_allocations = 0;           // of tensor storage, over all measured steps
  Index pool_peak_bytes = 0;              // the most tensor storage that was in use at a time
  Index peak_memory_bytes = 0;            // of the process
  std::vector<OperationTime> operations;  // most time first; from a few more steps, with the profile on
  std::string trace;                      // these steps as a Chrome trace (chrome://tracing, Perfetto)
};

// Trains on random tokens for about `budget` seconds, at least five steps: forward, cross-entropy, backward, norm of the
// gradient and clipping, AdamW.
StepBench bench_step(const RunConfig& config, Index vocabulary = 65, double budget = 5);

}  // namespace headlight
