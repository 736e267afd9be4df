// headlight heads study: the same training from several seeds, and what their heads have in common.
#include <algorithm>
#include <cmath>

#include "cli.h"
#include "measuring_line.h"
#include "signals.h"

namespace headlight::cli {

namespace {

struct StudyPlan {
  RunConfig config;
  StudyOptions options;
  double within = 0.05;  // nats above the lowest possible loss; a seed beyond did not learn the text
  Index first = 1, seeds = 5;
  Index recovery = 0;  // steps of training after each removal of heads
  std::string directory;

  std::string file(const std::string& name) const { return cat(directory, "/", name); }
  std::string run_of(Index seed) const { return file(cat("seed-", seed)); }
  std::string result_of(Index seed) const { return file(cat("seed-", seed, ".json")); }
  // What a study that goes on must have in common with what is there: all but the number of seeds.
  Json fixed() const {
    RunConfig common = config;
    common.seed = common.threads = 0;
    common.save_every = RunConfig().save_every;
    Json json = Json::object();
    json.set("config", to_json(common))
        .set("windows", options.windows)
        .set("subspaces", options.subspaces)
        .set("untrained", options.untrained)
        .set("within", within)
        .set("first_seed", first);
    if (recovery > 0) json.set("recovery", recovery);
    return json;
  }
};

StudyPlan plan_of(const Arguments& args) {
  StudyPlan plan;
  plan.config = resolve(asked_of(args));
  const std::vector<std::string> data = args.texts("data");
  if (std::find(data.begin(), data.end(), "-") != data.end())
    throw UsageError("--data -: a study reads its text again for each seed; keep it in a file");
  if (args.has("watch-every") && !plan.config.watch_heads)
    throw UsageError("--watch-every: needs --watch-heads as well");
  if (!args.has("out")) throw UsageError("heads study: --out DIR is missing: where should the study go?");
  plan.directory = *args.text("out");
  plan.seeds = args.whole("seeds", 5, 1, 1000);
  plan.first = args.whole("first-seed", 1, 0, 1'000'000);
  plan.within = args.real("within", 0.05, 0, 100);
  plan.options = study_options(args);
  plan.options.curves = plan.options.replicates = true;
  plan.recovery = args.whole("recovery", 0, 0, 1'000'000);
  return plan;
}

// Makes the directory, or sees that what is there is of this study.
void open_study(const StudyPlan& plan, bool quiet) {
  const std::string file = plan.file("plan.json"), text = json_text(plan.fixed());
  if (path_exists(file)) {
    Json stored = parse_json(read_file(file), file);
    // Settings that a study of an earlier version lacks have their defaults.
    RunConfig config;
    from_json(config, JsonView(stored, file).at("config"));
    if (json_text(stored.set("config", to_json(config))) != text)
      fail(plan.directory, ": holds a study with other settings; give the same ones to go on, or choose another --out");
    return;
  }
  if (path_exists(plan.directory) && !list_directory(plan.directory).empty())
    fail(plan.directory, ": is not empty and holds no study; choose another --out");
  // A text that is not there, or is too short to be measured on, leaves nothing behind.
  const RunData data = load_run_data(plan.config);
  HeadWindows(data.measured_text(), plan.config.context, 2).check_several();
  if (!quiet) say_marks(data.marked);
  make_directories(plan.directory);
  write_file_atomically(file, text + "\n");
}

// What is said while it goes on: a line for each thing begun, and below it, on a terminal, how far that is.
class Voice {
 public:
  explicit Voice(const Arguments& args) : quiet_(args.has("quiet")), line_(args) {}
  void say(const std::string& text) {
    line_.clear();
    if (!quiet_) cli::say(text);
  }
  MeasuringLine& line() { return line_; }
  Measuring measuring() {
    return line_.measuring("  ", [] { return !interrupted(); });
  }

 private:
  bool quiet_;
  MeasuringLine line_;
};

// Trains to the end, from where it stopped; false when interrupted.
bool trained(const StudyPlan& plan, const RunConfig& config, const RunData& data, MeasuringLine& line) {
  const std::string directory = plan.run_of(config.seed);
  const bool begun = RunDirectory(directory).has_run();
  const std::unique_ptr<Trainer> trainer =
      begun ? Trainer::resume(config, data, directory) : std::make_unique<Trainer>(config, data, directory);
  // One that has finished makes no step, and writes the last line of its log anew, which going on took away.
  std::optional<HeadWatch> watch;
  if (config.watch_heads) watch.emplace(*trainer);
  run_watched(*trainer, watch ? &*watch : nullptr, [&](const StepRecord& r) {
    line.show("  ", "steps", r.step, config.steps);
    return !interrupted();
  });
  return trainer->finished();
}

// What one seed gave; the study itself when it was made just now.
struct Measured {
  SeedResult result;
  std::optional<HeadStudy> study;
};

// Of one seed; nothing when interrupted.
std::optional<Measured> result_for(const StudyPlan& plan, Index seed, Voice& voice) {
  const std::string file = plan.result_of(seed);
  if (path_exists(file)) return Measured{seed_result(parse_json(read_file(file), file), file), {}};
  Measured measured;
  SeedResult& result = measured.result;
  result.seed = seed;
  result.loss = result.floor = std::nan("");
  RunConfig config = plan.config;
  config.seed = seed;
  const RunData data = load_run_data(config);
  try {
    voice.say(cat("seed ", seed, "  training"));
    if (!trained(plan, config, data, voice.line())) return {};
    if (interrupted()) return {};
    voice.say(cat("seed ", seed, "  measuring its heads"));
    StudyOptions options = plan.options;
    options.measuring = voice.measuring();
    const TrainedModel model = load_model(plan.run_of(seed));
    HeadStudy study = study_heads(*model.model, data, options);
    study.run = cat("seed-", seed);
    if (plan.recovery > 0)
      add_recovery(study.pruning, *model.model, config, data,
                   HeadWindows(data.measured_text(), config.context, study.windows), plan.recovery, options.measuring);
    result.loss = study.loss[0];
    if (study.truth_known) result.floor = study.floor[0];
    if (result.loss - result.floor > plan.within)
      result.failed = cat("loss ", fixed_text(result.loss - result.floor, 3), " above the lowest possible");
    result.study = to_json(study);
    if (const std::string history = cat(plan.run_of(seed), "/", kHeadHistoryFile); path_exists(history))
      result.onset = onsets(head_history(history));
    measured.study = std::move(study);
  } catch (const DivergedError& e) {
    result.failed = one_line(e.what());
  } catch (const InterruptedError&) {
    return {};  // nothing of it is kept, and it is measured anew
  }
  write_file_atomically(file, json_text(to_json(result)) + "\n");
  return measured;
}

// Of the first seed that did not fail; `shown` is its study, where it is there already.
void write_report(const StudyPlan& plan, std::span<const SeedResult> results, std::optional<HeadStudy> shown,
                  Voice& voice) {
  for (const SeedResult& r : results) {
    if (!r.failed.empty()) continue;
    const TrainedModel model = load_model(plan.run_of(r.seed));
    RunConfig config = plan.config;
    config.seed = r.seed;
    const RunData data = load_run_data(config);
    StudyOptions options = plan.options;
    options.curves = options.replicates = false;
    options.measuring = voice.measuring();
    if (!shown) voice.say(cat("seed ", r.seed, "  measuring its heads again, for the report"));
    HeadStudy study = shown ? std::move(*shown) : study_heads(*model.model, data, options);
    study.run = cat(plan.directory, ", seed ", r.seed);
    const Json* pruning = r.study.find("pruning");
    Json report = report_data(*model.model, data, study, {.pruning = pruning ? *pruning : Json()});
    report.set("seeds", summarise(results).set("shown", r.seed));
    if (const std::string path = cat(plan.run_of(r.seed), "/", kHeadHistoryFile); path_exists(path))
      set_history(report, head_history(path));
    write_file_atomically(plan.file("report.html"), report_page(report));
    return;
  }
}

// ---- what is printed ----

std::string in_column(std::string text, std::size_t width) {
  if (text.size() >= width) text = cat(text.substr(0, width - 2), "~");
  text.resize(width, ' ');
  return text;
}

std::string mean_text(const std::optional<JsonView>& interval, int decimals = 3) {
  return interval ? fixed_text(interval->at("mean").as_double(), decimals) : "-";
}

std::string interval_text(const std::optional<JsonView>& v, int decimals = 3) {
  if (!v) return "-";
  if (!v->find("low")) return mean_text(v, decimals);
  return cat(mean_text(v, decimals), " [", fixed_text(v->at("low").as_double(), decimals), ", ",
             fixed_text(v->at("high").as_double(), decimals), "]");
}

void print_figures(const JsonView& summary) {
  print(
      cat("figure", std::string(28, ' '), padded("heads", 21), padded("subspaces", 13), padded("untrained", 11), "\n"));
  for (const JsonView& f : summary.elements())
    print(cat(in_column(f.at("name").as_string(), 34), padded(interval_text(f.find("heads")), 21),
              padded(mean_text(f.find("subspaces")), 13), padded(mean_text(f.find("untrained")), 11), "\n"));
}

void print_comparisons(const JsonView& comparisons) {
  if (comparisons.size() == 0) return;
  // The same sentence five times is no news.
  if (comparisons.at(Index{0}).at("seeds").as_index() == 1) {
    print("\nheads less their controls: comparisons.csv; one seed proves nothing\n");
    return;
  }
  print("\ncompared within each seed, in brackets the 95% interval\n");
  for (const JsonView& c : comparisons.elements()) print(wrapped("", c.at("says").as_string()));
}

void print_carriers(const JsonView& carriers) {
  bool any = false;
  for (const JsonView& c : carriers.elements()) {
    if (c.at("kind").as_string() != "slots") continue;
    if (!any)
      print(
          "\nthe head that costs most, over seeds; (n): in so many of them\n"
          "on            layer    looks at                kappa     share of rise  next's\n");
    any = true;
    const auto counted = [&](const char* what, const char* times) {
      const Json& value = c.at(what).json();
      return cat(value.if_string() ? *value.if_string() : json_text(value), " (", c.at(times).as_index(), ")");
    };
    print(cat(in_column(c.at("name").as_string(), 14), in_column(counted("layer", "in_layer"), 9),
              in_column(counted("role", "with_role"), 24), padded(mean_text(c.find("kappa"), 2), 5),
              padded(interval_text(c.find("share"), 2), 18), padded(mean_text(c.find("second_share"), 2), 8), "\n"));
  }
}

void print_stability(const JsonView& all) {
  if (all.at("stability").size() > 0) print("\nheads of two seeds, matched by what they look at and do\n");
  for (const JsonView& s : all.at("stability").elements())
    print(cat(in_column(s.at("name").as_string(), 44), interval_text(s.find("value")), "\n"));
  std::string text;
  for (const JsonView& l : all.at("labels").elements())
    text += cat(text.empty() ? "" : ", ", l.at("label").as_string(), " (", l.at("seeds").as_index(), ")");
  print(
      cat("\n", wrapped("", cat("labels, and in how many seeds some head has them: ", text.empty() ? "none" : text))));
}

void print_onsets(const JsonView& all) {
  const auto onset = all.find("onset");
  if (!onset || onset->size() == 0) return;
  print(
      "\nwhen it came: step, median and range over seeds; half: of its final kappa, or\n"
      "half of its fall; there: kappa 0.4, or 0.05 nats above the lowest loss possible\n");
  print(cat(in_column("", 32), padded("seeds", 6), padded("half", 20), padded("there", 20), "\n"));
  const auto range = [](const JsonView& o, const std::string& what) {
    const auto median = o.find(what), first = o.find(what + "_first"), last = o.find(what + "_last");
    if (!median || !first || !last) return std::string("-");
    return cat(median->as_index(), " (", first->as_index(), "-", last->as_index(), ")");
  };
  for (const JsonView& o : onset->elements())
    print(cat(in_column(o.at("event").as_string(), 32), padded(std::to_string(o.at("seeds").as_index()), 6),
              padded(range(o, "half"), 20), padded(range(o, "reached"), 20), "\n"));

  // Roles of different layers, the clearest first.
  std::vector<JsonView> order;
  Index pairs = 0;
  for (const JsonView& o : all.at("order").elements()) {
    const auto layer = [&](const char* which) {
      const std::string& event = o.at(which).as_string();
      return event.substr(event.rfind(' ') + 1);
    };
    const bool differs = o.at("first_earlier").as_index() + o.at("second_earlier").as_index() > 0;
    if (layer("first") != layer("second") && o.at("by").as_string().starts_with("kappa")) {
      ++pairs;
      if (differs) order.push_back(o);
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const JsonView& a, const JsonView& b) { return a.at("p").as_double() < b.at("p").as_double(); });
  constexpr std::size_t kShown = 6;
  if (!order.empty())
    print(cat("\nwhich of two reaches kappa 0.4 first: the ", std::min(kShown, order.size()), " clearest of ", pairs,
              " pairs\np: of the sign test for each by itself; all pairs: onset_order.csv\n"));
  for (std::size_t i = 0; i < std::min(kShown, order.size()); ++i) {
    const JsonView& o = order[i];
    const Index first = o.at("first_earlier").as_index(), second = o.at("second_earlier").as_index(),
                same = o.at("same").as_index();
    print(wrapped("", cat(o.at("first").as_string(), " before ", o.at("second").as_string(), ": ", first, " of ",
                          first + second + same, " seeds, ", second, " the other way, ", same, " at the same step; p ",
                          fixed_text(o.at("p").as_double(), 3))));
  }
}

void print_summary(const Json& summary) {
  const JsonView all(summary, "summary");
  print(cat("\n", wrapped("", all.at("text").as_string()), "\n"));
  print_figures(all.at("summary"));
  print_comparisons(all.at("comparisons"));
  print_carriers(all.at("carriers"));
  print_stability(all);
  print_onsets(all);
}

int run_heads_study(const Arguments& args) {
  const StudyPlan plan = plan_of(args);
  plan.config.check();
  open_study(plan, args.has("quiet"));
  watch_signals();
  Voice voice(args);
  std::vector<SeedResult> results;
  std::optional<HeadStudy> shown;
  bool first_good = true;
  for (Index seed = plan.first; seed < plan.first + plan.seeds; ++seed) {
    std::optional<Measured> measured = interrupted() ? std::nullopt : result_for(plan, seed, voice);
    if (!measured) {
      voice.say(cat("interrupted at seed ", seed, "; saved. The same command goes on from here"));
      return kInterrupted;
    }
    const SeedResult& result = measured->result;
    if (result.failed.empty() && first_good) {
      shown = std::move(measured->study);
      first_good = false;
    }
    voice.say(cat("seed ", seed, "  loss ", fixed_text(result.loss, 4),
                  result.failed.empty() ? "" : cat("  failed: ", result.failed)));
    results.push_back(result);
  }
  const Json summary = summarise(results);
  for (const auto& [name, text] : seed_tables(results)) write_file_atomically(plan.file(name), text);
  write_file_atomically(plan.file("study.json"), pretty_json_text(summary));
  try {
    write_report(plan, results, std::move(shown), voice);
  } catch (const InterruptedError&) {
    voice.say("interrupted before the report; all else is saved. The same command goes on from here");
    return kInterrupted;
  }
  voice.line().clear();
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
      {"recovery", "N", "a pruning curve with N steps of training after the removal; 0: none", "Study", "0"},
      with_choices({"preset", "NAME", "start from this preset", "Study", "that of the corpus"}, preset_names())};
  for (Flag& flag : study_flags("Study")) flags.push_back(std::move(flag));
  for (Flag& flag : progress_flags("Study")) flags.push_back(std::move(flag));
  for (Flag& flag : setting_flags())
    if (flag.name != "seed") flags.push_back(std::move(flag));
  return {.name = "heads study",
          .summary = "Trains from several seeds and reports what their heads have in common.",
          .usage = "--out DIR [--corpus NAME | --data FILE] [--seeds N] [OPTIONS]",
          .examples = {"headlight heads study --corpus roles --seeds 10 --out studies/roles"},
          .flags = std::move(flags),
          .notes =
              "In DIR: seed-N, a run each, and seed-N.json, what was measured of it; study.json\n"
              "and report.html; and as tables\n"
              "  summary.csv      figures over seeds, with intervals\n"
              "  comparisons.csv  heads less their controls, within each seed\n"
              "  seeds.csv        each seed; failed ones too\n"
              "  rules.csv        what the strongest head costs, by what is predicted\n"
              "  carriers.csv     which head that is, and which plays each role\n"
              "  stability.csv    seeds matched head by head\n"
              "  labels.csv, heads.csv, effects.csv, pruning.csv\n"
              "  onset.csv, onset_order.csv, where heads were watched: what came when\n"
              "Figures in brackets are those of the preset cpu; a flag goes over its preset.\n",
          .run = run_heads_study};
}

}  // namespace headlight::cli
