// headlight heads prune and heads recover: removes heads from a model, and trains the pruned model.
#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "base/format.h"
#include "base/words.h"
#include "cli/cli.h"
#include "cli/progress_line.h"
#include "cli/signals.h"
#include "formats/json.h"
#include "headlight/base/error.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "headlight/models/transformer.h"
#include "headlight/ops/ops.h"
#include "heads/ablation/ablation.h"
#include "heads/pruning/prune_recovery.h"
#include "heads/pruning/pruning.h"
#include "heads/roles/head_scores.h"
#include "heads/roles/head_windows.h"
#include "heads/study/progress.h"
#include "os/file.h"
#include "os/folder.h"
#include "training/config.h"
#include "training/run_data.h"
#include "training/run_directory.h"
#include "training/run_log.h"
#include "training/trainer.h"

namespace headlight::cli {

namespace {

struct PruneCurve {
  const char* name;
  std::vector<double> losses;  // with 0, 1, 2, ... heads removed
};

std::vector<PruneCurve> all_curves(const PruneStudy& study) {
  std::vector<PruneCurve> curves;
  const char* names[] = {"greedy", "single", "gradient", "worst"};
  for (std::size_t i = 0; i < study.orders.size(); ++i) curves.push_back({names[i], study.orders[i].losses});
  const std::size_t points = study.heads + 1;
  std::vector<double> mean(points, 0.0), low(points, std::numeric_limits<double>::infinity()), high(points, 0.0);
  for (const std::vector<double>& one : study.random) {
    for (std::size_t n = 0; n < points; ++n) {
      mean[n] += one[n] / static_cast<double>(study.random.size());
      low[n] = std::min(low[n], one[n]);
      high[n] = std::max(high[n], one[n]);
    }
  }
  curves.push_back({"random", mean});
  curves.push_back({"rnd low", low});
  curves.push_back({"rnd high", high});
  return curves;
}

void print_curves(const std::vector<PruneCurve>& curves, std::span<const HeadId> greedy, bool as_json) {
  if (as_json) {
    Json orders = Json::object(), order = Json::array();
    for (const HeadId id : greedy) order.push(head_name(id));
    for (const PruneCurve& c : curves) {
      Json losses = Json::array();
      for (const double loss : c.losses) losses.push(Json::finite_or_null(loss));
      orders.set(c.name, losses);
    }
    print(json_text(Json::object().set("greedy_order", order).set("loss", orders)) + "\n");
    return;
  }
  std::string line = "removed  next ";
  for (const PruneCurve& c : curves) line += padded(c.name, 9);
  print(line + "\n");
  for (std::size_t n = 0; n <= greedy.size(); ++n) {
    std::string name = n < greedy.size() ? head_name(greedy[n]) : "-";
    line = padded(std::to_string(n), 7) + padded(name, 6) + " ";
    for (const PruneCurve& c : curves) line += padded(fixed_text(c.losses[n], 4), 9);
    print(line + "\n");
  }
  print(
      "\nLoss of the second half of the text; the greedy, gradient and single orders were\n"
      "chosen on the first. Column next: the next head in greedy order.\n");
}

// Evaluation speed in characters per second: the best of five runs.
double characters_a_second(const TransformerLM& model, const HeadWindows& windows) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 5; ++i) {
    const double began = monotonic_seconds();
    token_losses(model, windows);
    best = std::min(best, monotonic_seconds() - began);
  }
  return static_cast<double>(windows.inputs().size()) / std::max(1e-9, best);
}

Index model_bytes(const std::string& directory) { return FileReader(directory + "/model.safetensors").size(); }

// The number of heads of the greedy order to remove.
std::size_t how_many(const Arguments& args, const TransformerLM& model, const HeadWindows& choose,
                     const HeadMeans& means, std::span<const HeadId> order) {
  const auto heads = static_cast<Index>(order.size());
  if (args.has("keep")) {
    const Index keep = args.whole("keep", 0, 0, 1'000'000);
    if (keep > heads) throw UsageError(cat("--keep ", keep, ": the model has ", counted(heads, "head")));
    return static_cast<std::size_t>(heads - keep);
  }
  const double allowed = args.real("loss", kPrunableLoss, 0, 100);
  const double most = loss_without(model, choose, means, {}) + allowed;
  const std::vector<double> curve = prune_curve(model, choose, means, order, most);
  return static_cast<std::size_t>(
      std::lround(prunable_fraction(curve, order.size(), allowed) * static_cast<double>(heads)));
}

int run_prune(const Arguments& args) {
  const bool curves = args.has("curves"), writes = args.has("keep") || args.has("loss");
  if (args.has("keep") && args.has("loss")) throw UsageError("--keep and --loss cannot both be given");
  if (!writes && !curves)
    throw UsageError(
        "heads prune: nothing to do; give --keep N or --loss X and --out DIR, or --curves to print the loss by number "
        "of heads");
  const std::string out = args.text("out", "");
  if (writes && out.empty()) throw UsageError("--out: name the directory for the pruned run");
  if (!out.empty() && !RunDirectory(out).occupied_by().empty() && !args.has("force"))
    fail(out, ": already contains a run; add --force to replace it, or choose another --out");
  if (!out.empty() && path_exists(out) && path_exists(args.operands()[0] + "/config.json") &&
      path_exists(out + "/config.json") &&
      read_file(out + "/config.json") == read_file(args.operands()[0] + "/config.json"))
    fail(out, ": is the run to prune; choose another --out");
  const Index windows = args.whole("windows", 64, 2, 100'000), seed = args.whole("seed", 1, 0, Index{1} << 53);
  auto [trained, data] = load_model_and_text(args);
  const TransformerLM& model = trained.transformer("heads prune");
  if (writes) check_prunable(model.config());
  const HeadWindows all(data.validation.ids.empty() ? data.train : data.validation, model.config().context, windows);
  all.check_several();
  const HeadWindows choose = all.half(0), report = all.half(1);
  const HeadMeans means(model, choose);
  constexpr int kRandomOrders = 20;
  std::vector<HeadId> order;
  ProgressLine line(args);
  Progress progress = line.progress();
  if (curves) {
    const PruneStudy study = study_pruning(model, all, kRandomOrders, static_cast<std::uint64_t>(seed), true, progress);
    line.clear();
    order = study.orders[0].removed;
    print_curves(all_curves(study), order, args.has("json"));
  } else {
    progress.begin("heads tried", greedy_evaluations(all_heads(model.config()).size()));
    order = greedy_order(model, choose, means, std::numeric_limits<double>::infinity(), [&] { progress.next(); });
    line.clear();
  }
  if (!writes) return 0;

  const std::size_t count = how_many(args, model, choose, means, order);
  const std::vector<HeadId> removed(order.begin(), order.begin() + static_cast<Index>(count));
  const std::unique_ptr<TransformerLM> pruned = without_heads(model, removed, means);
  const double loss_before = mean_loss(token_losses(model, report)),
               loss_after = mean_loss(token_losses(*pruned, report));
  const double speed = characters_a_second(model, report), speed_after = characters_a_second(*pruned, report);
  const RunConfig& known = trained.info.config;
  const Index steps = args.whole("steps", std::max<Index>(10, known.steps / 10), 1, 1'000'000'000);
  const RunConfig config = recovery_config(known, pruned->config(), steps);
  config.check();
  std::string names;
  for (const HeadId id : removed) names += cat(names.empty() ? "" : " ", head_name(id));
  Trainer::from_model(config, std::move(data), out, *pruned);
  if (!curves || !args.has("json")) {
    print(cat("removed     ", removed.empty() ? "none" : names, " (", removed.size(), " of ", order.size(),
              " heads; left by layer: ", config.layer_heads, ")\n"));
    print(cat("loss        ", fixed_text(loss_before, 4), " before, ", fixed_text(loss_after, 4),
              " after, on held-out text\n"));
    print(cat("parameters  ", model.parameter_count(), " before, ", pruned->parameter_count(), " after\n"));
    print(cat("file        ", count_text(static_cast<double>(model_bytes(args.operands()[0]))), "B before, ",
              count_text(static_cast<double>(model_bytes(out))), "B after (model.safetensors)\n"));
    print(cat("speed       ", count_text(speed), " characters a second before, ", count_text(speed_after),
              " after: ", fixed_text(speed_after / speed, 2), " times as fast\n"));
  }
  if (!args.has("quiet"))
    say(cat("next    ", program_name(), " heads recover ", quoted(out), "\n        ", program_name(), " heads ",
            quoted(out)));
  return 0;
}

int run_recover(const Arguments& args) {
  const std::string& directory = args.operands()[0];
  const RunInfo info = RunDirectory(directory).load_info();
  RunConfig config = info.config;
  if (config.layer_heads.empty())
    fail(directory, ": no heads were pruned from this run; continue its training with train --resume");
  config.steps = args.whole("steps", config.steps, 1, 1'000'000'000);
  config.threads = args.whole("threads", config.threads, 0, 256);
  const std::unique_ptr<Trainer> trainer = Trainer::resume(config, load_run_data(config, &info.vocabulary), directory);
  if (trainer->finished()) {
    trainer->run({});  // no step is left, but resuming removed the last line of the log; write it again
    say(cat("the run is at step ", trainer->step(), " of ", config.steps,
            " already; use a larger --steps to continue"));
    return 0;
  }
  const double before = trainer->last_val_loss();
  watch_signals();
  trainer->run([&](const StepRecord& r) {
    if (!std::isnan(r.val_loss)) say(cat("step ", r.step, "/", config.steps, "  val ", fixed_text(r.val_loss, 4)));
    if (const std::string text = std::isnan(r.val_loss) ? "" : trainer->warning(); !text.empty())
      say(cat("warning: ", text));
    return !interrupted();
  });
  if (interrupted() && !trainer->finished()) {
    say(cat("interrupted at step ", trainer->step(), "; saved. Continue with:\n  ", program_name(), " heads recover ",
            quoted(directory), args.has("steps") ? cat(" --steps ", config.steps) : ""));
    return kInterrupted;
  }
  if (!std::isnan(trainer->best_val_loss()))
    print(cat("loss        ", fixed_text(before, 4), " before, ", fixed_text(trainer->best_val_loss(), 4), " after ",
              trainer->best_step(), " steps\n"));
  say(cat("next    ", program_name(), " heads ", quoted(directory)));
  return 0;
}

}  // namespace

Command heads_prune_command() {
  std::vector<Flag> flags =
      model_and_text_flags({{"windows", "N", "windows of text to choose heads and evaluate", "Options", "64"}});
  std::erase_if(flags, [](const Flag& f) { return f.name == "data" || f.name == "corpus"; });
  for (Flag& flag : flags)
    if (flag.name == "json") flag.help = "print the curves as one JSON object";
  const std::vector<Flag> own = {{"keep", "N", "heads to keep"},
                                 {"loss", "X", "maximum loss increase in nats, instead of --keep"},
                                 {"out", "DIR", "directory of the pruned run"},
                                 {"force", "", "replace the run in --out"},
                                 {"curves", "", "print the loss by number of removed heads, for several orders"},
                                 {"steps", "N", "training steps for heads recover", "Options", "a tenth of the run's"},
                                 {"seed", "N", "random seed of the random orders", "Options", "1"}};
  flags.insert(flags.begin(), own.begin(), own.end());
  for (Flag& flag : progress_flags("Options")) flags.push_back(std::move(flag));
  return {.name = "heads prune",
          .summary = "Removes heads permanently: the pruned run is smaller and faster.",
          .usage = "DIR (--keep N | --loss X) --out DIR",
          .examples = {"headlight heads prune runs/tales --keep 5 --out runs/small",
                       "headlight heads prune runs/tales --loss 0.02 --out runs/small",
                       "headlight heads prune runs/tales --curves"},
          .flags = std::move(flags),
          .notes =
              "Heads are removed in greedy order, chosen on the first half of the text and\n"
              "evaluated on the second. The mean output of removed heads is kept in a bias.\n",
          .least_operands = 1,
          .most_operands = 1,
          .run = run_prune};
}

Command heads_recover_command() {
  return {.name = "heads recover",
          .summary = "Trains a pruned run briefly, to reduce the loss increase from pruning.",
          .usage = "DIR [--steps N]",
          .examples = {"headlight heads recover runs/small"},
          .flags = {{"steps", "N", "training steps in all", "Options", "as given to heads prune"},
                    {"threads", "N", "number of threads; 0: one per core", "Options", "0"}},
          .least_operands = 1,
          .most_operands = 1,
          .run = run_recover};
}

}  // namespace headlight::cli
