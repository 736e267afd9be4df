// headlight sample: generates text with a trained model.
#include <cmath>

#include "base/clock.h"
#include "base/format.h"
#include "base/utf8.h"
#include "corpora/grammar/lexer.h"
#include "formats/json.h"
#include "formats/safetensors_format.h"
#include "generation/text_stream.h"
#include "generation_flags.h"
#include "headlight/base/error.h"
#include "headlight/base/index.h"
#include "headlight/base/random.h"
#include "headlight/base/text.h"
#include "headlight/data/vocabulary.h"
#include "headlight/data/windows.h"
#include "headlight/generation/generate.h"
#include "headlight/models/sequence_models.h"
#include "headlight/ops/ops.h"
#include "headlight/tensor/tensor.h"
#include "models/decoder.h"
#include "models/quantize.h"
#include "os/file.h"
#include "os/terminal.h"
#include "training/run_directory.h"

namespace headlight::cli {

namespace {

constexpr Index kMaxPrompt = 1 << 24;  // bytes

// The prompt from --prompt, or from standard input if --prompt or the operand is "-".
std::string prompt_of(const Arguments& args, const Vocabulary& vocabulary) {
  const bool operand = args.operands().size() > 1;
  if (operand && args.operands()[1] != "-")
    throw UsageError(cat(args.operands()[1], ": unexpected argument; use --prompt ", quoted(args.operands()[1]),
                         ", or - for standard input"));
  if (operand && args.has("prompt")) throw UsageError("-: conflicts with --prompt; use only one of them");
  std::string prompt = args.text("prompt", "");
  if (!operand && prompt != "-") return prompt;
  prompt = without_byte_order_mark(read_file("-", kMaxPrompt), vocabulary);
  // Drop the final line break that echo and editors add, so that the model continues the last line.
  if (prompt.ends_with("\r\n")) prompt.resize(prompt.size() - 2);
  else if (prompt.ends_with('\n')) prompt.pop_back();
  return prompt;
}

// Prints text: flushes after every piece on a terminal, and at most every 50 ms to a file or pipe.
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

// A line for --logprobs: the token and its log-probability.
std::string token_line(const Vocabulary& vocabulary, const SampledToken& drawn) {
  return cat(vocabulary.name(drawn.token), "\t", fixed_text(drawn.log_probability, 4), "\n");
}

// Prints the target of each line of the prompt.
int run_translate(const Arguments& args, const TrainedModel& trained, const EncoderDecoder& model) {
  for (const auto& [flag, value] : args.values())
    if (flag != "prompt" && flag != "json" && flag != "last")
      throw UsageError(cat("--", flag, ": the model ", trained.info.config.model,
                           " always takes the most probable token; omit this flag"));
  const Vocabulary& vocabulary = trained.info.vocabulary;
  const std::string prompt = prompt_of(args, vocabulary);
  if (prompt.empty()) throw UsageError("--prompt: is missing; give the source to map to a target");
  if (prompt.find('\t') != std::string::npos) throw UsageError("--prompt: has a tab; give only the source");
  for (std::size_t at = 0; at <= prompt.size();) {
    const std::size_t end = std::min(prompt.find('\n', at), prompt.size());
    const std::string source = prompt.substr(at, end - at);
    at = end + 1;
    const std::string target = vocabulary.decode(model.translate(vocabulary.encode(source, "prompt")));
    if (args.has("json")) print(json_text(Json::object().set("source", source).set("target", target)) + "\n");
    else print(target + "\n");
  }
  return 0;
}

int run_sample(const Arguments& args) {
  GenerationFlags w = generation_flags_of(args, 500);
  const Index count = args.whole("count", 1, 1, 1'000'000);
  const bool log_probabilities = args.has("logprobs"), json = args.has("json");
  w.options.log_probabilities = log_probabilities;
  const TrainedModel trained =
      load_model(args.operands()[0], w.last ? CheckpointChoice::kLast : CheckpointChoice::kBest);
  if (const auto* pairs = dynamic_cast<const EncoderDecoder*>(trained.model.get()))
    return run_translate(args, trained, *pairs);
  require_next_token(*trained.model, args.operands()[0]);
  const Vocabulary& vocabulary = trained.info.vocabulary;
  const std::string prompt = prompt_of(args, vocabulary);
  std::vector<std::int32_t> start = vocabulary.encode(prompt, "prompt");
  if (start.empty()) start = start_tokens(trained.info);
  TextGenerator text_generator = text_generator_of(trained, w.weights);
  Screen screen;
  const bool as_text = !json && !log_probabilities;
  for (Index i = 0; i < count; ++i) {
    const Index seed = w.seed + i;  // reproduces each text separately
    if (as_text && i > 0) print("\n");
    finish_output();
    say(cat("seed ", seed));
    if (as_text) screen.show(prompt);
    TextStream stream(w.stop);
    std::string text;  // for JSON
    Json tokens = Json::array();
    double sum = 0;
    Index generated = 0;
    const auto show = [&](std::string_view piece) {
      if (as_text) screen.show(piece);
      else if (json) text += piece;
    };
    Rng rng(mix64(static_cast<std::uint64_t>(seed)));
    text_generator.generate(
        start, w.chars, w.options, rng,
        [&](const SampledToken& drawn) {
          const std::string piece = vocabulary.piece(drawn.token);
          if (log_probabilities) {
            sum += drawn.log_probability;
            ++generated;
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
      Utf8Stream characters;  // a byte model may generate invalid UTF-8
      std::u32string shown = characters.feed(text);
      shown += characters.finish();
      Json object = Json::object();
      object.set("seed", seed).set("prompt", prompt).set("text", encode_utf8(shown)).set("stopped", stopped);
      if (log_probabilities) object.set("logprob", sum).set("tokens", tokens);
      print(json_text(object) + "\n");
    } else if (log_probabilities) {
      finish_output();
      say(cat("mean ", fixed_text(sum / static_cast<double>(generated), 4), " nats, of ", generated,
              generated == 1 ? " token" : " tokens"));
    }
  }
  return 0;
}

std::vector<Flag> sample_flags() {
  std::vector<Flag> flags = {
      {"prompt", "TEXT", "beginning of the text; -: read standard input, without its last line break", "Options",
       "none: start as after a document end or line break"},
      {"count", "N", "number of texts, separated by blank lines, each with the next seed", "Options", "1"}};
  const std::vector<Flag> shared = generation_flags("number of characters to generate", "500");
  flags.insert(flags.end(), shared.begin(), shared.end());
  flags.push_back({"logprobs", "", "print one line per character instead: the character and its log-probability"});
  flags.push_back({"json", "", "print one JSON object per text"});
  return flags;
}

}  // namespace

Command sample_command() {
  return {
      .name = "sample",
      .summary = "Generates text with a trained model.",
      .usage = "DIR [-] [--prompt TEXT] [--chars N] [OPTIONS]",
      .examples = {"headlight sample runs/tales", "headlight sample runs/mine --prompt \"ROMEO:\" --chars 300 --seed 7",
                   "headlight sample runs/mine --temperature 0  # always the most likely character",
                   "headlight sample runs/mine --count 3 --stop \".\"",
                   "headlight sample runs/numbers --prompt 1234  # the target of a source",
                   "echo \"Once upon\" | headlight sample runs/mine -"},
      .flags = sample_flags(),
      .least_operands = 1,
      .most_operands = 2,
      .run = run_sample};
}

}  // namespace headlight::cli
