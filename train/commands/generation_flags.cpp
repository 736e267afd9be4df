#include "writing.h"

#include <random>

#include "formats/safetensors_format.h"
#include "headlight/base/error.h"
#include "headlight/base/text.h"
#include "headlight/data/vocabulary.h"
#include "headlight/data/windows.h"
#include "training/run_directory.h"

namespace headlight::cli {

std::vector<Flag> writing_flags(const char* chars_help, const char* chars_default) {
  return {
      {"chars", "N", chars_help, "Options", chars_default},
      {"temperature", "X", "below 1 safer, above 1 wilder; 0: no chance at all", "Options", "0.8"},
      {"top-k", "N", "choose among the N likeliest only; 0: all", "Options", "0"},
      {"top-p", "X", "choose among the likeliest that together reach probability X", "Options", "1"},
      {"repetition-penalty", "X",
       "above 1, avoid the last 64 characters' own: their logits are divided by X, or multiplied where negative",
       "Options", "1"},
      {"stop", "TEXT", "end before this text would be written"},
      {"seed", "N", "of the random choices; the same seed writes the same text", "Options", "a new one, which is told"},
      {"int8", "", "weights of eight bits: faster where the model is larger than the caches, a little worse"},
      {"last", "", "use the last checkpoint instead of the best step"}};
}

Writing writing_of(const Arguments& args, Index chars) {
  Writing w{.chars = args.whole("chars", chars, 1, 100'000'000),
            .options = {.temperature = args.real("temperature", 0.8, 0, 100),
                        .top_k = args.whole("top-k", 0, 0, 1'000'000),
                        .top_p = args.real("top-p", 1, 1e-6, 1),
                        .repetition_penalty = args.real("repetition-penalty", 1, 0.01, 100)},
            .seed = args.whole("seed", -1, 0, Index{1} << 53),
            .stop = args.text("stop", ""),
            .int8 = args.has("int8"),
            .last = args.has("last")};
  if (args.has("stop") && w.stop.empty()) throw UsageError("--stop '': an empty text would stop everything");
  // Short enough to be typed again.
  if (w.seed < 0) w.seed = static_cast<Index>(std::random_device()() % 1'000'000);
  return w;
}

std::vector<std::int32_t> fresh_start(const RunInfo& info) {
  if (!info.document_end.empty()) return {info.document_end.back()};
  const Vocabulary& vocabulary = info.vocabulary;
  const bool has_break = vocabulary.is_bytes() || vocabulary.characters().find(U'\n') != std::u32string::npos;
  return has_break ? vocabulary.encode("\n", "prompt") : std::vector<std::int32_t>{0};
}

}  // namespace headlight::cli
