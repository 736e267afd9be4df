// Benchmarks: the limits of this machine, matrix products and single operations compared with these limits, and a whole
// training step by operation.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "training/config.h"

namespace headlight {

// Peak FMA throughput of `threads` threads in GFLOP/s, measured on registers: the best of several runs of about 0.1 s
// each, with the vectors of the active instruction set (AVX2 for sets below it). Returns 0 (unknown) on a CPU without
// AVX2 and FMA.
double fma_peak(int threads);

enum class Traffic {
  kRead,  // only reads, as in a matrix-vector product
  kCopy,  // copies one half to the other and back; the bytes read and the bytes written both count
};
// The total bandwidth of `threads` threads in GB/s (1e9 bytes). `bytes` bytes are divided among the threads, and each
// thread passes over its own part repeatedly. The result is the bandwidth of the smallest cache that holds `bytes`, or
// of main memory if no cache does. To measure main memory, pass at least four times the size of the last-level cache;
// 2^28 is enough. Returns the best of several runs of about 0.01 s each. Each thread's part is rounded to a multiple of
// 512 bytes.
// Errors: bytes outside 1..2^32, threads outside 1..256.
double measure_bandwidth(Index bytes, int threads, Traffic traffic = Traffic::kRead);

// Time in seconds that `threads` threads take to synchronize: the cost of an empty step of parallel_steps. Returns the
// median of 15 runs, about 0.01 s in total, or 0 (unknown) without OpenMP or if a thread never ran. Typical values are
// 0.1 us for two cores that share a cache, and 0.3 us or more for cores that do not. Error: threads outside 2..256.
double measure_synchronization(int threads);

// Caches the FMA peak and the bandwidths for the current thread_count(); each is measured on first use.
class MachineLimits {
 public:
  // As fma_peak().
  double fma_peak();
  // The larger of the read and copy bandwidths in GB/s. The working set is clamped to [4 KiB, 256 MiB] and rounded to
  // one of the sizes 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, ... KiB, so that few sizes are measured.
  double bandwidth(Index working_set);

 private:
  double peak_ = -1;
  std::map<Index, double> bandwidths_;
};

// ---- products ----

// C [m,n] = op(A) op(B), summed over k. A is stored as [k,m] if trans_a, B as [n,k] if trans_b.
struct GemmShape {
  Index m, n, k;
  bool trans_a, trans_b;
  double flops() const { return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k); }
};
// The 21 benchmark shapes: y = x W^T, dx = dy W, dW = dy^T x and the products of attention at three model sizes, and
// one square product.
std::span<const GemmShape> gemm_shapes();

struct GemmTime {
  GemmShape shape;
  double seconds;  // per product, in the best of several repetitions
};
// Times each of gemm_shapes(), for about `budget` seconds in total.
std::vector<GemmTime> bench_gemm(double budget = 5, Precision precision = Precision::kFloat32);

// ---- single operations ----

struct OperationBench {
  std::string operation;
  std::string sizes;   // sizes of the inputs, readable text
  std::string phase;   // "forward", "backward", or "update" for the optimizer
  double seconds = 0;  // median
  // The minimum work. `flops` counts multiplications and additions of matrix products only, without the half of
  // attention that a causal mask excludes. `bytes` counts one read per input and one write per result.
  double flops = 0, bytes = 0;
  Index working_set = 0;  // distinct bytes: memory that is both read and written counts once
};
// Times each important operation separately, forward and backward, at its sizes in the model and with warm caches.
// Takes about `budget` seconds in total, and runs each operation at least five times.
std::vector<OperationBench> bench_operations(const RunConfig& config, Index vocabulary = 65, double budget = 5);

// The limit that bounds an operation in the roofline model, and the rate that the operation achieved.
struct Roofline {
  bool by_memory = false;  // bounded by bandwidth; otherwise by FMA throughput
  double rate = 0;         // achieved rate in GB/s or GFLOP/s
  double limit = 0;        // limit in the same unit; 0 if it is unknown or the operation has no work
  double share() const { return limit > 0 ? rate / limit : 0; }
};
Roofline roofline_of(const OperationBench& operation, MachineLimits& limits);

// Times of a model's attention pattern on one sequence, with the model's heads and width.
struct AttentionBench {
  Index context = 0;
  double forward_seconds = 0, backward_seconds = 0;  // medians
  double flops = 0;                                  // of forward and backward together, counted as above
  Index extra_bytes = 0;  // peak tensor storage besides q, k, v and dout: result, gradients, temporaries
};
// Times each context length at least three times. Error: a context that is not positive.
std::vector<AttentionBench> bench_attention(const RunConfig& config, std::span<const Index> contexts,
                                            double budget = 5);

// ---- a training step ----

// The average number of keys per query in the attention pattern of a transformer: half the context for full attention.
// For linear attention: the number of keys for which full attention would cost as much.
double average_keys(const RunConfig& config);
// Floating-point operations of one training step, by the usual estimate. Per token: 6 for each parameter of a matrix
// product (2 forward, 4 backward), plus 12 x layers x keys x width for attention to average_keys() keys.
double step_flops(const RunConfig& config, Index vocabulary);

struct OperationTime {
  std::string operation;
  std::string phase;   // "forward", "backward" or "other"
  Index calls = 0;     // calls per step
  double seconds = 0;  // seconds per step: the median time of each call, summed over the calls
};

struct StepBench {
  Index steps = 0;     // measured steps, after two warm-up steps
  double seconds = 0;  // median per step
  double best_seconds = 0;
  double flops = 0;  // per step
  Index tokens = 0;  // per step
  Index parameters = 0;
  Index system_allocations = 0;           // new blocks of tensor storage in all measured steps
  Index allocated_bytes = 0;              // bytes of all allocations in the measured steps; 0 without `allocated`
  Index pool_peak_bytes = 0;              // peak tensor storage
  Index peak_memory_bytes = 0;            // peak resident memory of the process
  std::vector<OperationTime> operations;  // sorted by time, longest first; from additional profiled steps
  std::string trace;                      // the profiled steps as a Chrome trace (chrome://tracing, Perfetto)
};

// Trains on random tokens for about `budget` seconds and at least five steps: forward, cross-entropy, backward,
// gradient norm and clipping, AdamW. `allocated`, if given, returns the total bytes that the program has allocated so
// far. The caller counts them, because only a program may replace operator new; a library may not.
StepBench bench_step(const RunConfig& config, Index vocabulary = 65, double budget = 5,
                     const std::function<Index()>& allocated = {});

}  // namespace headlight
