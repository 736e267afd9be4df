// headlight bench ops and headlight bench attention: single operations compared with the limits of the machine.
#include <cmath>

#include "base/format.h"
#include "base/words.h"
#include "bench.h"
#include "bench/bench.h"
#include "formats/json.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "headlight/ops/ops.h"

namespace headlight::cli {

namespace {

std::string left(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size() + 1), ' ');
  return text;
}

bool is_bound(const Roofline& b) { return b.rate > 0; }

Json json_of(const OperationBench& o, const Roofline& b) {
  return Json::object()
      .set("operation", o.operation)
      .set("sizes", o.sizes)
      .set("phase", o.phase)
      .set("seconds", o.seconds)
      .set("flops", o.flops)
      .set("bytes", o.bytes)
      .set("bound", is_bound(b) ? Json(b.by_memory ? "memory" : "fma") : Json())
      .set("rate", is_bound(b) ? Json(b.rate) : Json())
      .set("limit", b.limit > 0 ? Json(b.limit) : Json())
      .set("share", b.limit > 0 ? Json(b.share()) : Json());
}

std::string row_of(const OperationBench& o, const Roofline& b) {
  const std::string rate = is_bound(b) ? fixed_text(b.rate, 1) : "-";
  const std::string limit = b.limit > 0 ? fixed_text(b.limit, 1) : "-";
  return cat(left(o.operation, 14), left(o.sizes, 18), left(o.phase, 9), padded(fixed_text(o.seconds * 1e3, 3), 8),
             padded(rate, 8), padded(limit, 8), left(is_bound(b) ? b.by_memory ? " GB/s" : " GFLOP/s" : "", 9),
             padded(percent(b.share()), 5), "\n");
}

}  // namespace

void bench_ops_report(const BenchRequest& r, Json& object) {
  describe_machine(r, object);
  const std::vector<OperationBench> all = bench_operations(r.config, 65, r.seconds);
  Json operations = Json::array();
  if (!r.json) {
    print_model(r, 0);
    print("\noperation     sizes             phase          ms reached   limit          share\n");
  }
  for (const OperationBench& o : all) {
    const Roofline b = roofline_of(o, r.limits);
    if (r.json) operations.push(json_of(o, b));
    else print(row_of(o, b));
  }
  if (r.json) {
    object.set("preset", r.preset).set("operations", operations);
    return;
  }
  print(
      "\nThe limit is the FMA peak or the bandwidth of the cache or memory that holds the\n"
      "data, whichever allows less. The work is the multiplications and additions of\n"
      "matrix products, one read per input and one write per result; exp and tanh are\n"
      "not counted. The backward pass of add has no work.\n");
}

void bench_attention_report(const BenchRequest& r, Json& object) {
  std::vector<Index> contexts;
  const Index longest = r.args.whole("context", 4096, 256, 32768);
  describe_machine(r, object);
  for (Index t = 256; t <= longest; t *= 2) contexts.push_back(t);
  const std::vector<AttentionBench> all = bench_attention(r.config, contexts, r.seconds);
  const double peak = r.limits.fma_peak();
  const Index heads = r.config.heads, size = r.config.width / heads;
  Json rows = Json::array();
  if (!r.json) {
    print(cat("attention   ", r.config.attention, ", causal, one sequence, ", counted(heads, "head"), " of size ", size,
              "\n\n"));
    print("context  ms forward  ms backward   GFLOP/s  of peak   memory beyond q, k, v\n");
  }
  for (const AttentionBench& a : all) {
    const double gflops = a.flops / (a.forward_seconds + a.backward_seconds) / 1e9;
    if (r.json)
      rows.push(Json::object()
                    .set("context", a.context)
                    .set("forward_seconds", a.forward_seconds)
                    .set("backward_seconds", a.backward_seconds)
                    .set("flops", a.flops)
                    .set("share_of_peak", peak > 0 ? Json(gflops / peak) : Json())
                    .set("extra_bytes", a.extra_bytes));
    else
      print(cat(padded(cat(a.context), 7), padded(fixed_text(a.forward_seconds * 1e3, 3), 12),
                padded(fixed_text(a.backward_seconds * 1e3, 3), 13), padded(fixed_text(gflops, 1), 10),
                padded(peak > 0 ? percent(gflops / peak) : "-", 9), padded(megabytes(a.extra_bytes), 24), "\n"));
  }
  // The exponent is the slope between the first and the last point in a log-log plot.
  const double exponent =
      all.size() < 2
          ? 0
          : std::log2(static_cast<double>(all.back().extra_bytes) / static_cast<double>(all[0].extra_bytes)) /
                static_cast<double>(all.size() - 1);
  if (r.json) {
    object.set("preset", r.preset)
        .set("attention", r.config.attention)
        .set("heads", heads)
        .set("head_size", size)
        .set("contexts", rows)
        .set("memory_exponent", all.size() < 2 ? Json() : Json(exponent));
    return;
  }
  if (all.size() > 1)
    print(cat("\nMemory grows as context^", fixed_text(exponent, 2), " (1: linear, 2: quadratic).\n"));
  print(
      "The work is 12 x keys x width per character, forward and backward together;\n"
      "a query of full attention has context / 2 keys on average. The memory is the\n"
      "peak tensor storage: results, gradients and temporaries.\n");
}

}  // namespace headlight::cli
