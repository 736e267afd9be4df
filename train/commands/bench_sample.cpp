// headlight bench sample: time per generated character, compared with the memory bandwidth.
#include "bench/bench_sample.h"
#include "base/format.h"
#include "base/words.h"
#include "bench.h"
#include "formats/json.h"
#include "generation_flags.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "headlight/tensor/tensor.h"
#include "models/decoder.h"
#include "training/run_directory.h"

namespace headlight::cli {

void bench_sample_report(const BenchRequest& r, Json& object) {
  const WeightFormat weights = weight_format_of(r.args);
  describe_machine(r, object);
  const SampleBench b = bench_sample(r.config, weights, 65, r.seconds);
  if (r.json) {
    object.set("preset", r.preset)
        .set("weights", weights == WeightFormat::kInt8   ? "int8"
                        : weights == WeightFormat::kBf16 ? "bf16"
                                                         : "float32")
        .set("parameters", b.parameters)
        .set("seconds", b.seconds)
        .set("best_seconds", b.best_seconds)
        .set("draw_seconds", b.draw_seconds)
        .set("long_seconds", b.long_seconds)
        .set("prompt_seconds", b.batch_seconds)
        .set("tokens", b.tokens)
        .set("weight_bytes", b.weight_bytes)
        .set("cache_bytes", b.cache_bytes)
        .set("bandwidth", b.bandwidth)
        .set("share_of_bandwidth", b.share());
    return;
  }
  const auto micro = [](double seconds) { return fixed_text(seconds * 1e6, 1); };
  print(cat("model       ", r.preset, ": ", counted(r.config.layers, "layer"), ", ", counted(r.config.heads, "head"),
            ", width ", r.config.width, ", context ", r.config.context, ";\n            ",
            count_text(static_cast<double>(b.parameters)), " parameters",
            weights == WeightFormat::kInt8   ? ", 8-bit weights"
            : weights == WeightFormat::kBf16 ? ", bfloat16 weights"
                                             : "",
            "\n"));
  print(cat("character   ", micro(b.seconds), " us median, ", micro(b.best_seconds), " us best, including ",
            micro(b.draw_seconds), " us for sampling\n            ", count_text(1 / b.seconds), " characters/s\n"));
  const double bytes = static_cast<double>(b.weight_bytes) + b.cache_bytes;
  print(cat("reads       ", megabytes(b.weight_bytes), " of weights, ", megabytes(static_cast<Index>(b.cache_bytes)),
            " of keys and values per character:\n            ", fixed_text(bytes / b.best_seconds / 1e9, 1), " GB/s, ",
            percent(b.share()), " of the ", fixed_text(b.bandwidth, 1), " GB/s that a loop of reads achieves\n"));
  print(cat("long text   ", micro(b.long_seconds), " us per character beyond the context; ",
            count_text(1 / b.long_seconds), " characters/s\n"));
  print(cat("prompt      ", fixed_text(b.batch_seconds * 1e3, 2), " ms for ", r.config.context,
            " characters in one batch\n"));
}

}  // namespace headlight::cli
