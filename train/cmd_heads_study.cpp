// headlight heads study: the same training from several seeds, and what their heads have in common.
#include <cmath>
#include <csignal>

#include "cli.h"

namespace headlight::cli {

namespace {

volatile std::sig_atomic_t interrupted = 0;
extern "C" void on_study_signal(int signal) {
  interrupted = 1;
  std::signal(signal,
              SIG_DFL);  // the next one ends the program at once; nothing is lost but the work since a checkpoint
}

constexpr int kInterrupted = 130;

struct Plan {
  RunConfig config;
  StudyOptions options;
  double within = 0.05;  // nats above the lowest possible loss; a seed beyond did not learn the text
  Index first = 1, seeds = 5;
  std::string directory;

  std::string file(const std::string& name) const { return cat(directory, "/", name); }
  std::string run_of(Index seed) const { return file(cat("seed-", seed)); }
  std::string result_of(Index seed) const { return file(cat("seed-", seed, ".json")); }
  // What a study that goes on must have in common with what is there: all but the number of seeds.
  Json fixed() const {
    RunConfig common = config;
    common.seed = common.threads = 0;
    return Json::object()
        .set("config", to_json(common))
        .set("windows", options.windows)
        .set("subspaces", options.subspaces)
        .set("untrained", options.untrained)
        .set("within", within)
        .set("first_seed", first);
  }
};

Plan plan_of(const Arguments& args) {
  Plan plan;
  plan.config =
      find_preset(args.text("preset", args.has("data") ? "cpu" : preset_of_corpus(args.text("corpus", "tales"))))
          .config;
  for (const Setting& s : settings())
    if (const auto text = args.text(s.name)) set_from_text(plan.config, s, *text);
  if (args.has("data") && args.has("corpus")) throw UsageError("--data and --corpus cannot both be given");
  if (!args.has("out")) throw UsageError("heads study: --out DIR is missing: where should the study go?");
  plan.directory = *args.text("out");
  plan.seeds = args.whole("seeds", 5, 1, 1000);
  plan.first = args.whole("first-seed", 1, 0, 1'000'000);
  plan.within = args.real("within", 0.05, 0, 100);
  plan.options.windows = args.whole("windows", 64, 1, 100'000);
  plan.options.subspaces = static_cast<int>(args.whole("subspaces", 50, 0, 10'000));
  plan.options.untrained = static_cast<int>(args.whole("untrained", 20, 1, 1000));
  return plan;
}

// Makes the directory, or sees that what is there is of this study.
void open_study(const Plan& plan) {
  const std::string file = plan.file("plan.json"), text = json_text(plan.fixed());
  if (path_exists(file)) {
    if (json_text(parse_json(read_file(file), file)) != text)
      fail(plan.directory, ": holds a study with other settings; give the same ones to go on, or choose another --out");
    return;
  }
  if (path_exists(plan.directory) && !list_directory(plan.directory).empty())
    fail(plan.directory, ": is not empty and holds no study; choose another --out");
  make_directories(plan.directory);
  write_file_atomically(file, text + "\n");
}

// Trains to the end, from where it stopped; false when interrupted.
bool trained(const Plan& plan, const RunConfig& config, const RunData& data) {
  const std::string directory = plan.run_of(config.seed);
  const bool begun = RunDirectory(directory).has_run();
  const std::unique_ptr<Trainer> trainer =
      begun ? Trainer::resume(config, data, directory) : std::make_unique<Trainer>(config, data, directory);
  if (trainer->finished()) return true;
  std::optional<HeadWatch> watch;
  if (config.watch_heads) watch.emplace(*trainer);
  run_watched(*trainer, watch ? &*watch : nullptr, [](const StepRecord&) { return interrupted == 0; });
  return trainer->finished();
}

// Of one seed; nothing when interrupted.
std::optional<SeedResult> result_for(const Plan& plan, Index seed) {
  const std::string file = plan.result_of(seed);
  if (path_exists(file)) return seed_result(parse_json(read_file(file), file), file);
  SeedResult result;
  result.seed = seed;
  result.loss = result.floor = std::nan("");
  RunConfig config = plan.config;
  config.seed = seed;
  const RunData data = load_run_data(config);
  try {
    if (!trained(plan, config, data)) return {};
    const TrainedModel model = load_model(plan.run_of(seed));
    HeadStudy study = study_heads(*model.model, data, plan.options);
    study.run = cat("seed-", seed);
    result.loss = study.loss[0];
    if (study.truth_known) result.floor = study.floor[0];
    if (result.loss - result.floor > plan.within)
      result.failed = cat("loss ", fixed_text(result.loss - result.floor, 3), " above the lowest possible");
    result.study = to_json(study);
  } catch (const DivergedError& e) {
    result.failed = one_line(e.what());
  }
  if (interrupted != 0) return {};
  write_file_atomically(file, json_text(to_json(result)) + "\n");
  return result;
}

void write_report(const Plan& plan, std::span<const SeedResult> results) {
  for (const SeedResult& r : results) {
    if (!r.failed.empty()) continue;
    const TrainedModel model = load_model(plan.run_of(r.seed));
    RunConfig config = plan.config;
    config.seed = r.seed;
    const RunData data = load_run_data(config);
    HeadStudy study = study_heads(*model.model, data, plan.options);
    study.run = cat(plan.directory, ", seed ", r.seed);
    Json report = report_data(*model.model, data, study);
    report.set("seeds", summarise(results).set("shown", r.seed));
    if (const std::string path = cat(plan.run_of(r.seed), "/", kHeadHistoryFile); path_exists(path))
      set_history(report, head_history(path));
    write_file_atomically(plan.file("report.html"), report_page(report));
    return;
  }
}

void print_summary(const Json& summary) {
  const JsonView view(summary, "summary");
  const auto range = [](const std::optional<JsonView>& v) {
    if (!v) return std::string("-");
    return cat(fixed_text(v->at("mean").as_double(), 3), " [", fixed_text(v->at("low").as_double(), 3), ", ",
               fixed_text(v->at("high").as_double(), 3), "]");
  };
  print(cat("\n", wrapped("", view.at("text").as_string()), "\n"));
  print(
      cat("figure", std::string(28, ' '), padded("heads", 21), padded("subspaces", 13), padded("untrained", 11), "\n"));
  for (const JsonView& f : view.at("summary").elements()) {
    std::string name = f.at("name").as_string();
    name.resize(34, ' ');
    const auto mean = [](const std::optional<JsonView>& v) {
      return v ? fixed_text(v->at("mean").as_double(), 3) : std::string("-");
    };
    print(cat(name, padded(range(f.find("heads")), 21), padded(mean(f.find("subspaces")), 13),
              padded(mean(f.find("untrained")), 11), "\n"));
  }
}

int run(const Arguments& args) {
  const Plan plan = plan_of(args);
  plan.config.check();
  open_study(plan);
  std::signal(SIGINT, on_study_signal);
  std::signal(SIGTERM, on_study_signal);
  std::vector<SeedResult> results;
  for (Index seed = plan.first; seed < plan.first + plan.seeds; ++seed) {
    const std::optional<SeedResult> result = result_for(plan, seed);
    if (!result) {
      say(cat("interrupted at seed ", seed, "; the same command goes on from here"));
      return kInterrupted;
    }
    results.push_back(*result);
    say(cat("seed ", seed, "  loss ", fixed_text(result->loss, 4),
            result->failed.empty() ? "" : cat("  failed: ", result->failed)));
  }
  const Json summary = summarise(results);
  for (const auto& [name, text] : seed_tables(results)) write_file_atomically(plan.file(name), text);
  write_file_atomically(plan.file("study.json"), pretty_json_text(summary));
  write_report(plan, results);
  print_summary(summary);
  print(cat("\nwrote ", plan.directory, ": study.json, *.csv",
            path_exists(plan.file("report.html")) ? " and report.html" : "; no report, as every seed failed", "\n"));
  return 0;
}

}  // namespace

Command heads_study_command() {
  std::vector<Flag> flags = {
      {"out", "DIR", "where the study goes, its runs within; given again, it goes on", "Study"},
      {"seeds", "N", "models to train; more may be asked for later", "Study", "5"},
      {"first-seed", "N", "the first of the seeds", "Study", "1"},
      {"within", "X", "a seed further above the lowest possible loss has failed, nats", "Study", "0.05"},
      {"windows", "N", "windows of text to measure on", "Study", "64"},
      {"subspaces", "N", "random subspaces of each layer, as a control", "Study", "50"},
      {"untrained", "N", "untrained models to compare labels with", "Study", "20"},
      {"preset", "NAME", "start from this preset", "Study", "that of the corpus"}};
  const RunConfig defaults;
  for (const Setting& s : settings()) {
    if (s.name == std::string_view("seed")) continue;
    flags.push_back({s.name, s.is_switch() ? "" : "X", s.help, s.group, text_of(defaults, s)});
  }
  return {.name = "heads study",
          .summary = "Trains from several seeds and reports what their heads have in common.",
          .usage = "--out DIR [--corpus NAME | --data FILE] [--seeds N] [OPTIONS]",
          .examples = {"headlight heads study --corpus roles --seeds 10 --out studies/roles"},
          .flags = std::move(flags),
          .notes =
              "In DIR: seed-N, a run each; seed-N.json, what was measured of it; study.json, seeds.csv,\n"
              "summary.csv, rules.csv, labels.csv, heads.csv, effects.csv; report.html. Intervals are over seeds.\n",
          .run = run};
}

}  // namespace headlight::cli
