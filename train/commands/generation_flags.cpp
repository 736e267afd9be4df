// Definition, defaults and parsing of the text generation flags.
#include "generation_flags.h"

#include "base/utf8.h"

#include <random>

#include "formats/safetensors_format.h"
#include "headlight/base/error.h"
#include "headlight/base/text.h"
#include "headlight/data/vocabulary.h"
#include "headlight/data/windows.h"
#include "models/quantize.h"
#include "training/run_directory.h"

namespace headlight::cli {

std::vector<Flag> generation_flags(const char* chars_help, const char* chars_default) {
  return {{"chars", "N", chars_help, "Options", chars_default},
          {"temperature", "X",
           "divide the logits by X: below 1 more predictable, above 1 more varied; 0: always the most likely",
           "Options", "0.8"},
          {"top-k", "N", "sample from the N most likely characters; 0: from all", "Options", "0"},
          {"top-p", "X", "sample from the most likely characters whose probabilities add up to X", "Options", "1"},
          {"repetition-penalty", "X",
           "above 1, make the last 64 characters less likely: divide positive logits by X, multiply negative ones",
           "Options", "1"},
          {"stop", "TEXT", "end before this text would appear"},
          {"seed", "N", "random seed; the same seed gives the same text", "Options", "random, and printed"},
          {"bf16", "", "bfloat16 weights: half the bytes, for models larger than the caches"},
          {"int8", "", "int8 weights: faster for models larger than the caches, slightly less accurate"},
          {"last", "", "use the last checkpoint instead of the best one"}};
}

GenerationFlags generation_flags_of(const Arguments& args, Index chars) {
  GenerationFlags w{.chars = args.whole("chars", chars, 1, 100'000'000),
                    .options = {.temperature = args.real("temperature", 0.8, 0, 100),
                                .top_k = args.whole("top-k", 0, 0, 1'000'000),
                                .top_p = args.real("top-p", 1, 1e-6, 1),
                                .repetition_penalty = args.real("repetition-penalty", 1, 0.01, 100)},
                    .seed = args.whole("seed", -1, 0, Index{1} << 53),
                    .stop = args.text("stop", ""),
                    .weights = weight_format_of(args),
                    .last = args.has("last")};
  if (args.has("stop") && w.stop.empty()) throw UsageError("--stop '': is empty; give at least one character");
  // A random seed is short enough to retype.
  if (w.seed < 0) w.seed = static_cast<Index>(std::random_device()() % 1'000'000);
  return w;
}

WeightFormat weight_format_of(const Arguments& args) {
  if (args.has("bf16") && args.has("int8")) throw UsageError("--bf16 and --int8 cannot both be given");
  return args.has("bf16") ? WeightFormat::kBf16 : args.has("int8") ? WeightFormat::kInt8 : WeightFormat::kFloat32;
}

TextGenerator text_generator_of(const TrainedModel& trained, WeightFormat weights) {
  // Round the model itself too, so that the prompt is read with the same weights, as in `eval --int8`.
  if (weights != WeightFormat::kFloat32)
    round_weights(trained.transformer(weights == WeightFormat::kInt8 ? "--int8" : "--bf16"), weights);
  TextGenerator generator(*trained.model, weights);
  if (generator.reruns_window())
    say("notice  this model has no incremental decoding; each new token runs it on the whole window");
  return generator;
}

std::string without_byte_order_mark(std::string text, const Vocabulary& vocabulary) {
  if (vocabulary.is_bytes()) return text;
  refuse_other_encodings(text, "standard input", "-");
  if (text.starts_with(kByteOrderMark)) {
    text.erase(0, kByteOrderMark.size());
    print_byte_order_marks({"standard input"});
  }
  return text;
}

std::vector<std::int32_t> start_tokens(const RunInfo& info) {
  if (!info.document_end.empty()) return {info.document_end.back()};
  const Vocabulary& vocabulary = info.vocabulary;
  const bool has_break = vocabulary.is_bytes() || vocabulary.characters().find(U'\n') != std::u32string::npos;
  return has_break ? vocabulary.encode("\n", "prompt") : std::vector<std::int32_t>{0};
}

}  // namespace headlight::cli
