// headlight train: trains a model on a text.
#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "base/format.h"
#include "base/isa.h"
#include "base/words.h"
#include "cli/signals.h"
#include "formats/json.h"
#include "headlight/base/error.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "headlight/base/threads.h"
#include "headlight/corpora/corpus.h"
#include "headlight/data/vocabulary.h"
#include "headlight/data/windows.h"
#include "headlight/ops/ops.h"
#include "headlight/training/checkpoint.h"
#include "heads/watch/head_history.h"
#include "heads/watch/head_watch.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/process.h"
#include "terminal/columns.h"
#include "training/config.h"
#include "training/counting.h"
#include "training/plan.h"
#include "training/resolve.h"
#include "training/run_data.h"
#include "training/run_directory.h"
#include "training/run_log.h"
#include "training/trainer.h"
#include "training_progress.h"

namespace headlight::cli {

namespace {

std::string preset_notes() {
  std::string text = "Presets:\n";
  std::size_t longest = 0;
  for (const Preset& preset : presets()) longest = std::max(longest, std::string_view(preset.name).size());
  for (const Preset& preset : presets())
    text += wrapped(cat("  ", preset.name, std::string(longest + 1 - std::string_view(preset.name).size(), ' ')),
                    preset.help);
  return text +
         "Values in brackets are those of the preset cpu; a flag overrides the preset.\n"
         "The config.json of a run contains all of its settings.\n";
}

std::vector<Flag> train_flags() {
  std::vector<Flag> flags = {
      {"out", "DIR", "directory of the run", "Run", "runs/NAME-OF-THE-TEXT"},
      {"minutes", "M", "training time; sets the model's size and steps to fit", "Run",
       "5 with --data, unless size, steps or a preset is given"},
      with_choices(
          {"preset", "NAME", "start from one of the presets below", "Run", "without --data: the corpus's own, or demo"},
          preset_names()),
      {"init", "DIR", "start from the weights, sizes and vocabulary of this run", "Run"},
      {"config", "FILE", "settings from a JSON file, as printed by --print-config; flags override them", "Run"},
      {"print-config", "", "print the settings as JSON, without training", "Run"},
      {"resume", "", "continue the run in --out", "Run"},
      {"force", "", "start over: replace the run in --out", "Run"},
      {"plain", "", "lines instead of the live view; the default outside a terminal", "Run"},
      {"no-color", "", "as --plain; the default with NO_COLOR", "Run"},
      {"quiet", "", "print only warnings and errors", "Run"},
  };
  for (Flag& flag : setting_flags()) flags.push_back(std::move(flag));
  return flags;
}

// The default of --out: "runs/hamlet" for texts/hamlet.txt.
std::string default_directory(const RunConfig& config) {
  std::string name = !config.data.empty()      ? config.data
                     : !config.pairs.empty()   ? config.pairs
                     : !config.grammar.empty() ? config.grammar
                                               : config.corpus;
  while (name.size() > 1 && name.back() == '/') name.pop_back();  // a trailing slash of a folder
  name = name.substr(name.find_last_of('/') + 1);
  if (const std::size_t dot = name.find_last_of('.'); dot != std::string::npos && dot > 0) name.resize(dot);
  return cat("runs/", name == "-" || name.find_first_not_of('.') == std::string::npos ? "text" : name);
}

// Fails before training, because the kernel kills a process without an error message when memory runs out.
void check_memory(const RunConfig& config, Index vocabulary) {
  const auto there = static_cast<double>(machine_memory_bytes());
  const double needed = config.memory(vocabulary);
  if (there > 0 && needed > there)
    throw UsageError(cat("a step of this model would take about ", count_text(needed),
                         "B of memory, but this machine has ", count_text(there),
                         "B; use a smaller --width, --layers, --context or --batch"));
}

// Plans the run for the time budget, with speeds measured on this machine.
Plan planned(const RequestedSettings& asked, const RunData& data, double seconds) {
  if (data.pairs) throw UsageError("--minutes: no plan for pairs; set --steps instead");
  const auto tokens = [](const TokenText& text) { return static_cast<Index>(text.ids.size()); };
  PlanText text{tokens(data.train), tokens(data.validation), data.vocabulary.size()};
  const double began = monotonic_seconds();
  if (resolve(asked).is_transformer()) text.relative_loss = relative_loss(data);       // only transformers print it
  const double left = std::max(seconds / 2, seconds - (monotonic_seconds() - began));  // keep half of the time
  return plan_run(asked, text, left, [&](const RunConfig& c) { return measured_speed(c, data); });
}

void print_expectation(const Plan& plan) {
  say(cat("time    ", duration_text(plan.seconds), " at ", count_text(plan.tokens_per_second),
          " tokens/s, measured on this machine"));
  if (!plan.config.is_transformer()) return;  // the scaling law holds for transformers only
  say_wrapped("expect  ", cat("a validation loss of about ", fixed_text(plan.expected_loss, 2),
                              " nats, judging by runs on tiny Shakespeare and by this text's n-grams"));
}

// The list of skipped files, as in "; skipped 4: a.png (not text), b.png (not text), ...".
std::string skipped_text(const std::vector<std::string>& skipped) {
  std::string text = cat("; skipped ", skipped.size(), ": ");
  for (std::size_t i = 0; i < std::min<std::size_t>(3, skipped.size()); ++i)
    text += cat(i == 0 ? "" : ", ", one_line(skipped[i]));
  return skipped.size() > 3 ? text + ", ..." : text;
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
  if (d.files > 1 || !d.skipped.empty())
    say(cat("        ", counted(d.files, "file"), d.skipped.empty() ? "" : skipped_text(d.skipped)));
  print_byte_order_marks(d.marked);
  const bool transformer = c.is_transformer();
  say(cat("model   ",
          transformer ? cat(counted(c.layers, "layer"), ", ", counted(c.heads, "head"), ", width ", c.width,
                            ", context ", c.context)
                      : cat(c.model, ", ", trainer.model().summary()),
          ": ", count_text(static_cast<double>(trainer.model().parameter_count())), " parameters"));
  if (const Teacher* teacher = trainer.teacher())
    say_wrapped("teacher ", cat(c.teacher, ": ", teacher->model().summary(), ": ",
                                count_text(static_cast<double>(teacher->model().parameter_count())), " parameters; ",
                                c.distill_weight, " of the loss, temperature ", c.distill_temperature));
  say(cat("plan    ", counted(c.steps, "step"), " of ", counted(c.batch * c.accumulate, "window"), ": ",
          count_text(seen), " tokens",
          d.fresh.empty() ? cat(", ", fixed_text(seen / train, 1), " times the text") : ""));
  say(cat("machine ", counted(thread_count(), "thread"), ", ", isa_name(current_isa()), " kernels, ",
          c.has_cost() ? cat("about ", count_text(c.memory(d.vocabulary.size())), "B of memory")
                       : cat("no memory estimate, because the model ", c.model, " has no cost function")));
  if (!has_threads()) say("        built without OpenMP: one thread only");
  if (c.precision == Precision::kBf16)
    say(has_fast_bf16() ? "        bfloat16 products"
                        : "        bfloat16 products on float32 units: not faster than float32 on this CPU");
  say(cat("run     ", directory));
  if (d.has_floor()) say("rules   below: the loss of each rule, or loss/floor if the floor is not 0");
  if (c.watch_heads) say(cat("heads   below: each head's role so far, and its kappa; see ", program_name(), " heads"));
}

View chosen_view(const Arguments& args) {
  if (args.has("quiet")) return View::kQuiet;
  return !args.has("plain") && !args.has("no-color") && stderr_can_redraw() ? View::kLive : View::kPlain;
}

void print_end(const Trainer& trainer, const std::string& directory) {
  const RunConfig& c = trainer.config();
  if (trainer.step() < c.steps)
    say(cat("stopped at step ", trainer.step(), ": ", counted(c.patience, "validation"), " without improvement"));
  if (trainer.best_step() >= 0 && !std::isnan(trainer.best_val_loss()))
    say_wrapped(
        "best    ",
        cat("validation loss ", fixed_text(trainer.best_val_loss(), 4), " nats at step ", trainer.best_step(),
            std::isnan(trainer.floor()) ? ""
                                        : cat("; floor ", fixed_text(trainer.floor(), 4), " (",
                                              fixed_text(trainer.best_val_loss() - trainer.floor(), 4), " below)")));
  const bool masked = trainer.model().objective() == Objective::kMasked;
  say(cat("next    ", program_name(), masked ? " fill " : " sample ", quoted(directory),
          masked ? " TEXT_WITH_GAPS" : ""));
  if (trainer.config().has_heads()) say(cat("        ", program_name(), " heads ", quoted(directory)));
}

int run_train(const Arguments& args) {
  const bool resume = args.has("resume"), force = args.has("force");
  if (resume && force) throw UsageError("--resume and --force cannot both be given");
  if (resume && args.has("init")) throw UsageError("--resume and --init cannot both be given");
  if (resume && args.has("config"))
    throw UsageError("--resume and --config cannot both be given, because a resumed run keeps its settings");
  if (resume && args.has("preset"))
    throw UsageError("--resume and --preset cannot both be given, because a resumed run keeps its settings");
  RequestedSettings asked = requested_settings(args);
  asked.any_family = resume || args.has("init");
  RunConfig config = resolve(asked);  // report a wrong flag before loading a model
  asked.any_family = false;
  std::optional<TrainedModel> start;
  if (const auto init = args.text("init")) {
    start = load_model(*init);
    asked.start = &start->info;
    asked.start_name = *init;
    config = resolve(asked);
  }
  // Load the text with the smallest context; the plan chooses the real one.
  if (!resume && asked.wants_plan()) check_plannable(asked, config);
  if (asked.wants_plan() && !asked.has_size()) config = resolve(asked, [](RunConfig& c) { c.context = 8; });
  const std::string directory = args.text("out", default_directory(config));
  if (directory.empty()) throw UsageError("--out '': is empty; name a directory");
  if (path_exists(directory) && !is_directory(directory))
    fail(directory, ": cannot contain the run, because it is a file; choose another --out");
  if (resume) {
    const RunInfo stored = RunDirectory(directory).load_info();
    if (!stored.imported_from.empty())
      fail(directory,
           ": was imported, so there is no training to resume; start a new run with: headlight train --init ",
           quoted(directory), " --data FILE --out NEW");
    config = resolve_resumed(asked, stored, directory);
  }
  config.check();
  if (args.has("watch-every") && !config.watch_heads) throw UsageError("--watch-every: needs --watch-heads; add it");
  for (const char* flag : {"distill-weight", "distill-temperature"})
    if (args.has(flag) && config.teacher.empty()) throw UsageError(cat("--", flag, ": needs --teacher; add it"));
  const bool print_config = args.has("print-config");
  if (print_config && (resume || !asked.wants_plan())) {
    print(pretty_json_text(to_json(config)));
    return 0;
  }
  if (!resume && !print_config)
    check_out_directory(directory, force, "add --resume to continue it, --force to start over");
  if (!config.data.empty()) check_standard_input(config.all_data(), resume && !args.has("data") ? directory : "");
  RunData data = resume ? [&] {
    const Vocabulary known = RunDirectory(directory).load_info().vocabulary;
    return load_run_data(config, &known);
  }() : load_run_data(config, start ? &start->info.vocabulary : nullptr);
  const View view = chosen_view(args);
  if (data.validation.ids.empty() && config.val_fraction > 0)
    say(cat("warning: ", data.source, ": too short for a validation part of ", config.val_fraction,
            " of the text, so nothing is validated; use a longer text or a larger --val-fraction"));
  std::optional<Plan> plan;
  if (!resume && asked.wants_plan()) {
    const double minutes = args.real("minutes", 5, 0.05, 100'000);
    if (view != View::kQuiet)
      say(cat("measuring the speed of this machine, to plan ", counted(minutes, "minute"), " of training"));
    plan = planned(asked, data, 60 * minutes - 1);
    config = plan->config;
    if (print_config) {
      print(pretty_json_text(to_json(config)));
      return 0;
    }
  }
  check_memory(config, data.vocabulary.size());
  std::optional<InitialWeights> weights;
  if (start) weights.emplace(InitialWeights{*start->model, *args.text("init")});
  const std::unique_ptr<Trainer> trainer =
      resume ? Trainer::resume(config, std::move(data), directory)
             : std::make_unique<Trainer>(config, std::move(data), directory, weights ? &*weights : nullptr);
  std::optional<HeadWatch> watch;
  if (config.watch_heads) watch.emplace(*trainer);
  if (view != View::kQuiet) print_plan(*trainer, directory);
  if (view != View::kQuiet && plan) print_expectation(*plan);
  if (view != View::kQuiet && resume && trainer->step() == 0)
    say("        the run stopped before its first step, so training starts from the beginning");
  const bool was_finished = trainer->finished();
  watch_signals();
  HeadWatch* const watching = watch ? &*watch : nullptr;
  TrainingProgress progress(*trainer, was_finished ? std::min(view, View::kPlain) : view, watching);
  std::string warning;
  std::optional<PlanCorrection> correction;
  if (plan && !asked.has("steps")) correction.emplace(*plan);
  run_watched(*trainer, watching, [&](const StepRecord& record) {
    if (const std::optional<Index> steps = correction ? correction->after(record) : std::nullopt) {
      trainer->set_steps(*steps);
      progress.correct_steps();
    }
    progress.show(record);
    if (const std::string text = std::isnan(record.val_loss) ? "" : trainer->warning(); !text.empty()) {
      warning = cat("warning: ", text);
      if (view != View::kLive) say(warning);
    }
    return !interrupted();
  });
  progress.finish();
  if (view == View::kLive && !warning.empty()) say(warning);  // the live view would have overwritten an earlier line
  if (was_finished) {
    say(cat("the run is at step ", trainer->step(), " of ", config.steps,
            " already; use a larger --steps to continue"));
    return 0;
  }
  if (interrupted() && !trainer->finished()) {
    say(cat("interrupted at step ", trainer->step(), "; saved. Continue with:\n  ", program_name(),
            " train --resume --out ", quoted(directory)));
    return kInterrupted;
  }
  if (view != View::kQuiet) {
    if (watch)
      say(cat("heads   watched at ", watch->snapshots(), " steps, which took ", fixed_text(watch->seconds(), 1),
              " s: ", directory, "/", kHeadHistoryFile));
    print_end(*trainer, directory);
  }
  return 0;
}

}  // namespace

Command train_command() {
  return {.name = "train",
          .summary = "Trains a model on a text, or on a built-in corpus.",
          .usage = "[--data FILE]... [--out DIR] [--preset NAME] [OPTIONS]",
          .examples = {"headlight train                               # built-in tales, under a minute",
                       "headlight train --data my.txt --out runs/mine # your own text, five minutes",
                       "headlight train --data my.txt --minutes 60    # a larger model, an hour",
                       "headlight train --data notes --data book.txt  # a folder of texts and a file",
                       "headlight train --out runs/mine --resume      # continue after an interruption",
                       "headlight train --preset micro --print-config > a.json # then --config a.json"},
          .flags = train_flags(),
          .notes = preset_notes(),
          .run = run_train,
          .operand_flag = "data"};
}

}  // namespace headlight::cli
