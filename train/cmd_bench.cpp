// headlight bench: how fast a training step is on this machine, and where its time goes.
#include "cli.h"

namespace headlight::cli {

namespace {

std::string megabytes(Index bytes) { return cat(fixed_text(static_cast<double>(bytes) / 1e6, 1), " MB"); }

void print_report(const std::string& preset, const RunConfig& c, const StepBench& b, double peak) {
  const double gflops = b.flops / b.seconds / 1e9;
  print(cat("machine     ", thread_count(), thread_count() == 1 ? " thread, " : " threads, ", isa_name(current_isa()),
            " kernels", peak > 0 ? cat(", FMA peak ", fixed_text(peak, 1), " GFLOP/s") : "", "\n"));
  print(cat("model       ", preset, ": ", c.layers, " layers, ", c.heads, " heads, width ", c.width, ", context ",
            c.context, ", batch ", c.batch, ": ", count_text(static_cast<double>(b.parameters)), " parameters\n"));
  print(cat("step        ", fixed_text(b.seconds * 1e3, 2), " ms median, ", fixed_text(b.best_seconds * 1e3, 2),
            " ms best of ", b.steps, "; ", count_text(static_cast<double>(b.tokens) / b.seconds), " tokens/s\n"));
  print(cat("work        ", fixed_text(b.flops / 1e9, 2), " GFLOP a step: ", fixed_text(gflops, 1), " GFLOP/s",
            peak > 0 ? cat(", ", fixed_text(100 * gflops / peak, 1), "% of the peak") : "", "\n"));
  print(cat("memory      ", megabytes(b.pool_peak_bytes), " of tensors at most, ", megabytes(b.peak_memory_bytes),
            " resident at most; ", b.system_allocations, " allocations in ", b.steps, " steps\n\n"));
  print("operation        phase      calls       ms   share\n");
  double total = 0;
  for (const OperationTime& t : b.operations) total += t.seconds;
  for (const OperationTime& t : b.operations) {
    if (t.seconds < 0.002 * total) continue;
    std::string line = t.operation;
    line.resize(std::max<std::size_t>(17, line.size() + 1), ' ');
    line += t.phase;
    line.resize(std::max<std::size_t>(26, line.size()), ' ');
    print(cat(line, padded(cat(t.calls), 7), padded(fixed_text(t.seconds * 1e3, 3), 9),
              padded(cat(fixed_text(100 * t.seconds / total, 1), "%"), 8), "\n"));
  }
  print(
      "\nWork is counted as 6 x (parameters in matrices) x tokens + 6 x layers x context x width x\n"
      "tokens (causal attention, counted once).\n");
}

int run(const Arguments& args) {
  if (args.operands()[0] != "step") throw UsageError(cat(args.operands()[0], ": not a benchmark; there is: step"));
  const std::string preset = args.text("preset", "cpu");
  const RunConfig config = find_preset(preset).config;
  const double seconds = args.real("seconds", 5, 0.1, 3600);
  if (const Index threads = args.whole("threads", 0, 0, 256); threads > 0) set_thread_count(static_cast<int>(threads));
  const double peak = fma_peak(thread_count());
  const StepBench b = bench_step(config, 65, seconds);
  if (const auto file = args.text("trace")) write_file_atomically(*file, b.trace);
  if (!args.has("json")) {
    print_report(preset, config, b, peak);
    return 0;
  }
  Json operations = Json::array();
  for (const OperationTime& t : b.operations)
    operations.push(Json::object()
                        .set("operation", t.operation)
                        .set("phase", t.phase)
                        .set("calls", t.calls)
                        .set("seconds", t.seconds));
  print(json_text(Json::object()
                      .set("preset", preset)
                      .set("threads", thread_count())
                      .set("kernels", isa_name(current_isa()))
                      .set("fma_peak_gflops", peak)
                      .set("seconds", b.seconds)
                      .set("best_seconds", b.best_seconds)
                      .set("steps", b.steps)
                      .set("tokens", b.tokens)
                      .set("flops", b.flops)
                      .set("share_of_peak", peak > 0 ? Json(b.flops / b.seconds / 1e9 / peak) : Json())
                      .set("tensor_bytes", b.pool_peak_bytes)
                      .set("resident_bytes", b.peak_memory_bytes)
                      .set("allocations", b.system_allocations)
                      .set("operations", operations)) +
        "\n");
  return 0;
}

}  // namespace

Command bench_command() {
  return {.name = "bench",
          .summary = "Times a training step, and shows where its time goes.",
          .usage = "step [--preset NAME] [--threads N] [--json] [--trace FILE]",
          .examples = {"headlight bench step", "headlight bench step --preset micro --threads 1",
                       "headlight bench step --trace step.json          # open it in chrome://tracing or Perfetto"},
          .flags = {{"preset", "NAME", "the model: demo, micro, cpu or baby", "Options", "cpu"},
                    {"threads", "N", "0: as many as there are cores", "Options", "0"},
                    {"seconds", "X", "how long to measure", "Options", "5"},
                    {"trace", "FILE", "write a few steps as a Chrome trace"},
                    {"json", "", "print one JSON object"}},
          .least_operands = 1,
          .most_operands = 1,
          .run = run};
}

}  // namespace headlight::cli
