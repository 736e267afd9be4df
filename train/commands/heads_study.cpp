// headlight heads study: trains models from several seeds and compares their heads.
#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "bench/median.h"
#include "cli/cli.h"
#include "cli/progress_line.h"
#include "cli/signals.h"
#include "headlight/base/error.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "headlight/ops/ops.h"
#include "heads/ablation/interval.h"
#include "heads/seeds/onset.h"
#include "heads/seeds/seed_summary.h"
#include "heads/seeds/study_run.h"
#include "terminal/columns.h"
#include "training/resolve.h"
#include "training/run_data.h"

namespace headlight::cli {

namespace {

SeedStudyPlan plan_of(const Arguments& args) {
  SeedStudyPlan plan;
  plan.config = resolve(requested_settings(args));
  const std::vector<std::string> data = args.texts("data");
  if (std::find(data.begin(), data.end(), "-") != data.end())
    throw UsageError("--data -: a study reads its text once per seed; pass a file");
  if (args.has("watch-every") && !plan.config.watch_heads)
    throw UsageError("--watch-every: needs --watch-heads; add it");
  if (!args.has("out")) throw UsageError("heads study: --out DIR is missing; name the directory of the study");
  plan.directory = *args.text("out");
  plan.seeds = args.whole("seeds", 5, 1, 1000);
  plan.first = args.whole("first-seed", 1, 0, 1'000'000);
  plan.within = args.real("within", 0.05, 0, 100);
  plan.options = study_options(args);
  plan.recovery = args.whole("recovery", 0, 0, 1'000'000);
  return plan;
}

std::string in_column(std::string text, std::size_t width) {
  if (text.size() >= width) text = cat(text.substr(0, width - 2), "~");
  text.resize(width, ' ');
  return text;
}

std::string mean_text(const std::optional<Interval>& i, int decimals = 3) {
  return i ? fixed_text(i->mean, decimals) : "-";
}

std::string interval_text(const std::optional<Interval>& i, int decimals = 3) {
  if (!i) return "-";
  return cat(fixed_text(i->mean, decimals), " [", fixed_text(i->low, decimals), ", ", fixed_text(i->high, decimals),
             "]");
}

void print_figures(const SeedSummary& all) {
  print(
      cat("figure", std::string(28, ' '), padded("heads", 21), padded("subspaces", 13), padded("untrained", 11), "\n"));
  for (const FigureSummary& f : all.figures)
    print(cat(in_column(f.name, 34), padded(interval_text(f.heads), 21), padded(mean_text(f.subspaces), 13),
              padded(mean_text(f.untrained), 11), "\n"));
}

void print_comparisons(const SeedSummary& all) {
  if (all.comparisons.empty()) return;
  if (all.comparisons[0].comparison.differences.size() == 1) {
    print("\nheads minus their baselines: comparisons.csv; one seed is no evidence\n");
    return;
  }
  print("\ncomparisons within each seed, with 95% intervals\n");
  for (const BaselineSummary& b : all.comparisons) print(wrapped("", b.sentence));
}

void print_carriers(const SeedSummary& all) {
  bool any = false;
  for (const CarrierSummary& c : all.carrier_summaries) {
    if (c.is_role) continue;
    if (!any)
      print(
          "\nthe head with the largest loss increase, over seeds; (n): in n seeds\n"
          "on            layer    attends to              kappa  share of increase  second\n");
    any = true;
    print(cat(in_column(c.name, 14), in_column(cat(c.layer, " (", c.in_layer, ")"), 9),
              in_column(cat(c.role, " (", c.with_role, ")"), 24), padded(mean_text(c.kappa, 2), 5),
              padded(interval_text(c.share, 2), 18), padded(mean_text(c.second_share, 2), 8), "\n"));
  }
}

void print_groups(const SeedSummary& all) {
  const auto several = [](const GroupSummary& g) { return g.heads > 1; };
  if (std::none_of(all.groups.begin(), all.groups.end(), several)) return;
  print(cat("\nheads of one role, ablated together: loss increase in nats, over seeds\n", in_column("role", 20),
            padded("seeds", 5), padded("causal", 8), padded("heads", 7), padded("together", 22),
            padded("one by one", 12), padded("random", 6), "\n"));
  for (const GroupSummary& g : all.groups)
    if (several(g))
      print(cat(in_column(g.role, 20), padded(std::to_string(g.seeds), 5), padded(std::to_string(g.causal), 8),
                padded(fixed_text(g.heads, 1), 7), padded(interval_text(g.increase), 22),
                padded(mean_text(g.alone), 12), padded(mean_text(g.random), 6), "\n"));
}

void print_stability(const SeedSummary& all) {
  if (!all.stability.empty()) print("\nheads of two seeds, matched by attention and effect\n");
  for (const StabilitySummary& s : all.stability)
    print(cat(in_column(s.name, 44), s.has_interval ? interval_text(s.value) : mean_text(s.value), "\n"));
  std::string text;
  for (const LabelCount& l : all.labels) text += cat(text.empty() ? "" : ", ", l.label, " (", l.seeds, ")");
  print(cat("\n", wrapped("", cat("labels, and the number of seeds with each: ", text.empty() ? "none" : text))));
}

// The order of role onsets in different layers, by increasing p. Omits pairs whose onsets share a snapshot in every
// seed.
void print_order(const SeedSummary& all) {
  std::vector<OnsetOrder> order;
  Index pairs = 0;
  for (const OnsetOrder& o : all.order) {
    if (o.by_half || o.layer_a == o.layer_b) continue;
    ++pairs;
    if (o.a_first + o.b_first > 0) order.push_back(o);
  }
  std::stable_sort(order.begin(), order.end(), [](const OnsetOrder& a, const OnsetOrder& b) { return a.p < b.p; });
  constexpr std::size_t kShown = 6;
  order.resize(std::min(kShown, order.size()));
  if (!order.empty())
    print(cat("\norder of reaching kappa 0.4: the ", order.size(), " clearest of ", pairs,
              " pairs\np: sign test of each pair, uncorrected; all pairs: onset_order.csv\n"));
  for (const OnsetOrder& o : order)
    print(wrapped("", cat(o.a, " before ", o.b, ": ", o.a_first, " of ", o.a_first + o.b_first + o.same, " seeds, ",
                          o.b_first, " the other way, ", o.same, " at the same step; p ", fixed_text(o.p, 3))));
}

void print_onsets(const SeedSummary& all) {
  if (all.onsets.empty()) return;
  print(
      "\nonset: step, median and range over seeds; half: of the final kappa, or of the\n"
      "loss decrease; reached: kappa 0.4, or 0.05 nats above the floor\n");
  print(cat(in_column("", 32), padded("seeds", 6), padded("half", 20), padded("reached", 20), "\n"));
  const auto range = [](const OnsetSummary::Steps& s) {
    return s.seeds == 0 ? std::string("-") : cat(s.median, " (", s.first, "-", s.last, ")");
  };
  for (const OnsetSummary& o : all.onsets)
    print(cat(in_column(o.event, 32), padded(std::to_string(o.seeds), 6), padded(range(o.half), 20),
              padded(range(o.reached), 20), "\n"));
  print_order(all);
}

void print_summary(const SeedSummary& all) {
  print(cat("\n", wrapped("", all.text), "\n"));
  print_figures(all);
  print_comparisons(all);
  print_carriers(all);
  print_groups(all);
  print_stability(all);
  print_onsets(all);
}

int run_heads_study(const Arguments& args) {
  const SeedStudyPlan plan = plan_of(args);
  const bool quiet = args.has("quiet");
  ProgressLine line(args);
  watch_signals();
  const auto outcome = run_seed_study(
      plan, {.say =
                 [&](const std::string& text) {
                   line.clear();
                   if (!quiet) say(text);
                 },
             .progress = [&](const char* what, Index done, Index of) { line.show("  ", what, done, of); },
             .text_read =
                 [&](const RunData& data) {
                   if (!quiet) print_byte_order_marks(data.marked);
                 },
             .keep_going = [] { return !interrupted(); }});
  if (!outcome) return kInterrupted;
  line.clear();
  print_summary(outcome->summary);
  print(cat("\nwrote ", plan.directory, ": study.json, *.csv",
            outcome->has_report ? " and report.html" : "; no report, because every seed failed", "\n"));
  return 0;
}

}  // namespace

Command heads_study_command() {
  std::vector<Flag> flags = {
      {"out", "DIR", "directory of the study and its runs; an existing study continues", "Study"},
      {"seeds", "N", "models to train; can be increased later", "Study", "5"},
      {"first-seed", "N", "first seed", "Study", "1"},
      {"within", "X", "a seed whose loss ends more than X nats above the floor counts as failed", "Study", "0.05"},
      {"recovery", "N", "add a pruning curve with N steps of recovery training; 0: none", "Study", "0"},
      with_choices({"preset", "NAME", "start from this preset", "Study", "that of the corpus"}, preset_names())};
  for (Flag& flag : study_flags("Study")) flags.push_back(std::move(flag));
  for (Flag& flag : progress_flags("Study")) flags.push_back(std::move(flag));
  for (Flag& flag : setting_flags())
    if (flag.name != "seed") flags.push_back(std::move(flag));
  return {.name = "heads study",
          .summary = "Trains one model per seed and compares their heads.",
          .usage = "--out DIR [--corpus NAME | --data FILE] [--seeds N] [OPTIONS]",
          .examples = {"headlight heads study --corpus roles --seeds 10 --out studies/roles"},
          .flags = std::move(flags),
          .notes =
              "DIR receives the runs seed-N, their results seed-N.json, study.json, report.html\n"
              "and these tables:\n"
              "  summary.csv      figures over seeds, with intervals\n"
              "  comparisons.csv  heads minus their baselines, within each seed\n"
              "  seeds.csv        each seed, including failed seeds\n"
              "  rules.csv        largest loss increase of a single head, by prediction subset\n"
              "  carriers.csv     the head with this increase, and the head of each role\n"
              "  stability.csv    similarity of heads matched between two seeds\n"
              "  groups.csv       heads that share a role, ablated together\n"
              "  labels.csv, heads.csv, effects.csv, pruning.csv\n"
              "  onset.csv, onset_order.csv: first step of each role (with --watch-heads)\n"
              "Values in brackets are those of the preset cpu; a flag overrides its preset.\n",
          .run = run_heads_study};
}

}  // namespace headlight::cli
