// headlight bench step: a training step, its memory, and its time by operation.
#include "base/format.h"
#include "base/words.h"
#include "bench.h"
#include "bench/bench.h"
#include "cli/allocations.h"
#include "formats/json.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "headlight/ops/ops.h"
#include "os/file.h"
#include "os/process.h"

namespace headlight::cli {

namespace {

void print_operations(const StepBench& b) {
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
              padded(percent(t.seconds / total), 8), "\n"));
  }
}

void print_report(const BenchRequest& r, const StepBench& b, bool counted, double peak) {
  const double gflops = b.flops / b.seconds / 1e9;
  print_model(r, b.parameters);
  if (r.config.precision == Precision::kBf16)
    print(cat("precision   bfloat16 products", has_fast_bf16() ? "" : " on float32 units", "\n"));
  if (r.config.remat) print("remat       attention outputs, norms and activations are recomputed\n");
  print(cat("step        ", fixed_text(b.seconds * 1e3, 2), " ms median, ", fixed_text(b.best_seconds * 1e3, 2),
            " ms best of ", b.steps, "; ", count_text(static_cast<double>(b.tokens) / b.seconds), " tokens/s\n"));
  print(cat("work        ", fixed_text(b.flops / 1e9, 2), " GFLOP per step: ", fixed_text(gflops, 1), " GFLOP/s",
            peak > 0 ? cat(", ", percent(gflops / peak), " of the peak") : "", "\n"));
  print(cat("memory      ", megabytes(b.pool_peak_bytes), " of tensors, ", megabytes(b.peak_memory_bytes),
            " resident (peak)\n"));
  print(cat("allocated   ", b.system_allocations, " tensor blocks",
            counted ? cat(" and ", b.allocated_bytes / b.steps, " bytes per step") : "", " in ",
            headlight::counted(b.steps, "step"), "\n\n"));
  print_operations(b);
  print(
      "\nThe work is 6 x (parameters in matrices) x tokens + 6 x layers x context x width\n"
      "x tokens (causal attention without the masked half).\n");
}

}  // namespace

void bench_step_report(const BenchRequest& r, Json& object) {
  std::function<Index()> allocated;
  if (allocated_bytes() > 0) allocated = allocated_bytes;  // 0: not counted in this build
  const StepBench b = bench_step(r.config, 65, r.seconds, allocated);
  describe_machine(r, object);
  const double peak = r.limits.fma_peak();
  if (const auto file = r.args.text("trace")) write_file_atomically(*file, b.trace);
  if (!r.json) return print_report(r, b, static_cast<bool>(allocated), peak);
  Json operations = Json::array();
  for (const OperationTime& t : b.operations)
    operations.push(Json::object()
                        .set("operation", t.operation)
                        .set("phase", t.phase)
                        .set("calls", t.calls)
                        .set("seconds", t.seconds));
  object.set(r.args.has("config") ? "config" : "preset", r.preset)
      .set("precision", text_of(r.config, "precision"))
      .set("remat", r.config.remat)
      .set("parameters", b.parameters)
      .set("seconds", b.seconds)
      .set("best_seconds", b.best_seconds)
      .set("steps", b.steps)
      .set("tokens", b.tokens)
      .set("flops", b.flops)
      .set("share_of_peak", peak > 0 ? Json(b.flops / b.seconds / 1e9 / peak) : Json())
      .set("tensor_bytes", b.pool_peak_bytes)
      .set("resident_bytes", b.peak_memory_bytes)
      .set("allocations", b.system_allocations)
      .set("allocated_bytes", allocated ? Json(b.allocated_bytes) : Json())
      .set("operations", operations);
}

}  // namespace headlight::cli
