// Training, progress, resuming and reporting of a study over seeds.
#include "heads/seeds/study_run.h"

#include <cmath>

#include "base/format.h"
#include "headlight/base/error.h"
#include "heads/pruning/prune_recovery.h"
#include "heads/report/head_report.h"
#include "heads/watch/head_watch.h"
#include "os/file.h"
#include "os/folder.h"
#include "training/run_directory.h"
#include "training/trainer.h"

namespace headlight {

namespace {

class SeedStudy {
 public:
  SeedStudy(const SeedStudyPlan& plan, const SeedStudyCallbacks& watch) : plan_(plan), watch_(watch) {
    plan_.options.curves = plan_.options.replicates = true;
    plan_.options.progress = Progress([this](const char* what, Index done, Index of) {
      if (watch_.progress) watch_.progress(what, done, of);
      return keep_going();
    });
  }

  std::optional<SeedStudyOutcome> run() {
    plan_.config.check();
    if (!plan_.config.has_heads())
      throw UsageError(cat("heads study: the model ", plan_.config.model, " has no attention heads; use transformer"));
    if (plan_.recovery > 0 && !plan_.config.is_transformer())
      throw UsageError(
          cat("--recovery: only transformers can be pruned, not the model ", plan_.config.model, "; omit the flag"));
    open();
    std::vector<SeedResult> results;
    for (Index seed = plan_.first; seed < plan_.first + plan_.seeds; ++seed) {
      std::optional<SeedResult> result = keep_going() ? result_for(seed) : std::nullopt;
      if (!result) {
        say(cat("interrupted at seed ", seed, "; saved. Run the same command to continue"));
        return std::nullopt;
      }
      say(cat("seed ", seed, "  loss ", fixed_text(result->loss, 4),
              result->failed.empty() ? "" : cat("  failed: ", result->failed)));
      results.push_back(std::move(*result));
    }
    SeedStudyOutcome outcome{summarize(results)};
    for (const auto& [name, text] : seed_tables(results, outcome.summary)) write_file_atomically(file(name), text);
    write_file_atomically(file("study.json"), pretty_json_text(to_json(outcome.summary)));
    try {
      write_report(results, outcome.summary);
    } catch (const InterruptedError&) {
      say("interrupted before the report; all other results are saved. Run the same command to continue");
      return std::nullopt;
    }
    outcome.has_report = path_exists(file("report.html"));
    return outcome;
  }

 private:
  std::string file(const std::string& name) const { return cat(plan_.directory, "/", name); }
  std::string run_of(Index seed) const { return file(cat("seed-", seed)); }
  std::string history_of(Index seed) const { return cat(run_of(seed), "/", kHeadHistoryFile); }
  void say(const std::string& line) const {
    if (watch_.say) watch_.say(line);
  }
  bool keep_going() const { return !watch_.keep_going || watch_.keep_going(); }

  RunConfig config_for(Index seed) const {
    RunConfig config = plan_.config;
    config.seed = seed;
    return config;
  }

  // The settings that a continued study must share with the study in the directory: all except the number of seeds.
  Json fixed() const {
    RunConfig common = plan_.config;
    common.seed = common.threads = 0;
    common.save_every = RunConfig().save_every;
    Json json = Json::object();
    json.set("config", to_json(common))
        .set("windows", plan_.options.windows)
        .set("subspaces", plan_.options.subspaces)
        .set("untrained", plan_.options.untrained)
        .set("within", plan_.within)
        .set("first_seed", plan_.first);
    if (plan_.recovery > 0) json.set("recovery", plan_.recovery);
    return json;
  }

  // Creates the directory, or checks that it holds this study.
  void open() const {
    const std::string path = file("plan.json"), text = json_text(fixed());
    if (path_exists(path)) {
      Json stored = parse_json(read_file(path), path);
      // Settings that are missing in a study of an earlier version get their defaults.
      RunConfig config;
      from_json(config, JsonView(stored, path).at("config"));
      if (json_text(stored.set("config", to_json(config))) != text)
        fail(plan_.directory, ": contains a study with other settings; use the same settings, or choose another --out");
      return;
    }
    if (path_exists(plan_.directory) && !list_directory(plan_.directory).empty())
      fail(plan_.directory, ": is not empty and contains no study; choose another --out");
    // Check the text before anything is created.
    const RunData data = load_run_data(plan_.config);
    HeadWindows(data.measured_text(), plan_.config.context, 2).check_several();
    if (watch_.text_read) watch_.text_read(data);
    make_directories(plan_.directory);
    write_file_atomically(path, text + "\n");
  }

  // Trains or resumes a run to its last step; false when interrupted. A finished run makes no steps.
  bool train(const RunConfig& config, const RunData& data) const {
    const std::string directory = run_of(config.seed);
    const bool begun = RunDirectory(directory).has_run();
    const std::unique_ptr<Trainer> trainer =
        begun ? Trainer::resume(config, data, directory) : std::make_unique<Trainer>(config, data, directory);
    std::optional<HeadWatch> heads;
    if (config.watch_heads) heads.emplace(*trainer);
    run_watched(*trainer, heads ? &*heads : nullptr, [&](const StepRecord& r) {
      if (watch_.progress) watch_.progress("steps", r.step, config.steps);
      if (const std::string text = std::isnan(r.val_loss) ? "" : trainer->warning(); !text.empty())
        say(cat("warning: seed ", config.seed, ": ", text));
      return keep_going();
    });
    return trainer->finished();
  }

  // The result of one seed, from its file if measured before; nullopt when interrupted.
  std::optional<SeedResult> result_for(Index seed) {
    const std::string path = file(cat("seed-", seed, ".json"));
    if (!path_exists(path) && !measure(seed, path)) return std::nullopt;
    return seed_result(parse_json(read_file(path), path), path);
  }

  // Trains and measures one seed, and writes its file. False when interrupted; an incomplete measurement is discarded.
  bool measure(Index seed, const std::string& path) {
    SeedResult result;
    result.seed = seed;
    std::optional<HeadStudy> study;
    const RunConfig config = config_for(seed);
    const RunData data = load_run_data(config);
    if (plan_.recovery > 0) check_prunable(config.transformer(1));
    try {
      say(cat("seed ", seed, "  training"));
      if (!train(config, data) || !keep_going()) return false;
      say(cat("seed ", seed, "  measuring its heads"));
      const TrainedModel model = load_model(run_of(seed));
      study = study_heads(model.headed("heads study"), data, plan_.options);
      study->run = cat("seed-", seed);
      if (plan_.recovery > 0)
        add_recovery(study->pruning, model.transformer("heads study"), config, data,
                     HeadWindows(data.measured_text(), config.context, study->windows), plan_.recovery,
                     plan_.options.progress);
      result.loss = study->loss[0];
      if (study->truth_known) result.floor = study->floor[0];
      if (result.loss - result.floor > plan_.within)
        result.failed = cat("loss ", fixed_text(result.loss - result.floor, 3), " above the floor");
      if (path_exists(history_of(seed))) result.onset = onsets(head_history(history_of(seed)));
    } catch (const DivergedError& e) {
      result.failed = e.what();
    } catch (const InterruptedError&) {
      return false;
    }
    write_file_atomically(path, json_text(seed_json(result, study ? &*study : nullptr)) + "\n");
    if (study && result.failed.empty() && !shown_) shown_ = std::move(study);
    return true;
  }

  // Writes the report of the first seed that did not fail. Measures the seed again unless this process measured it.
  void write_report(std::span<const SeedResult> results, const SeedSummary& summary) {
    for (const SeedResult& r : results) {
      if (!r.failed.empty()) continue;
      const TrainedModel model = load_model(run_of(r.seed));
      const RunData data = load_run_data(config_for(r.seed));
      if (!shown_ || shown_->run != cat("seed-", r.seed)) {
        say(cat("seed ", r.seed, "  measuring its heads again, for the report"));
        StudyOptions options = plan_.options;
        options.curves = options.replicates = false;
        shown_ = study_heads(model.headed("heads study"), data, options);
      }
      shown_->run = cat(plan_.directory, ", seed ", r.seed);
      Json report = report_data(model.headed("heads study"), data, *shown_, {.pruning = r.figures->pruning});
      report.set("seeds", to_json(summary).set("shown", r.seed));
      if (path_exists(history_of(r.seed))) set_history(report, head_history(history_of(r.seed)));
      write_file_atomically(file("report.html"), report_page(report));
      return;
    }
  }

  SeedStudyPlan plan_;
  const SeedStudyCallbacks& watch_;
  std::optional<HeadStudy> shown_;  // of the first good seed measured by this process
};

}  // namespace

std::optional<SeedStudyOutcome> run_seed_study(const SeedStudyPlan& plan, const SeedStudyCallbacks& watch) {
  return SeedStudy(plan, watch).run();
}

}  // namespace headlight
