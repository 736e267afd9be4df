// Measuring this machine, and how much of it products, operations and training steps use.
//
// Three parts, each with what it gives back: the limits of the machine; single products and operations, each beside the
// limit that binds it; a whole training step, taken apart by operation.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "training/config.h"

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
// times the last cache: 2^28 will do). The best of several tries, some hundredths of a second; rounded to 512 bytes a thread.
// Errors: bytes outside 1..2^32, threads outside 1..256.
double measure_bandwidth(Index bytes, int threads, Traffic traffic = Traffic::kRead);

// What it takes `threads` threads (2 to 256) to wait for each other, in seconds: between two steps of a chain
// (parallel_steps) that has nothing to do. The median of 15 tries, a hundredth of a second in all; 0 where it is not
// known, because there is no OpenMP or some thread was never there. A tenth of a microsecond where two cores share a
// cache, three times that and more where the system has put them far apart. Error: threads outside 2..256.
double measure_join(int threads);

// Both limits for the present thread_count(), each measured when it is first asked for and then kept.
class MachineLimits {
 public:
  // As fma_peak().
  double fma_peak();
  // The better of reading and copying, in GB/s; the working set is rounded to a quarter of a power of two, and lies
  // between 4 KiB and 256 MiB.
  double bandwidth(Index working_set);

 private:
  double peak_ = -1;
  std::map<Index, double> bandwidths_;
};

// ---- products ----

// C [m,n] = op(A) op(B), summed over k; A is stored [k,m] when trans_a, B [n,k] when trans_b.
struct GemmShape {
  Index m, n, k;
  bool trans_a, trans_b;
  double flops() const { return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k); }
};
// 21 shapes that small transformers train with: y = x W^T, dx = dy W, dW = dy^T x and attention's products at three
// model sizes; and one square product.
std::span<const GemmShape> gemm_shapes();

struct GemmTime {
  GemmShape shape;
  double seconds;  // of one product, in the best of several turns
};
// Each of gemm_shapes(), for about `budget` seconds together.
std::vector<GemmTime> bench_gemm(double budget = 5);

// ---- single operations ----

struct OperationBench {
  std::string operation;
  std::string sizes;   // of its inputs, for people
  std::string phase;   // forward, backward, or update for what an optimizer does
  double seconds = 0;  // the median
  // The least that has to be done: multiplications and additions of products (nothing else is counted, nor the half of
  // attention that a causal mask excludes), and bytes, each input read once and each result written once.
  double flops = 0, bytes = 0;
  Index working_set = 0;  // bytes that differ: what `bytes` reads and writes again is in it once
};
// Each important operation alone, at the sizes it has in the model, forward and backward, on data that has just been
// used; for about `budget` seconds together, and each at least five times.
std::vector<OperationBench> bench_operations(const RunConfig& config, Index vocabulary = 65, double budget = 5);

// What binds an operation, and how close it came.
struct Binding {
  bool by_memory = false;  // the bandwidth; otherwise the FMA units
  double rate = 0;         // reached: GB/s or GFLOP/s
  double limit = 0;        // the most there could be; 0 where it is not known, or there is nothing to be done
  double share() const { return limit > 0 ? rate / limit : 0; }
};
Binding binding_of(const OperationBench& operation, MachineLimits& limits);

// Causal attention of one sequence, with the heads and the width of a model.
struct AttentionBench {
  Index context = 0;
  double forward_seconds = 0, backward_seconds = 0;  // medians
  double flops = 0;                                  // of both, counted as above
  Index extra_bytes = 0;  // the most tensor storage in use at a time beyond q, k, v and the gradient given: results,
                          // gradients and whatever lies between
};
// Each at least three times. Error: a context that is not positive.
std::vector<AttentionBench> bench_attention(const RunConfig& config, std::span<const Index> contexts,
                                            double budget = 5);

// ---- a training step ----

// Floating-point operations of one training step, by the usual count: 6 for each parameter in a matrix product and each
// token (2 forward, 4 backward), and 6 layers x context x width for each token (causal attention, counted once).
double step_flops(const RunConfig& config, Index vocabulary);

struct OperationTime {
  std::string operation;
  std::string phase;   // forward, backward or other
  Index calls = 0;     // in one step
  double seconds = 0;  // in one step: of each call the median over some steps, added up
};

struct StepBench {
  Index steps = 0;     // measured, after the first two
  double seconds = 0;  // of a step, the median
  double best_seconds = 0;
  double flops = 0;  // of a step
  Index tokens = 0;  // of a step
  Index parameters = 0;
  Index system_allocations = 0;           // of tensor storage, over all measured steps
  Index allocated_bytes = 0;              // of any memory, over all measured steps, where the caller counts it
  Index pool_peak_bytes = 0;              // the most tensor storage that was in use at a time
  Index peak_memory_bytes = 0;            // of the process
  std::vector<OperationTime> operations;  // most time first; from a few more steps, with the profile on
  std::string trace;                      // these steps as a Chrome trace (chrome://tracing, Perfetto)
};

// Trains on random tokens for about `budget` seconds, at least five steps: forward, cross-entropy, backward, norm of the
// gradient and clipping, AdamW. `allocated`, when given, says how many bytes the program ever allocated: a library does
// not replace operator new, a program may.
StepBench bench_step(const RunConfig& config, Index vocabulary = 65, double budget = 5,
                     const std::function<Index()>& allocated = {});

}  // namespace headlight
