// The benchmarks of `headlight bench`, one file each: bench_<name>.cpp (bench_ops.cpp holds ops and attention).
#pragma once

#include "bench/bench.h"
#include "cli/cli.h"
#include "formats/json.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "training/config.h"

namespace headlight::cli {

// Parameters of all benchmarks.
struct BenchRequest {
  const Arguments& args;
  std::string preset;  // or the file of --config
  RunConfig config;
  double seconds;  // duration of the measurement
  bool json;
  MachineLimits& limits;
};

struct Benchmark {
  std::string name;
  std::vector<std::string> flags;  // accepted flags, besides those that all benchmarks accept
  // Measures, then prints the report, or fills `object` with --json.
  void (*run)(const BenchRequest& request, Json& object);
};

void bench_step_report(const BenchRequest& request, Json& object);
void bench_gemm_report(const BenchRequest& request, Json& object);
void bench_ops_report(const BenchRequest& request, Json& object);
void bench_attention_report(const BenchRequest& request, Json& object);
void bench_sample_report(const BenchRequest& request, Json& object);

// Prints the first lines of every report, or sets the first members of every object. A benchmark that measures the
// memory of the process must call this function afterwards, because it allocates 256 MiB to measure bandwidths.
void describe_machine(const BenchRequest& request, Json& object);
// Prints "model       cpu: 4 layers, ..."; omits the number of parameters if it is 0.
void print_model(const BenchRequest& request, Index parameters);
std::string megabytes(Index bytes);
// "55.8%", or "-" if the share is 0 (unknown limit).
std::string percent(double share);

}  // namespace headlight::cli
