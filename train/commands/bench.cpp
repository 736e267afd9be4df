// headlight bench: measures the limits of this machine and how close Headlight comes to them.
#include <algorithm>

#include "base/format.h"
#include "base/isa.h"
#include "base/words.h"
#include "bench.h"
#include "bench/bench.h"
#include "formats/json.h"
#include "headlight/base/error.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "headlight/base/threads.h"
#include "headlight/ops/ops.h"
#include "training/config.h"
#include "training/resolve.h"

namespace headlight::cli {

namespace {

const std::vector<Benchmark>& benchmarks() {
  static const std::vector<Benchmark> all = {
      {"step", {"preset", "config", "dropout", "precision", "remat", "trace"}, bench_step_report},
      {"gemm", {"precision"}, bench_gemm_report},
      {"ops", {"preset"}, bench_ops_report},
      {"attention", {"preset", "context", "attention"}, bench_attention_report},
      {"sample", {"preset", "bf16", "int8"}, bench_sample_report},
  };
  return all;
}

const Benchmark& find_benchmark(const std::string& name) {
  std::string names;
  for (const Benchmark& b : benchmarks()) {
    if (b.name == name) return b;
    names += cat(names.empty() ? "" : ", ", b.name);
  }
  throw UsageError(cat(name, ": unknown benchmark; choose one of: ", names));
}

// Rejects flags that only other benchmarks accept.
void check_flags(const Benchmark& benchmark, const Arguments& args) {
  const auto lists = [](const Benchmark& b, const std::string& flag) {
    return std::ranges::find(b.flags, flag) != b.flags.end();
  };
  for (const auto& given : args.values()) {
    const std::string& flag = given.first;
    const bool special = std::ranges::any_of(benchmarks(), [&](const Benchmark& b) { return lists(b, flag); });
    if (special && !lists(benchmark, flag))
      throw UsageError(
          cat("--", flag, ": bench ", benchmark.name, " does not accept this flag; see headlight bench --help"));
  }
}

constexpr Index kKibibyte = 1024, kMebibyte = 1024 * 1024;

int run_bench(const Arguments& args) {
  const Benchmark& benchmark = find_benchmark(args.operands()[0]);
  check_flags(benchmark, args);
  if (args.has("preset") && args.has("config")) throw UsageError("--preset and --config cannot both be given");
  RequestedSettings asked;
  if (const auto file = args.text("config")) read_settings(asked, *file);
  else asked.preset = args.text("preset", "cpu");
  RunConfig config = resolve(asked);
  if (const auto pattern = args.text("attention")) set_from_text(config, *find_setting("attention"), *pattern);
  if (const auto precision = args.text("precision")) set_from_text(config, *find_setting("precision"), *precision);
  if (args.has("remat")) config.remat = true;
  config.dropout = args.real("dropout", config.dropout, 0, 0.99);
  const double seconds = args.real("seconds", 5, 0.01, 3600);
  if (const Index threads = args.whole("threads", 0, 0, 256); threads > 0) set_thread_count(static_cast<int>(threads));
  MachineLimits limits;
  Json object = Json::object().set("benchmark", benchmark.name);
  benchmark.run({args, args.text("config", args.text("preset", "cpu")), config, seconds, args.has("json"), limits},
                object);
  if (args.has("json")) print(json_text(object) + "\n");
  return 0;
}

constexpr const char* kNotes =
    "Benchmarks:\n"
    "  step       a training step: time, share of the FMA peak, memory, and time by\n"
    "             operation\n"
    "  gemm       21 matrix products with shapes of small transformers\n"
    "  ops        each operation separately, at the sizes of the model, compared with\n"
    "             the limit of the machine\n"
    "  attention  one sequence with contexts of 256, 512, 1024, ...: time and memory\n"
    "  sample     generation of a character: time, and share of the bandwidth of\n"
    "             memory or cache\n"
    "\n"
    "Each benchmark also measures the peak FMA throughput, the bandwidth of caches\n"
    "and memory for working sets of several sizes, and the time that the threads\n"
    "take to synchronize: about 0.1 us if two cores share a cache, 0.3 us or more if\n"
    "they do not.\n"
    "\n"
    "With --json the output is one object. All objects have: benchmark, threads,\n"
    "kernels, fma_peak_gflops (null if unknown), join_seconds (time to synchronize;\n"
    "null with one thread or if unknown), bandwidths [{bytes, gb_per_second}].\n"
    "  step       preset or config, precision, remat, parameters, seconds (median),\n"
    "             best_seconds, steps, tokens, flops, share_of_peak (of float32),\n"
    "             tensor_bytes, resident_bytes, allocations, allocated_bytes (in all\n"
    "             steps; null if not counted), operations [{operation, phase, calls,\n"
    "             seconds}]\n"
    "  gemm       precision, shapes [{m, n, k, trans_a, trans_b, seconds, gflops,\n"
    "             share_of_peak}], geometric_mean_gflops, share_of_peak\n"
    "  ops        preset, operations [{operation, sizes, phase, seconds, flops,\n"
    "             bytes, bound (fma, memory or null), rate, limit, share}]\n"
    "  attention  preset, attention, heads, head_size, contexts [{context,\n"
    "             forward_seconds, backward_seconds, flops, share_of_peak,\n"
    "             extra_bytes}], memory_exponent\n"
    "  sample     preset, weights (float32, bf16 or int8), parameters, seconds\n"
    "             (median), best_seconds, draw_seconds, long_seconds (beyond the\n"
    "             context), all per character; prompt_seconds, tokens, weight_bytes,\n"
    "             cache_bytes, bandwidth, share_of_bandwidth (of best_seconds)\n"
    "Rates and limits are in 1e9 FLOP or bytes per second; shares are from 0 to 1.\n";

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
  const double join = thread_count() > 1 ? measure_synchronization(thread_count()) : 0;
  if (r.json) {
    object.set("threads", thread_count())
        .set("kernels", isa_name(current_isa()))
        .set("fma_peak_gflops", peak > 0 ? Json(peak) : Json())
        .set("join_seconds", join > 0 ? Json(join) : Json())
        .set("bandwidths", bandwidths);
    return;
  }
  print(cat("machine     ", counted(thread_count(), "thread"), ", ", isa_name(current_isa()), " kernels, FMA peak ",
            peak > 0 ? cat(fixed_text(peak, 1), " GFLOP/s") : "unknown", "\n"));
  if (thread_count() > 1)
    print(cat("threads     ", join > 0 ? cat(fixed_text(1e6 * join, 2), " us") : "unknown time", " to synchronize\n"));
  print(cat("bandwidth   GB/s over ", list, "\n"));
}

void print_model(const BenchRequest& r, Index parameters) {
  const RunConfig& c = r.config;
  print(cat("model       ", r.preset, ": ", counted(c.layers, "layer"), ", ",
            c.is_transformer() ? counted(c.heads, "head") : c.model, ", width ", c.width, ", context ", c.context,
            ", batch ", c.batch));
  print(parameters > 0 ? cat(";\n            ", count_text(static_cast<double>(parameters)), " parameters, dropout ",
                             c.dropout, "\n")
                       : "\n");
}

std::string megabytes(Index bytes) { return cat(fixed_text(static_cast<double>(bytes) / 1e6, 1), " MB"); }

std::string percent(double share) { return share > 0 ? cat(fixed_text(100 * share, share < 10 ? 1 : 0), "%") : "-"; }

// The flag --attention of train, with the help text of `bench attention`.
static Flag attention_flag() {
  Flag flag{"attention", "KIND", "attention: ", "Options", "full"};
  for (const AttentionKind& kind : attention_kinds()) flag.choices.push_back(kind.shown());
  flag.help += "the pattern, " + word_list(flag.choices, "or");
  return flag;
}

Command bench_command() {
  return {
      .name = "bench",
      .summary = "Measures the limits of this machine, and the share that training reaches.",
      .usage = "step|gemm|ops|attention|sample [OPTIONS]",
      .examples = {"headlight bench step", "headlight bench step --preset micro --threads 1",
                   "headlight bench step --preset baby --precision bf16", "headlight bench step --preset baby --remat",
                   "headlight bench step --config runs/tales/config.json",
                   "headlight bench step --trace step.json   # for chrome://tracing or Perfetto",
                   "headlight bench ops --preset baby", "headlight bench gemm --json"},
      .flags =
          {with_choices({"preset", "NAME", "the model: a preset of train; not for gemm", "Options", "cpu"},
                        preset_names()),
           {"config", "FILE",
            "step: the settings in a file, as printed by train --print-config, or in the config.json of a run; the "
            "tokens are random"},
           {"threads", "N", "number of threads; 0: one per core", "Options", "0"},
           {"seconds", "X", "duration in seconds, excluding the measurement of the machine's limits", "Options", "5"},
           {"dropout", "P", "step: dropout, instead of that of the settings"},
           with_choices({"precision", "P", "step, gemm: operands of matrix products", "Options", "float32"},
                        find_setting("precision")->choices),
           {"remat", "", "step: recompute results in the backward pass, as train --remat does"},
           {"trace", "FILE", "step: write a Chrome trace of a few steps"},
           {"context", "N", "attention: the longest context, 256 to 32768", "Options", "4096"},
           attention_flag(),
           {"bf16", "", "sample: bfloat16 weights"},
           {"int8", "", "sample: 8-bit weights"},
           {"json", "", "print one JSON object"}},
      .notes = kNotes,
      .least_operands = 1,
      .most_operands = 1,
      .run = run_bench,
      .operand_choices = {"step", "gemm", "ops", "attention", "sample"}};
}

}  // namespace headlight::cli
