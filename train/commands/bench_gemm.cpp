// headlight bench gemm: matrix products compared with the FMA peak.
#include <cmath>

#include "base/format.h"
#include "bench.h"
#include "bench/bench.h"
#include "formats/json.h"
#include "headlight/base/text.h"
#include "headlight/ops/ops.h"

namespace headlight::cli {

void bench_gemm_report(const BenchRequest& r, Json& object) {
  describe_machine(r, object);
  const double peak = r.limits.fma_peak();
  const std::vector<GemmTime> times = bench_gemm(r.seconds, r.config.precision);
  Json shapes = Json::array();
  double log_sum = 0;
  if (!r.json) print("\n    m     n     k          us   GFLOP/s  of peak\n");
  for (const GemmTime& t : times) {
    const GemmShape& s = t.shape;
    const double gflops = s.flops() / t.seconds / 1e9;
    log_sum += std::log(gflops);
    if (r.json)
      shapes.push(Json::object()
                      .set("m", s.m)
                      .set("n", s.n)
                      .set("k", s.k)
                      .set("trans_a", s.trans_a)
                      .set("trans_b", s.trans_b)
                      .set("seconds", t.seconds)
                      .set("gflops", gflops)
                      .set("share_of_peak", peak > 0 ? Json(gflops / peak) : Json()));
    else
      print(cat(padded(cat(s.m), 5), padded(cat(s.n), 6), padded(cat(s.k), 6), s.trans_a ? "  A^T" : "     ",
                s.trans_b ? " B^T" : "    ", padded(fixed_text(t.seconds * 1e6, 1), 10),
                padded(fixed_text(gflops, 1), 10), padded(peak > 0 ? percent(gflops / peak) : "-", 9), "\n"));
  }
  const double mean = std::exp(log_sum / static_cast<double>(times.size()));
  if (!r.json) {
    print(cat("geometric mean", padded(fixed_text(mean, 1), 32), padded(peak > 0 ? percent(mean / peak) : "-", 9),
              "\n\nC [m,n] = A [m,k] B [k,n], best of several repetitions;\n"
              "A^T: A is stored as [k,m], B^T: B is stored as [n,k].\n"));
    return;
  }
  object.set("precision", text_of(r.config, "precision"))
      .set("shapes", shapes)
      .set("geometric_mean_gflops", mean)
      .set("share_of_peak", peak > 0 ? Json(mean / peak) : Json());
}

}  // namespace headlight::cli
