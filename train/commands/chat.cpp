// headlight chat: an interactive session in which the model continues what the user types.
#include <cerrno>
#include <csignal>

#include "base/words.h"
#include "cli/signals.h"
#include "formats/safetensors_format.h"
#include "generation/text_stream.h"
#include "generation_flags.h"
#include "headlight/base/error.h"
#include "headlight/base/random.h"
#include "headlight/base/text.h"
#include "headlight/data/vocabulary.h"
#include "headlight/data/windows.h"
#include "headlight/generation/generate.h"
#include "headlight/ops/ops.h"
#include "headlight/tensor/tensor.h"
#include "models/decoder.h"
#include "models/quantize.h"
#include "os/terminal.h"
#include "training/run_directory.h"

namespace headlight::cli {

namespace {

volatile std::sig_atomic_t generating = 0, asked_to_stop = 0;

// Ctrl-C during an answer ends the answer; at the prompt, the second Ctrl-C in a row ends the program.
extern "C" void on_interrupt(int signal) {
  std::signal(signal, on_interrupt);
  if (!generating && asked_to_stop) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
  asked_to_stop = 1;
}

constexpr std::size_t kLongestLine = 1 << 20;

// Reads one line without its line break; nullopt at the end of the input.
std::optional<std::string> read_line() {
  std::string line;
  for (;;) {
    const int c = std::fgetc(stdin);
    if (c == EOF) {
      if (std::ferror(stdin) && errno == EINTR) {  // on some systems a signal interrupts the read
        std::clearerr(stdin);
        continue;
      }
      if (line.empty()) return std::nullopt;
      return line;
    }
    if (c == '\n') return line;
    line += static_cast<char>(c);
    if (line.size() > kLongestLine)
      fail("standard input: a line of more than ", kLongestLine, " bytes; use shorter lines");
  }
}

// The tokens of the conversation, truncated to what a model can use.
class Conversation {
 public:
  Conversation(const RunInfo& info) : info_(info), tokens_(start_tokens(info)) {
    const Vocabulary& v = info.vocabulary;
    has_break_ = v.is_bytes() || v.characters().find(U'\n') != std::u32string::npos;
    if (has_break_) break_ = v.encode("\n", "chat");
  }
  // Appends typed text on a new line, as the screen shows it; an empty line adds nothing. Error: an unknown character.
  void add_line(const std::string& line) {
    if (line.empty()) return;
    const std::vector<std::int32_t> typed = info_.vocabulary.encode(line, "prompt");
    const bool at_line_start = has_break_ && tokens_.back() == break_[0];
    if (has_break_ && !at_line_start && !fresh_) tokens_.push_back(break_[0]);
    for (const std::int32_t id : typed) add(id);
  }
  void add(std::int32_t id) {
    tokens_.push_back(id);
    fresh_ = false;
    const auto most = static_cast<std::size_t>(2 * info_.config.context) + 1024;
    if (tokens_.size() > 2 * most) tokens_.erase(tokens_.begin(), tokens_.end() - static_cast<std::ptrdiff_t>(most));
  }
  const std::vector<std::int32_t>& tokens() const { return tokens_; }

 private:
  const RunInfo& info_;
  std::vector<std::int32_t> tokens_, break_;
  bool has_break_ = false, fresh_ = true;
};

int run_chat(const Arguments& args) {
  const GenerationFlags w = generation_flags_of(args, 200);
  const std::string& directory = args.operands()[0];
  const TrainedModel trained = load_model(directory, w.last ? CheckpointChoice::kLast : CheckpointChoice::kBest);
  require_next_token(*trained.model, directory);
  const Vocabulary& vocabulary = trained.info.vocabulary;
  TextGenerator text_generator = text_generator_of(trained, w.weights);
  const bool person = stdin_is_terminal();
  say(cat("seed ", w.seed));
  if (person) {
    say(cat("The context of ", directory, " is ",
            counted(trained.info.config.context, vocabulary.is_bytes() ? "byte" : "character"),
            ".\nType text and the model continues it; an empty line lets it continue by itself.\n"
            "Ctrl-C stops an answer, Ctrl-D ends the chat."));
    handle_signal(SIGINT, on_interrupt);
  }
  Conversation conversation(trained.info);
  Rng rng(mix64(static_cast<std::uint64_t>(w.seed)));
  bool first = true;
  for (;;) {
    if (person) {
      std::fputs("> ", stderr);
      std::fflush(stderr);
    }
    std::optional<std::string> line = read_line();
    if (!line) break;
    if (first) line = without_byte_order_mark(std::move(*line), vocabulary);
    first = false;
    asked_to_stop = 0;
    try {
      conversation.add_line(*line);
    } catch (const Error& e) {
      if (!person) throw;
      say(one_line(e.what()));
      continue;
    }
    generating = 1;
    TextStream stream(w.stop);
    // A copy, because the callback appends to the conversation.
    const std::vector<std::int32_t> before = conversation.tokens();
    text_generator.generate(
        before, w.chars, w.options, rng,
        [&](const SampledToken& drawn) {
          conversation.add(drawn.token);
          print(stream.feed(vocabulary.piece(drawn.token)));
          finish_output();
          return !stream.stopped() && !asked_to_stop;
        },
        trained.info.document_end);
    generating = 0;
    asked_to_stop = 0;
    print(stream.finish() + "\n");
    finish_output();
  }
  if (person) std::fputc('\n', stderr);
  return 0;
}

}  // namespace

Command chat_command() {
  return {.name = "chat",
          .summary = "Starts a chat in which a trained model continues the text you type.",
          .usage = "DIR [--chars N] [OPTIONS]",
          .examples = {"headlight chat runs/mine", "headlight chat runs/mine --chars 80 --stop \".\" --temperature 0.5",
                       "printf 'Once\\nThen\\n' | headlight chat runs/mine     # one answer per line"},
          .flags = generation_flags("maximum number of characters per answer", "200"),
          .notes =
              "Each typed line starts a new line of the text, which the model then continues.\n"
              "An empty line continues the text without adding to it. The model uses as much\n"
              "of the conversation as fits its context. Ctrl-C stops an answer, Ctrl-D ends\n"
              "the chat. If standard input is not a terminal, chat reads lines to the end of\n"
              "input and prints one answer per line.\n",
          .least_operands = 1,
          .most_operands = 1,
          .run = run_chat};
}

}  // namespace headlight::cli
