// headlight chat: type, and the model goes on.
#include <cerrno>
#include <csignal>

#include "base/words.h"
#include "cli/signals.h"
#include "formats/safetensors_format.h"
#include "generation/quantize.h"
#include "generation/text_stream.h"
#include "headlight/base/error.h"
#include "headlight/base/random.h"
#include "headlight/base/text.h"
#include "headlight/data/vocabulary.h"
#include "headlight/data/windows.h"
#include "headlight/generation/decoder.h"
#include "headlight/generation/generate.h"
#include "headlight/ops/ops.h"
#include "headlight/tensor/tensor.h"
#include "os/terminal.h"
#include "training/run_directory.h"
#include "writing.h"

namespace headlight::cli {

namespace {

volatile std::sig_atomic_t writing = 0, asked_to_stop = 0;

// While the model writes: ends the answer. While it waits: the second in a row ends the program.
extern "C" void on_interrupt(int signal) {
  std::signal(signal, on_interrupt);
  if (!writing && asked_to_stop) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
  asked_to_stop = 1;
}

constexpr std::size_t kLongestLine = 1 << 20;

// One line without its end; nothing at the end of the input.
std::optional<std::string> read_line() {
  std::string line;
  for (;;) {
    const int c = std::fgetc(stdin);
    if (c == EOF) {
      if (std::ferror(stdin) && errno == EINTR) {  // a system on which a signal ends the reading
        std::clearerr(stdin);
        continue;
      }
      if (line.empty()) return std::nullopt;
      return line;
    }
    if (c == '\n') return line;
    line += static_cast<char>(c);
    if (line.size() > kLongestLine) fail("standard input: a line of more than ", kLongestLine, " bytes");
  }
}

// The talk so far, no more of it than a model can look at.
class Talk {
 public:
  Talk(const RunInfo& info) : info_(info), tokens_(fresh_start(info)) {
    const Vocabulary& v = info.vocabulary;
    has_break_ = v.is_bytes() || v.characters().find(U'\n') != std::u32string::npos;
    if (has_break_) break_ = v.encode("\n", "chat");
  }
  // What was typed begins a line, as it does on the screen; an empty line adds nothing. Error: an unknown character.
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
  const Writing w = writing_of(args, 200);
  const std::string& directory = args.operands()[0];
  const TrainedModel trained = load_model(directory, w.last ? Weights::kLast : Weights::kBest);
  const Vocabulary& vocabulary = trained.info.vocabulary;
  if (w.int8) round_to_int8(*trained.model);
  Writer writer(*trained.model, w.int8 ? Decoder::Weights::kInt8 : Decoder::Weights::kFloat32);
  const bool person = stdin_is_terminal();
  say(cat("seed ", w.seed));
  if (person) {
    say(cat(directory, " sees the last ",
            counted(trained.info.config.context, vocabulary.is_bytes() ? "byte" : "character"),
            ".\nType, and it goes on; an empty line: it goes on by itself.\n"
            "Ctrl-C stops an answer, Ctrl-D ends."));
    handle_signal(SIGINT, on_interrupt);
  }
  Talk talk(trained.info);
  Rng rng(mix64(static_cast<std::uint64_t>(w.seed)));
  bool first = true;
  for (;;) {
    if (person) {
      std::fputs("> ", stderr);
      std::fflush(stderr);
    }
    std::optional<std::string> line = read_line();
    if (!line) break;
    if (first) line = typed_text(std::move(*line), vocabulary);
    first = false;
    asked_to_stop = 0;
    try {
      talk.add_line(*line);
    } catch (const Error& e) {
      if (!person) throw;
      say(one_line(e.what()));
      continue;
    }
    writing = 1;
    TextStream stream(w.stop);
    // A copy: the talk grows while the model writes.
    const std::vector<std::int32_t> before = talk.tokens();
    writer.write(
        before, w.chars, w.options, rng,
        [&](const Drawn& drawn) {
          talk.add(drawn.token);
          print(stream.feed(vocabulary.piece(drawn.token)));
          finish_output();
          return !stream.stopped() && !asked_to_stop;
        },
        trained.info.document_end);
    writing = 0;
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
          .summary = "Type, and a trained model goes on with the text.",
          .usage = "DIR [--chars N] [OPTIONS]",
          .examples = {"headlight chat runs/mine", "headlight chat runs/mine --chars 80 --stop \".\" --temperature 0.5",
                       "printf 'Once\\nThen\\n' | headlight chat runs/mine     # a line, an answer, ..."},
          .flags = writing_flags("characters to an answer, at most", "200"),
          .notes =
              "What is typed begins a line of the text that the model goes on with; an empty\n"
              "line lets it go on. It keeps as much of the text in view as it can. Ctrl-C stops\n"
              "an answer, Ctrl-D ends. Off a terminal: a line in, an answer out, to the end of\n"
              "input.\n",
          .least_operands = 1,
          .most_operands = 1,
          .run = run_chat};
}

}  // namespace headlight::cli
