// headlight sample: text from a trained model.
#include <cmath>

#include "base/clock.h"
#include "base/format.h"
#include "base/utf8.h"
#include "corpora/grammar/lexer.h"
#include "formats/json.h"
#include "formats/safetensors_format.h"
#include "generation/quantize.h"
#include "generation/text_stream.h"
#include "headlight/base/error.h"
#include "headlight/base/index.h"
#include "headlight/base/random.h"
#include "headlight/base/text.h"
#include "headlight/data/vocabulary.h"
#include "headlight/data/windows.h"
#include "headlight/generation/decoder.h"
#include "headlight/generation/generate.h"
#include "headlight/ops/ops.h"
#include "headlight/tensor/tensor.h"
#include "os/file.h"
#include "os/terminal.h"
#include "training/run_directory.h"
#include "writing.h"

namespace headlight::cli {

namespace {

constexpr Index kMostPrompt = 1 << 24;  // bytes

// From --prompt, or from standard input where either says "-".
std::string prompt_of(const Arguments& args, const Vocabulary& vocabulary) {
  const bool operand = args.operands().size() > 1;
  if (operand && args.operands()[1] != "-")
    throw UsageError(cat(args.operands()[1], ": one word too many; a prompt goes with --prompt ",
                         quoted(args.operands()[1]), ", and - reads it from standard input"));
  if (operand && args.has("prompt")) throw UsageError("-: --prompt is given too; leave one of them out");
  std::string prompt = args.text("prompt", "");
  if (!operand && prompt != "-") return prompt;
  prompt = typed_text(read_file("-", kMostPrompt), vocabulary);
  // The line break that echo and editors add would begin a new line.
  if (prompt.ends_with("\r\n")) prompt.resize(prompt.size() - 2);
  else if (prompt.ends_with('\n')) prompt.pop_back();
  return prompt;
}

// Output that is seen as it comes, yet is not handed over byte by byte where it goes into a file.
class Screen {
 public:
  void show(std::string_view text) {
    print(text);
    const double now = monotonic_seconds();
    if (!terminal_ && now - shown_ < 0.05) return;
    finish_output();
    shown_ = now;
  }

 private:
  const bool terminal_ = stdout_is_terminal();
  double shown_ = 0;
};

// One line for each token: what it is, and the logarithm of its probability.
std::string token_line(const Vocabulary& vocabulary, const Drawn& drawn) {
  return cat(vocabulary.name(drawn.token), "\t", fixed_text(drawn.log_probability, 4), "\n");
}

int run_sample(const Arguments& args) {
  Writing w = writing_of(args, 500);
  const Index count = args.whole("count", 1, 1, 1'000'000);
  const bool log_probabilities = args.has("logprobs"), json = args.has("json");
  w.options.log_probabilities = log_probabilities;
  const TrainedModel trained = load_model(args.operands()[0], w.last ? Weights::kLast : Weights::kBest);
  const Vocabulary& vocabulary = trained.info.vocabulary;
  const std::string prompt = prompt_of(args, vocabulary);
  std::vector<std::int32_t> start = vocabulary.encode(prompt, "prompt");
  if (start.empty()) start = fresh_start(trained.info);
  // Of eight bits for the prompt too, and so what `eval --int8` measures.
  if (w.int8) round_to_int8(*trained.model);
  Writer writer(*trained.model, w.int8 ? Decoder::Weights::kInt8 : Decoder::Weights::kFloat32);
  Screen screen;
  const bool as_text = !json && !log_probabilities;
  for (Index i = 0; i < count; ++i) {
    const Index seed = w.seed + i;  // so that each can be had again by itself
    if (as_text && i > 0) print("\n");
    finish_output();
    say(cat("seed ", seed));
    if (as_text) screen.show(prompt);
    TextStream stream(w.stop);
    std::string text;  // for JSON
    Json tokens = Json::array();
    double sum = 0;
    Index written = 0;
    const auto show = [&](std::string_view piece) {
      if (as_text) screen.show(piece);
      else if (json) text += piece;
    };
    Rng rng(mix64(static_cast<std::uint64_t>(seed)));
    writer.write(
        start, w.chars, w.options, rng,
        [&](const Drawn& drawn) {
          const std::string piece = vocabulary.piece(drawn.token);
          if (log_probabilities) {
            sum += drawn.log_probability;
            ++written;
            if (json)
              tokens.push(Json::object()
                              .set("token", vocabulary.is_bytes() ? vocabulary.name(drawn.token) : piece)
                              .set("logprob", drawn.log_probability));
            else screen.show(token_line(vocabulary, drawn));
          }
          show(stream.feed(piece));
          return !stream.stopped();
        },
        trained.info.document_end);
    const bool stopped = stream.stopped();
    show(stream.finish());
    if (as_text) print("\n");
    if (json) {
      Utf8Stream characters;  // a model of bytes may write what is none
      std::u32string shown = characters.feed(text);
      shown += characters.finish();
      Json object = Json::object();
      object.set("seed", seed).set("prompt", prompt).set("text", encode_utf8(shown)).set("stopped", stopped);
      if (log_probabilities) object.set("logprob", sum).set("tokens", tokens);
      print(json_text(object) + "\n");
    } else if (log_probabilities) {
      finish_output();
      say(cat("mean ", fixed_text(sum / static_cast<double>(written), 4), " nats, of ", written,
              written == 1 ? " token" : " tokens"));
    }
  }
  return 0;
}

std::vector<Flag> sample_flags() {
  std::vector<Flag> flags = {
      {"prompt", "TEXT", "what the text begins with; -: standard input, without its last line break", "Options",
       "nothing: as after a document or line break"},
      {"count", "N", "so many texts, a blank line between them, each with the next seed", "Options", "1"}};
  const std::vector<Flag> shared = writing_flags("characters to write", "500");
  flags.insert(flags.end(), shared.begin(), shared.end());
  flags.push_back({"logprobs", "", "each character and its log-probability under the model, a line each, instead"});
  flags.push_back({"json", "", "one JSON object a text"});
  return flags;
}

}  // namespace

Command sample_command() {
  return {
      .name = "sample",
      .summary = "Writes text with a trained model.",
      .usage = "DIR [-] [--prompt TEXT] [--chars N] [OPTIONS]",
      .examples = {"headlight sample runs/tales", "headlight sample runs/mine --prompt \"ROMEO:\" --chars 300 --seed 7",
                   "headlight sample runs/mine --temperature 0  # always the likeliest character",
                   "headlight sample runs/mine --count 3 --stop \".\"",
                   "echo \"Once upon\" | headlight sample runs/mine -"},
      .flags = sample_flags(),
      .least_operands = 1,
      .most_operands = 2,
      .run = run_sample};
}

}  // namespace headlight::cli
