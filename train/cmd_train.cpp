// headlight train: learn from a text.
#include <algorithm>
#include <cmath>
#include <csignal>

#include "cli.h"

namespace headlight::cli {

namespace {

volatile std::sig_atomic_t interrupted = 0;

// The first signal asks for an orderly end after the step; a second one ends the program at once.
extern "C" void on_signal(int signal) {
  interrupted = 1;
  std::signal(signal, SIG_DFL);
}

const char* placeholder_of(const Setting& s) {
  if (s.is_switch()) return "";
  if (std::holds_alternative<Index RunConfig::*>(s.field)) return "N";
  if (std::holds_alternative<double RunConfig::*>(s.field)) return "X";
  if (s.name == std::string_view("layer-heads")) return "LIST";
  return s.choices.empty() ? (s.name == std::string_view("corpus") ? "NAME" : "FILE") : "KIND";
}

std::string preset_notes() {
  std::string text = "Presets:\n";
  for (const Preset& preset : presets())
    text += wrapped(cat("  ", preset.name, std::string(8 - std::string(preset.name).size(), ' ')), preset.help);
  return text +
         "The figures in brackets are those of the preset cpu; a flag goes over its preset.\n"
         "What a run was trained with stands in its config.json.\n";
}

std::vector<Flag> train_flags() {
  std::vector<Flag> flags = {
      {"out", "DIR", "where the run goes", "Run", "runs/NAME-OF-THE-TEXT"},
      {"preset", "NAME", "start from one of the presets below", "Run",
       "cpu with --data, else the corpus's own, or demo"},
      {"resume", "", "go on where the run in --out stopped", "Run"},
      {"force", "", "start over: replace the run in --out", "Run"},
  };
  const RunConfig defaults;
  for (const Setting& s : settings())
    flags.push_back({s.name, placeholder_of(s), s.help, s.group, text_of(defaults, s)});
  return flags;
}

// "runs/hamlet" for texts/hamlet.txt.
std::string default_directory(const RunConfig& config) {
  std::string name = !config.data.empty() ? config.data : !config.grammar.empty() ? config.grammar : config.corpus;
  name = name.substr(name.find_last_of('/') + 1);
  if (const std::size_t dot = name.find_last_of('.'); dot != std::string::npos && dot > 0) name.resize(dot);
  return cat("runs/", name == "-" || name.empty() ? "text" : name);
}

RunConfig configuration(const Arguments& args) {
  const std::string preset =
      args.text("preset", args.has("data")      ? "cpu"
                          : args.has("grammar") ? "demo"
                                                : preset_of_corpus(args.text("corpus", "tales")));
  RunConfig config = find_preset(preset).config;
  for (const Setting& s : settings())
    if (const auto text = args.text(s.name)) set_from_text(config, s, *text);
  if (args.has("data"))
    for (const char* other : {"corpus", "corpus-chars"})
      if (args.has(other)) throw UsageError(cat("--data and --", other, " cannot both be given"));
  return config;
}

// The stored configuration with what may change on resume. Error: a flag that would change what is computed.
RunConfig resumed_configuration(const Arguments& args, const std::string& directory) {
  if (args.has("preset")) throw UsageError("--preset cannot be given with --resume: the run knows its configuration");
  const RunInfo info = RunDirectory(directory).load_info();
  RunConfig config = info.config;
  for (const Setting& s : settings()) {
    const auto text = args.text(s.name);
    if (!text) continue;
    RunConfig asked = config;
    set_from_text(asked, s, *text);
    if (!s.free_on_resume && text_of(asked, s) != text_of(config, s))
      throw UsageError(cat("--", s.name, " ", *text, ": the run in ", directory, " has ", text_of(config, s),
                           ", and a resumed run keeps it; leave the flag out, or start over with --force"));
    config = asked;
  }
  return config;
}

// Another program's config.json. A damaged one may be ours.
bool is_foreign(const std::string& config) {
  try {
    return !parse_json(read_file(config), config).find("headlight");
  } catch (const Error&) {
    return false;
  }
}

// A run is never overwritten unasked, and what is not a run not even then.
void check_vacant(const std::string& directory, bool force) {
  const RunDirectory run(directory);
  const std::string found = run.occupied_by();
  if (found.empty()) return;
  if (!run.has_run())
    fail(directory, ": holds ", found, ", and no run that it belongs to; move it away or choose another --out");
  if (!force)
    fail(directory,
         ": holds a run already; add --resume to go on with it, --force to start over, or choose another --out");
  if (is_foreign(run.file("config.json")))
    fail(run.file("config.json"), ": is not of a run, and --force replaces runs only; choose another --out");
}

// A system that runs out of memory kills without a word.
void check_memory(const RunConfig& config, Index vocabulary) {
  const auto there = static_cast<double>(machine_memory_bytes());
  const double needed = config.memory(vocabulary);
  if (there > 0 && needed > there)
    throw UsageError(cat("a step of this model would take about ", count_text(needed),
                         "B of memory, and this machine has ", count_text(there),
                         "B; use a smaller --width, --layers, --context or --batch"));
}

void print_plan(const Trainer& trainer, const std::string& directory) {
  const RunConfig& c = trainer.config();
  const RunData& d = trainer.data();
  const auto train = static_cast<double>(d.train.ids.size());
  const double seen = static_cast<double>(c.batch * c.context * c.accumulate) * static_cast<double>(c.steps);
  say(cat("text    ", d.source, ": ",
          d.fresh.empty() ? cat(count_text(train), " tokens to train on") : "new sequences at every step", ", ",
          count_text(static_cast<double>(d.validation.ids.size())), " to validate, vocabulary of ",
          d.vocabulary.size()));
  say(cat("model   ", c.layers, " layers, ", c.heads, " heads, width ", c.width, ", context ", c.context, ": ",
          count_text(static_cast<double>(trainer.model().parameter_count())), " parameters"));
  say(cat("plan    ", c.steps, " steps of ", c.batch * c.accumulate, " windows: ", count_text(seen), " tokens",
          d.fresh.empty() ? cat(", ", fixed_text(seen / train, 1), " times the text") : ""));
  say(cat("machine ", thread_count(), thread_count() == 1 ? " thread, " : " threads, ", isa_name(current_isa()),
          " kernels", has_openmp() ? "" : " (built without OpenMP: one thread only)", ", about ",
          count_text(c.memory(d.vocabulary.size())), "B of memory"));
  say(cat("run     ", directory));
  if (d.has_floor()) say("rules   below: the loss on each rule's characters /the lowest possible, if not 0");
}

// What the loss is to be compared with.
std::string floor_text(const Trainer& trainer) {
  return std::isnan(trainer.floor()) ? "" : cat(" (floor ", fixed_text(trainer.floor(), 3), ")");
}

// One line for each validation, and between them, on a terminal, a line that renews itself.
class Progress {
 public:
  explicit Progress(const Trainer& trainer) : trainer_(trainer), live_(stderr_is_lively()) {}

  void show(const StepRecord& r) {
    if (!std::isnan(r.loss)) {
      // Steady figures: those of single steps jump. These remember some twenty steps.
      ++count_;
      const double share = std::max(0.05, 1 / static_cast<double>(count_));
      loss_ += share * (r.loss - loss_);
      speed_ += share * (r.tokens_per_second - speed_);
    }
    const double now = monotonic_seconds();
    const RunConfig& c = trainer_.config();
    if (r.step % c.eval_every == 0 || r.step >= c.steps) {
      line(r, true);
    } else if (live_ && now - shown_ > 0.1) {
      line(r, false);
      shown_ = now;
    }
  }

 private:
  void line(const StepRecord& r, bool stays) {
    const RunConfig& c = trainer_.config();
    const auto tokens = static_cast<double>(c.batch * c.context * c.accumulate);
    const double left = static_cast<double>(c.steps - r.step) * tokens / std::max(1.0, speed_);
    std::string text = cat("step ", r.step, "/", c.steps);
    if (count_ > 0) text += cat("  loss ", fixed_text(loss_, 3));
    if (!std::isnan(r.val_loss)) text += cat("  val ", fixed_text(r.val_loss, 3), floor_text(trainer_));
    if (speed_ > 0) text += cat("  ", count_text(speed_), " tokens/s");
    if (r.step < c.steps) text += cat("  ", duration_text(left), " left");
    // A line that wraps could not be renewed in place.
    const auto width = static_cast<std::size_t>(terminal_width() - 1);
    if (live_ && !stays && text.size() > width) text.resize(width);
    if (live_) std::fputs("\r\033[K", stderr);
    std::fputs(text.c_str(), stderr);
    if (stays) std::fputs(cat("\n", truth_lines(r)).c_str(), stderr);
    std::fflush(stderr);
  }

  const Trainer& trainer_;
  bool live_;
  double loss_ = 0, speed_ = 0, shown_ = 0;
  Index count_ = 0;
};

int run(const Arguments& args) {
  const bool resume = args.has("resume"), force = args.has("force");
  if (resume && force) throw UsageError("--resume and --force cannot both be given");
  RunConfig config = configuration(args);
  const std::string directory = args.text("out", default_directory(config));
  if (directory.empty()) throw UsageError("--out '': needs the name of a directory");
  if (path_exists(directory) && !is_directory(directory))
    fail(directory, ": cannot hold the run: a file is in the way; choose another --out");
  if (resume) config = resumed_configuration(args, directory);
  config.check();
  if (!resume) check_vacant(directory, force);
  RunData data = resume ? [&] {
    const Vocabulary known = RunDirectory(directory).load_info().vocabulary;
    return load_run_data(config, &known);
  }() : load_run_data(config);
  check_memory(config, data.vocabulary.size());
  const std::unique_ptr<Trainer> trainer = resume ? Trainer::resume(config, std::move(data), directory)
                                                  : std::make_unique<Trainer>(config, std::move(data), directory);
  print_plan(*trainer, directory);
  if (resume && trainer->step() == 0) say("        stopped before its first step: starts from the beginning");
  const bool was_finished = trainer->finished();
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  Progress progress(*trainer);
  trainer->run([&](const StepRecord& record) {
    progress.show(record);
    return interrupted == 0;
  });
  if (was_finished) {
    say(cat("the run is at step ", trainer->step(), " of ", config.steps, " already; give --steps to train further"));
    return 0;
  }
  if (interrupted && !trainer->finished()) {
    if (stderr_is_lively()) std::fputc('\n', stderr);
    say(cat("interrupted at step ", trainer->step(), "; saved. Go on with:\n  ", program_name(),
            " train --resume --out ", quoted(directory)));
    return 130;
  }
  if (trainer->best_step() >= 0 && !std::isnan(trainer->best_val_loss()))
    say(cat("best    validation loss ", fixed_text(trainer->best_val_loss(), 4), " nats at step ", trainer->best_step(),
            std::isnan(trainer->floor()) ? ""
                                         : cat("; the lowest possible is ", fixed_text(trainer->floor(), 4), ", ",
                                               fixed_text(trainer->best_val_loss() - trainer->floor(), 4), " below")));
  say(cat("next    ", program_name(), " sample ", quoted(directory), "\n        ", program_name(), " heads ",
          quoted(directory)));
  return 0;
}

}  // namespace

Command train_command() {
  return {.name = "train",
          .summary = "Trains a transformer on a text, or on a built-in corpus.",
          .usage = "[--data FILE] [--out DIR] [--preset NAME] [OPTIONS]",
          .examples = {"headlight train                                 # the built-in tales, under a minute",
                       "headlight train --data my.txt --out runs/mine   # your own text",
                       "headlight train --out runs/mine --resume        # go on after an interruption"},
          .flags = train_flags(),
          .notes = preset_notes(),
          .run = run};
}

}  // namespace headlight::cli
