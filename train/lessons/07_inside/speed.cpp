// Times a pruned model and five matrix products, and measures the memory of attention with and without all weights.
//
// The choice of the instruction set comes from an internal header.
#include "lessons/07_inside/speed.h"

#include <cmath>
#include <utility>

#include "base/format.h"
#include "base/isa.h"
#include "headlight/base/text.h"
#include "headlight/base/threads.h"
#include "headlight/ops/ops.h"
#include "lessons/07_inside/products.h"

namespace headlight::lessons {

void compare_sizes(const TransformerLM& model, const TransformerLM& pruned, const Batch& batch,
                   const LessonProgress& progress, LessonResult& result) {
  double full_seconds = std::numeric_limits<double>::infinity(),
         pruned_seconds = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 20; ++i) {
    full_seconds = std::min(full_seconds, least_seconds(10, [&] { model(batch.inputs, batch.rows); }));
    pruned_seconds = std::min(pruned_seconds, least_seconds(10, [&] { pruned(batch.inputs, batch.rows); }));
    progress("timing both models", i, 20);
  }
  const double kib = static_cast<double>(model.parameter_count()) / 256,
               pruned_kib = static_cast<double>(pruned.parameter_count()) / 256;
  const double bytes_share = pruned_kib / kib, time_share = pruned_seconds / full_seconds;
  result.tables.push_back(
      {"Four heads pruned",
       {"", "8 heads", "4 heads", "share"},
       {{"weights in KiB", fixed_text(kib, 1), fixed_text(pruned_kib, 1), fixed_text(bytes_share, 2)},
        {"ms for 8 sequences", fixed_text(full_seconds * 1e3, 2), fixed_text(pruned_seconds * 1e3, 2),
         fixed_text(time_share, 2)}}});
  result.figures.push_back({"bytes_share", bytes_share});
  result.figures.push_back({"time_share", time_share});
}

void measure_products(const LessonProgress& progress, LessonResult& result) {
  constexpr Index kSize = 288;
  const Isa before = current_isa();
  if (isa_available(Isa::kAvx2)) set_isa(Isa::kAvx2);
  Rng rng(1);
  const Tensor a = Tensor::normal({kSize, kSize}, 0, 1, rng), b = Tensor::normal({kSize, kSize}, 0, 1, rng);
  std::vector<float> c(kSize * kSize), first;
  const double one = peak_gflops(), all = one * thread_count();
  Table table{cat("C = A B, n = ", kSize, ", float32"), {"way", "threads", "GFLOP/s", "of peak", "against naive"}, {}};
  std::vector<double> seconds;
  double apart = 0, size = 0;
  // The library runs twice, first on one thread.
  std::vector<WayToMultiply> ways(ways_to_multiply().begin(), ways_to_multiply().end());
  ways.insert(ways.end() - 1, ways.back());
  ways[4].threads = 1;
  const int threads = thread_count();
  for (const WayToMultiply& way : ways) {
    progress("five products", static_cast<Index>(seconds.size()), 6);
    set_thread_count(way.threads == 1 ? 1 : threads);
    const auto run = [&] {
      way.multiply(kSize, std::as_const(a).data<float>(), std::as_const(b).data<float>(), c.data());
    };
    run();  // wakes the threads
    seconds.push_back(least_seconds(seconds.empty() ? 10 : 40, run));
    if (first.empty()) first = c;
    for (std::size_t i = 0; i < c.size(); ++i) {
      apart = std::max(apart, static_cast<double>(std::abs(c[i] - first[i])));
      size = std::max(size, static_cast<double>(std::abs(first[i])));
    }
    const double gflops = 2e-9 * kSize * kSize * kSize / seconds.back();
    const double peak = way.threads == 1 ? one : all;
    table.rows.push_back({way.name, cat(thread_count()), fixed_text(gflops, 1),
                          peak > 0 ? cat(fixed_text(100 * gflops / peak, 0), "%") : "-",
                          cat(fixed_text(seconds[0] / seconds.back(), 0), "x")});
  }
  set_isa(before);
  if (all > 0)
    table.rows.push_back({"peak of multiply-adds", cat(thread_count()), fixed_text(all, 1), "100%",
                          cat(fixed_text(all * seconds[0] / (2e-9 * kSize * kSize * kSize), 0), "x")});
  result.tables.push_back(table);
  result.figures.insert(result.figures.end(), {{"product_difference", apart / size * 1e6},
                                               {"blocked_faster", seconds[1] < seconds[0] ? 1.0 : 0.0},
                                               {"intrinsics_faster", seconds[2] < seconds[1] ? 1.0 : 0.0},
                                               {"library_faster", seconds[4] < seconds[2] ? 1.0 : 0.0}});
}

void measure_memory(const LessonProgress& progress, LessonResult& result) {
  constexpr Index kHeadCount = 4, kHeadSize = 16;
  Table table{"Memory during attention, 4 heads of size 16, in KiB", {"T", "all weights", "tiled", "ratio"}, {}};
  Series naive{"all weights", Color::kBlue, {}}, tiled{"tiled", Color::kYellow, {}};
  double apart = 0;
  for (Index T = 128; T <= 1024; T *= 2) {
    progress("memory of attention", T, 1024);
    Rng rng(static_cast<std::uint64_t>(T));
    const Tensor q = Tensor::normal({1, kHeadCount, T, kHeadSize}, 0, 1, rng), k = Tensor::normal(q.shape(), 0, 1, rng),
                 v = Tensor::normal(q.shape(), 0, 1, rng);
    const auto peak = [&](const auto& compute, Tensor& y) {
      pool_reset_peak();
      const Index before = pool_stats().bytes_in_use;
      AttentionOptions causal;
      causal.causal = true;
      y = compute(q, k, v, causal, nullptr);
      return static_cast<double>(pool_stats().bytes_peak - before) / 1024;
    };
    Tensor y, reference;
    tiled.points.push_back({static_cast<double>(T), peak(attention, y)});
    naive.points.push_back({static_cast<double>(T), peak(attention_composite, reference)});
    for (Index i = 0; i < y.numel(); ++i)
      apart = std::max(apart, static_cast<double>(std::abs(std::as_const(y).data<float>()[i] -
                                                           std::as_const(reference).data<float>()[i])));
    const double all = naive.points.back().y, few = tiled.points.back().y;
    table.rows.push_back({cat(T), fixed_text(all, 0), fixed_text(few, 0), fixed_text(all / few, 0)});
  }
  const auto growth = [](const Series& s) { return s.points.back().y / s.points[s.points.size() - 2].y; };
  result.figures.insert(result.figures.end(), {{"naive_growth", growth(naive)},
                                               {"tiled_growth", growth(tiled)},
                                               {"memory_ratio", naive.points.back().y / tiled.points.back().y},
                                               {"attention_difference", apart * 1e6}});
  result.tables.push_back(table);
  result.charts.push_back(
      {.title = "Memory during attention", .x_name = "T", .y_name = "KiB", .series = {naive, tiled}});
}

}  // namespace headlight::lessons
