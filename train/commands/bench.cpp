// headlight bench: how fast this machine is, and how much of it Headlight uses.
#include <algorithm>

#include "base/format.h"
#include "base/isa.h"
#include "bench.h"
#include "bench/bench.h"
#include "formats/json.h"
#include "headlight/base/error.h"
#include "headlight/base/text.h"
#include "headlight/base/threads.h"
#include "headlight/ops/ops.h"
#include "training/config.h"

namespace headlight::cli {

namespace {

const std::vector<Benchmark>& benchmarks() {
  static const std::vector<Benchmark> all = {
      {"step", {"preset", "dropout", "trace"}, bench_step_report},
      {"gemm", {}, bench_gemm_report},
      {"ops", {"preset"}, bench_ops_report},
      {"attention", {"preset", "context"}, bench_attention_report},
      {"sample", {"preset", "int8"}, bench_sample_report},
  };
  return all;
}

const Benchmark& find_benchmark(const std::string& name) {
  std::string names;
  for (const Benchmark& b : benchmarks()) {
    if (b.name == name) return b;
    names += cat(names.empty() ? "" : ", ", b.name);
  }
  throw UsageError(cat(name, ": not a benchmark; there are: ", names));
}

// Flags that not all benchmarks take are refused by the others.
void check_flags(const Benchmark& benchmark, const Arguments& args) {
  const auto lists = [](const Benchmark& b, const std::string& flag) {
    return std::ranges::find(b.flags, flag) != b.flags.end();
  };
  for (const auto& given : args.values()) {
    const std::string& flag = given.first;
    const bool special = std::ranges::any_of(benchmarks(), [&](const Benchmark& b) { return lists(b, flag); });
    if (special && !lists(benchmark, flag))
      throw UsageError(cat("--", flag, ": bench ", benchmark.name, " does not take it; see headlight bench --help"));
  }
}

constexpr Index kKibibyte = 1024, kMebibyte = 1024 * 1024;

int run_bench(const Arguments& args) {
  const Benchmark& benchmark = find_benchmark(args.operands()[0]);
  check_flags(benchmark, args);
  const std::string preset = args.text("preset", "cpu");
  RunConfig config = find_preset(preset).config;
  config.dropout = args.real("dropout", config.dropout, 0, 0.99);
  const double seconds = args.real("seconds", 5, 0.01, 3600);
  if (const Index threads = args.whole("threads", 0, 0, 256); threads > 0) set_thread_count(static_cast<int>(threads));
  MachineLimits limits;
  Json object = Json::object().set("benchmark", benchmark.name);
  benchmark.run({args, preset, config, seconds, args.has("json"), limits}, object);
  if (args.has("json")) print(json_text(object) + "\n");
  return 0;
}

constexpr const char* kNotes =
    "Benchmarks:\n"
    "  step       a training step: time, share of the FMA peak, memory, and where the\n"
    "             time goes by operation\n"
    "  gemm       21 matrix products of the shapes that small transformers train with\n"
    "  ops        each operation alone at the sizes of the model, beside its limit\n"
    "  attention  one sequence as its context doubles from 256 on: time and memory\n"
    "  sample     writing a character: time, and the share of the bandwidth of memory\n"
    "             or cache that reading the weights reaches\n"
    "\n"
    "Each also measures what the FMA units deliver from registers, and memory and\n"
    "caches to loops that only read or copy, by how many bytes they go through. What\n"
    "threads take to wait for each other tells how near two cores are: about 0.1 us\n"
    "where they share a cache; 0.3 us and more where they do not, and then what one\n"
    "core wrote comes later to the other.\n"
    "\n"
    "With --json, one object. All of them have: benchmark, threads, kernels,\n"
    "fma_peak_gflops (null where not known), join_seconds (null with\n"
    "one thread, or where not known), bandwidths [{bytes, gb_per_second}].\n"
    "  step       preset, parameters, seconds (median), best_seconds, steps, tokens,\n"
    "             flops, share_of_peak, tensor_bytes, resident_bytes, allocations,\n"
    "             allocated_bytes (of all steps; null where not counted),\n"
    "             operations [{operation, phase, calls, seconds}]\n"
    "  gemm       shapes [{m, n, k, trans_a, trans_b, seconds, gflops,\n"
    "             share_of_peak}], geometric_mean_gflops, share_of_peak\n"
    "  ops        preset, operations [{operation, sizes, phase, seconds, flops,\n"
    "             bytes, bound (fma, memory or null), rate, limit, share}]\n"
    "  attention  preset, heads, head_size, contexts [{context, forward_seconds,\n"
    "             backward_seconds, flops, share_of_peak, extra_bytes}],\n"
    "             memory_exponent\n"
    "  sample     preset, weights (float32 or int8), parameters, seconds (median),\n"
    "             best_seconds, draw_seconds, long_seconds (beyond the context): of a\n"
    "             character; prompt_seconds, tokens, weight_bytes, cache_bytes,\n"
    "             bandwidth, share_of_bandwidth (of the best)\n"
    "Rates and limits are in 1e9 FLOP or bytes a second; a share of 1 is all of it.\n";

}  // namespace

void describe_machine(const BenchRequest& r, Json& object) {
  const double peak = r.limits.fma_peak();
  Json bandwidths = Json::array();
  std::string list;
  for (const Index bytes : {64 * kKibibyte, kMebibyte, 16 * kMebibyte, 256 * kMebibyte}) {
    const double rate = r.limits.bandwidth(bytes);
    bandwidths.push(Json::object().set("bytes", bytes).set("gb_per_second", rate));
    list += cat(list.empty() ? "" : ", ", bytes < kMebibyte ? bytes / kKibibyte : bytes / kMebibyte,
                bytes < kMebibyte ? " KiB: " : " MiB: ", fixed_text(rate, 1));
  }
  const double join = thread_count() > 1 ? measure_join(thread_count()) : 0;
  if (r.json) {
    object.set("threads", thread_count())
        .set("kernels", isa_name(current_isa()))
        .set("fma_peak_gflops", peak > 0 ? Json(peak) : Json())
        .set("join_seconds", join > 0 ? Json(join) : Json())
        .set("bandwidths", bandwidths);
    return;
  }
  print(cat("machine     ", counted(thread_count(), "thread"), ", ", isa_name(current_isa()), " kernels, FMA peak ",
            peak > 0 ? cat(fixed_text(peak, 1), " GFLOP/s") : "not known", "\n"));
  if (thread_count() > 1)
    print(cat("threads     ", join > 0 ? cat(fixed_text(1e6 * join, 2), " us") : "an unknown time",
              " to wait for each other\n"));
  print(cat("bandwidth   GB/s within ", list, "\n"));
}

void print_model(const BenchRequest& r, Index parameters) {
  const RunConfig& c = r.config;
  print(cat("model       ", r.preset, ": ", counted(c.layers, "layer"), ", ", counted(c.heads, "head"), ", width ",
            c.width, ", context ", c.context, ", batch ", c.batch));
  print(parameters > 0 ? cat(";\n            ", count_text(static_cast<double>(parameters)), " parameters, dropout ",
                             c.dropout, "\n")
                       : "\n");
}

std::string megabytes(Index bytes) { return cat(fixed_text(static_cast<double>(bytes) / 1e6, 1), " MB"); }

std::string percent(double share) { return share > 0 ? cat(fixed_text(100 * share, 1), "%") : "-"; }

Command bench_command() {
  return {.name = "bench",
          .summary = "Measures the limits of this machine, and what training reaches of them.",
          .usage = "step|gemm|ops|attention|sample [OPTIONS]",
          .examples = {"headlight bench step", "headlight bench step --preset micro --threads 1",
                       "headlight bench step --trace step.json   # for chrome://tracing or Perfetto",
                       "headlight bench ops --preset baby", "headlight bench gemm --json"},
          .flags = {with_choices(
                        {"preset", "NAME", "the model: one of the presets of train; not for gemm", "Options", "cpu"},
                        preset_names()),
                    {"threads", "N", "0: as many as there are cores", "Options", "0"},
                    {"seconds", "X", "how long to measure, beside the machine itself", "Options", "5"},
                    {"dropout", "P", "step: instead of the model's own, for comparisons"},
                    {"trace", "FILE", "step: write a few steps as a Chrome trace"},
                    {"context", "N", "attention: the longest context, 256 to 32768", "Options", "4096"},
                    {"int8", "", "sample: with weights of eight bits"},
                    {"json", "", "print one JSON object"}},
          .notes = kNotes,
          .least_operands = 1,
          .most_operands = 1,
          .run = run_bench,
          .operand_choices = {"step", "gemm", "ops", "attention", "sample"}};
}

}  // namespace headlight::cli
