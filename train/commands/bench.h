// The benchmarks of `headlight bench`, one file each: train/bench_<name>.cpp.
#pragma once

#include "bench/bench.h"
#include "cli/cli.h"
#include "formats/json.h"
#include "headlight/base/text.h"
#include "training/config.h"

namespace headlight::cli {

// What all of them are given.
struct BenchRequest {
  const Arguments& args;
  std::string preset;
  RunConfig config;
  double seconds;  // how long to measure
  bool json;
  MachineLimits& limits;
};

struct Benchmark {
  std::string name;
  std::vector<std::string> flags;  // of those that not all benchmarks take
  // Measures, and prints the report or fills the object.
  void (*run)(const BenchRequest& request, Json& object);
};

void bench_step_report(const BenchRequest& request, Json& object);
void bench_gemm_report(const BenchRequest& request, Json& object);
void bench_ops_report(const BenchRequest& request, Json& object);
void bench_attention_report(const BenchRequest& request, Json& object);
void bench_sample_report(const BenchRequest& request, Json& object);

// Bytes that operator new handed out since the program began; an empty function where that is not counted (under
// AddressSanitizer, which has an operator new of its own).
std::function<Index()> allocation_counter();

// The first lines of every report, or members of every object. A benchmark that looks at the memory of the process
// calls it after that: measuring bandwidths takes 256 MiB.
void describe_machine(const BenchRequest& request, Json& object);
// "model       cpu: 4 layers, ..."; without the parameters when they are 0.
void print_model(const BenchRequest& request, Index parameters);
std::string megabytes(Index bytes);
// "55.8%", or "-" where there is no limit to compare with.
std::string percent(double share);

}  // namespace headlight::cli
