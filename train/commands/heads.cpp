// headlight heads: prints the label, ablations, baselines and verdict of each attention head of a trained model.
#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "base/words.h"
#include "cli/cli.h"
#include "cli/progress_line.h"
#include "corpora/grammar/grammar.h"
#include "expert_lines.h"
#include "formats/json.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "headlight/ops/ops.h"
#include "heads/ablation/prediction_subsets.h"
#include "heads/ablation/specialization.h"
#include "heads/pruning/pruning.h"
#include "heads/report/heads_picture.h"
#include "heads/roles/head_scores.h"
#include "heads/roles/roles.h"
#include "heads/study/head_study.h"
#include "os/file.h"
#include "terminal/columns.h"

namespace headlight::cli {

namespace {

std::string left_aligned(std::string text, std::size_t width) {
  text.resize(std::max(text.size() + 1, width), ' ');
  return text;
}

// A name truncated to the column's width; --json has the full name.
std::string short_name(const std::string& name, std::size_t width) {
  return name.size() <= width ? name : cat(name.substr(0, width - 1), "~");
}

std::string kappa_text(double kappa) { return std::isnan(kappa) ? "-" : fixed_text(kappa, 2); }

// For the roles of character classes, score_text() shows RoleScore::log_ratio() instead of kappa.
bool is_class(const HeadStudy& study, const HeadFinding& f) { return study.roles[f.label.best].family == "class"; }
std::string score_text(const HeadStudy& study, const HeadFinding& f) {
  const RoleScore& score = f.scores[f.label.best];
  if (!is_class(study, f) || std::isnan(score.log_ratio())) return kappa_text(score.kappa());
  return cat("ln", fixed_text(score.log_ratio(), 1));
}

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

void print_heads(const HeadStudy& study) {
  constexpr std::size_t kHead = 7, kRole = 21;
  print(left_aligned("head", kHead) + left_aligned("attends to", kRole) + padded("kappa", 5) + padded("k_c", 7) +
        padded("loss increase, 95%", 24) + "  verdict\n");
  for (const HeadFinding& f : study.heads) {
    const Role& role = study.roles[f.label.best];
    const RoleScore& score = f.scores[f.label.best];
    // An unlabelled head shows its closest role in brackets.
    const std::string name = f.label.mixed()    ? "mixed"
                             : f.label.labelled ? role.name
                             : f.label.uniform  ? "(uniform)"
                                                : cat("(", short_name(role.name, kRole - 4), ")");
    const LossIncrease& increase = f.mean[0];
    print(left_aligned(head_name(f.id), kHead) + left_aligned(short_name(name, kRole - 1), kRole) +
          padded(score_text(study, f), 5) + padded(role.content ? kappa_text(score.kappa_content()) : "-", 7) +
          padded(fixed_text(increase.mean, 3), 8) +
          padded(cat("[", fixed_text(increase.low, 3), ",", fixed_text(increase.high, 3), "]"), 16) +
          (f.kinds_disagree ? "! " : "  ") + f.verdict +
          (f.verdict == "redundant" ? cat(" with ", head_name(study.heads[*f.backup].id)) : "") + "\n");
  }
}

// The roles of mixed heads.
void print_mixed(const HeadStudy& study) {
  for (const HeadFinding& f : study.heads)
    if (f.label.mixed()) print(wrapped(left_aligned(head_name(f.id), 7), f.label.name(study.roles)));
}

// Groups of two heads or more; single heads are in the table above.
void print_groups(const HeadStudy& study) {
  constexpr std::size_t kRole = 18;
  bool any = false;
  for (const HeadGroup& group : study.groups) {
    if (group.heads.size() < 2) continue;
    if (!any)
      print(cat("\nheads of one role, ablated together; loss increase in nats:\n", left_aligned("role", kRole),
                padded("together, 95%", 22), padded("one by one", 12), padded("random sets", 13), " heads\n"));
    any = true;
    const LossIncrease& r = group.increase[0];
    std::string heads;
    for (const HeadId id : group.heads) heads += cat(" ", head_name(id));
    constexpr std::size_t kHeads = 3;  // as many names as fit the line
    if (group.heads.size() > kHeads) heads = cat(" ", counted(group.heads.size(), "head"));
    print(cat(left_aligned(short_name(group.role, kRole - 1), kRole), padded(fixed_text(r.mean, 3), 8),
              padded(cat("[", fixed_text(r.low, 3), ",", fixed_text(r.high, 3), "]"), 14),
              padded(fixed_text(group.alone, 3), 12), padded(fixed_text(mean_of(group.random), 3), 13), heads, "\n"));
  }
  if (any) print(cat("random sets: mean of ", kRandomSets, " sets with as many heads in each layer.\n"));
}

// Loss increases by head and prediction subset. Shows the subsets on which heads matter most, as many as fit a line.
void print_matrix(const HeadStudy& study) {
  constexpr std::size_t kHead = 12, kColumn = 10, kMax = 6;
  std::vector<std::size_t> columns;
  for (std::size_t s = 1; s < study.subsets.size(); ++s)
    if (study.loss_without_heads[s] - study.loss[s] >= kMinStake) columns.push_back(s);
  const auto largest = [&](std::size_t s) {
    double most = 0;
    for (const HeadFinding& f : study.heads) most = std::max(most, f.mean[s].mean);
    return most;
  };
  std::stable_sort(columns.begin(), columns.end(),
                   [&](std::size_t a, std::size_t b) { return largest(a) > largest(b); });
  const std::size_t all = columns.size();
  columns.resize(std::min(all, kMax));
  if (columns.empty()) {
    print("\nAblating all heads increases the loss of no subset by 0.05 nats or more.\n");
    return;
  }
  print(cat("\nloss increase, by ", study.truth_known ? "the rule that generated the character" : "prediction subset",
            all > columns.size() ? cat(" (", columns.size(), " of ", all, "; the rest: --json)") : "", ":\n"));
  std::string line(kHead, ' ');
  for (const std::size_t s : columns) line += padded(short_name(study.subsets[s].name, kColumn - 1), kColumn);
  print(line + "\n");
  const auto row = [&](const std::string& name, const auto& value) {
    std::string text = left_aligned(name, kHead);
    for (const std::size_t s : columns) text += padded(value(s), kColumn);
    print(text + "\n");
  };
  for (const HeadFinding& f : study.heads)
    row(head_name(f.id),
        [&](std::size_t s) { return fixed_text(f.mean[s].mean, 3) + (f.mean[s].low > kMatters ? "+" : " "); });
  row("all heads", [&](std::size_t s) { return fixed_text(study.loss_without_heads[s] - study.loss[s], 3) + " "; });
  row("loss", [&](std::size_t s) { return fixed_text(study.loss[s], 3) + " "; });
  if (study.truth_known) row("floor", [&](std::size_t s) { return fixed_text(study.floor[s], 3) + " "; });
}

// "0.21 (0.18-0.25)": mean and range.
std::string range_text(std::span<const double> values, int decimals) {
  if (values.empty()) return "not measured";
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return cat(fixed_text(mean_of(values), decimals), " (", fixed_text(*low, decimals), "-", fixed_text(*high, decimals),
             ")");
}

void print_headline(const HeadStudy& study) {
  print(cat("\nunlabelled heads      ", fixed_text(100 * study.unlabelled_share(), 0), "%\n"));
  print(cat("causal heads          ", fixed_text(100 * study.causal_share(), 0), "%; heads in causal groups ",
            fixed_text(100 * study.causal_group_share(), 0), "%\n"));
  // On a text with experts all predictions have the same rule, so expert_lines() prints specialization by source
  // instead.
  if (!study.experts) {
    print(cat("specialization index  ", fixed_text(study.specialization, 2), "; random subspaces ",
              range_text(study.specialization_subspaces, 2), ", uniform 0,\n", std::string(22, ' '), "untrained ",
              range_text(study.specialization_untrained, 2), "\n"));
    print(cat("double dissociations  ", study.dissociations.size(), "; random subspaces ",
              range_text(study.dissociations_subspaces, 1), ", untrained ",
              range_text(study.dissociations_untrained, 1), "\n"));
  }
  print(cat(
      "prunable fraction     ", fixed_text(100 * study.prunable, 0), "% (loss increase at most ", kPrunableLoss,
      " nats); random order ",
      study.prunable_random.empty() ? "not measured" : cat(fixed_text(100 * mean_of(study.prunable_random), 0), "%"),
      "\n"));
}

void print_notes(const HeadStudy& study) {
  print(
      "\nkappa: share of attention on the role beyond chance; k_c: beyond what position\n"
      "alone explains. A label needs a kappa of 0.4, a lead of 0.1 over other roles, a\n");
  print(cat("kappa above any untrained head's (", fixed_text(study.untrained_kappa, 2),
            " here), k_c 0.2, and the same role on\n"));
  print(
      "both halves of the text. In brackets: the closest role of a head without label.\n"
      "Mixed: two or three roles reach 0.4 without that lead. Loss increase: in nats,\n"
      "when the head's output is replaced by its mean at each position (mean-ablation).\n"
      "+: the interval lies above 0.02. !: zero- or resample-ablation differs in sign\n"
      "or by a factor of three.\n");
  if (std::any_of(study.heads.begin(), study.heads.end(), [&](const HeadFinding& f) { return is_class(study, f); }))
    print(
        "ln: for vowels, capitals, digits and punctuation, ln(S / S0), where S is the\n"
        "head's attention on them and S0 that of uniform attention. Their labels still\n"
        "depend on kappa.\n");
}

int run_heads(const Arguments& args) {
  StudyOptions options = study_options(args);
  options.seed = study_seed(args);
  const auto [trained, data] = load_model_and_text(args);
  ProgressLine line(args);
  options.progress = line.progress();
  HeadStudy study = study_heads(trained.headed("heads"), data, options);
  line.clear();
  study.run = args.operands()[0];
  if (const auto path = args.text("svg")) {
    write_file_atomically(*path, heads_picture(trained.headed("heads"), data, study));
    say(cat("wrote ", *path));
  }
  if (args.has("json")) {
    print(json_text(to_json(study)) + "\n");
    return 0;
  }
  print(cat("The heads of ", study.run, " on ", study.text, "\n", counted(study.windows, "window"), ", ",
            study.predictions, " predictions, loss ", fixed_text(study.loss[0], 4), "\n\n"));
  print_heads(study);
  print_mixed(study);
  print_groups(study);
  print_matrix(study);
  if (study.experts) print(expert_lines(*study.experts));
  print_headline(study);
  print_notes(study);
  return 0;
}

}  // namespace

std::vector<Flag> study_flags(const char* group) {
  return {{"windows", "N", "windows of text to evaluate", group, "64"},
          {"subspaces", "N", "random-subspace baselines per layer", group, "50"},
          {"untrained", "N", "untrained models, as a baseline of the labels", group, "20"}};
}

Flag study_seed_flag() { return {"seed", "N", "random seed of baselines and intervals", "Options", "1"}; }

std::uint64_t study_seed(const Arguments& args) {
  return static_cast<std::uint64_t>(args.whole("seed", 1, 0, Index{1} << 53));
}

StudyOptions study_options(const Arguments& args) {
  StudyOptions options;
  options.windows = args.whole("windows", 64, 2, 100'000);
  options.subspaces = static_cast<int>(args.whole("subspaces", 50, 0, 10'000));
  options.untrained = static_cast<int>(args.whole("untrained", 20, 1, 1000));
  return options;
}

Command heads_command() {
  std::vector<Flag> flags = model_and_text_flags(study_flags("Options"));
  flags.push_back(study_seed_flag());
  flags.push_back({"svg", "FILE", "also draw the attention of the heads and the matrix, as an SVG image"});
  for (Flag& flag : progress_flags("Options")) flags.push_back(std::move(flag));
  return {.name = "heads",
          .summary = "Shows what each attention head attends to, and the effect of ablating it.",
          .usage = "DIR [--data FILE | --corpus NAME] [--json] [--svg FILE]",
          .examples = {"headlight heads runs/tales", "headlight heads runs/mine --data other.txt --json",
                       "headlight heads show runs/tales L1H2 \"tom had a pan\""},
          .flags = std::move(flags),
          .notes = "More: headlight heads show, ablate, prune, recover, report and study (each with\n--help).\n",
          .least_operands = 1,
          .most_operands = 1,
          .run = run_heads};
}

}  // namespace headlight::cli
