// headlight heads ablate: prints the loss increase when chosen heads are ablated.
#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "cli/cli.h"
#include "corpora/grammar/grammar.h"
#include "formats/json.h"
#include "headlight/base/error.h"
#include "headlight/base/index.h"
#include "headlight/base/random.h"
#include "headlight/base/text.h"
#include "headlight/data/vocabulary.h"
#include "headlight/data/windows.h"
#include "headlight/generation/generate.h"
#include "headlight/models/language_model.h"
#include "headlight/ops/ops.h"
#include "heads/ablation/ablation.h"
#include "heads/ablation/prediction_subsets.h"
#include "heads/roles/head_scores.h"
#include "heads/roles/head_windows.h"
#include "heads/roles/roles.h"
#include "training/run_directory.h"

namespace headlight::cli {

namespace {

Replacement replacement_of(const Arguments& args) {
  const std::string given = args.text("by", "mean");
  if (given == "mean") return Replacement::kMean;
  if (given == "zero") return Replacement::kZero;
  if (given == "other") return Replacement::kResample;
  throw UsageError(cat("--by ", given, ": not one of mean, zero, other"));
}

std::string sample(const TrainedModel& trained, const std::string& prompt, Index chars, std::uint64_t seed) {
  const Vocabulary& vocabulary = trained.info.vocabulary;
  const std::vector<std::int32_t>& end = trained.info.document_end;
  std::vector<std::int32_t> start = vocabulary.encode(prompt, "prompt");
  if (start.empty()) start = {end.empty() ? 0 : end.back()};
  Rng rng(mix64(seed));
  return prompt + vocabulary.decode(generate(*trained.model, start, chars, {.temperature = 0.8}, rng, {}, end));
}

int run_heads_ablate(const Arguments& args) {
  const Replacement replacement = replacement_of(args);
  const bool resampled = replacement == Replacement::kResample;
  const Index chars = args.whole("chars", resampled ? 0 : 160, 0, 100'000);
  if (resampled && chars > 0)
    throw UsageError(
        cat("--chars ", chars, ": --by other cannot generate samples, because it needs a second text; omit --chars"));
  const Index most = args.whole("windows", 64, 2, 100'000);
  const auto seed = static_cast<std::uint64_t>(args.whole("seed", 1, 0, Index{1} << 53));
  const auto [trained, data] = load_model_and_text(args);
  const HeadedModel& model = trained.headed("heads ablate");
  std::vector<HeadId> heads;
  std::string names;
  for (std::size_t i = 1; i < args.operands().size(); ++i) {
    const HeadId head = parse_head(args.operands()[i], model);
    if (std::find(heads.begin(), heads.end(), head) != heads.end())
      fail(args.operands()[i], ": named twice; name it once");
    heads.push_back(head);
    names += cat(names.empty() ? "" : " ", args.operands()[i]);
  }
  const bool validation = !data.validation.ids.empty();
  const HeadWindows windows(validation ? data.validation : data.train, model.context(), most);
  windows.check_several();
  const std::vector<std::uint8_t> rule = validation
                                             ? windows.of_targets(std::span<const std::uint8_t>(data.validation_rule))
                                             : std::vector<std::uint8_t>();
  const TokenClasses classes(trained.info.vocabulary);
  std::vector<PredictionSubset> subsets =
      rule.empty() ? text_subsets(windows, classes) : rule_subsets(windows, rule, data.rule_names);
  subsets.insert(subsets.begin(), all_predictions(windows));
  const HeadMeans means(model, windows);
  const std::vector<float> before = token_losses(model, windows);
  const std::string sample_before = chars > 0 ? sample(trained, args.text("prompt", ""), chars, seed) : "";
  const std::vector<float> after = ablated_losses(model, means, windows, heads, replacement);
  const AblateHeads hook(means, heads, replacement);
  const std::string sample_after = chars > 0 ? sample(trained, args.text("prompt", ""), chars, seed) : "";
  const Bootstrap bootstrap(windows.size(), seed);

  Json rows = Json::array();
  struct Row {
    std::string name;
    double before;
    LossIncrease increase;
  };
  std::vector<Row> table;
  for (const PredictionSubset& s : subsets) {
    double sum = 0;
    for (const Index place : s.places) sum += static_cast<double>(before[static_cast<std::size_t>(place)]);
    table.push_back({s.name, sum / static_cast<double>(std::max<std::size_t>(1, s.places.size())),
                     bootstrap.loss_increase(before, after, s, windows.context())});
  }
  std::stable_sort(table.begin() + 1, table.end(),
                   [](const Row& a, const Row& b) { return a.increase.mean > b.increase.mean; });
  if (args.has("json")) {
    for (const Row& r : table)
      rows.push(Json::object()
                    .set("slots", r.name)
                    .set("predictions", r.increase.predictions)
                    .set("loss", Json::finite_or_null(r.before))
                    .set("rise", Json::finite_or_null(r.increase.mean))
                    .set("low", Json::finite_or_null(r.increase.low))
                    .set("high", Json::finite_or_null(r.increase.high)));
    print(json_text(Json::object()
                        .set("run", args.operands()[0])
                        .set("text", data.source)
                        .set("heads", names)
                        .set("replaced_by", args.text("by", "mean"))
                        .set("slots", rows)
                        .set("sample_before", sample_before)
                        .set("sample_after", sample_after)) +
          "\n");
    return 0;
  }
  print(cat(names, ", ",
            replacement == Replacement::kMean   ? "mean-ablated"
            : replacement == Replacement::kZero ? "zero-ablated"
                                                : "resample-ablated",
            ", on ", data.source, ":\n\n"));
  print(cat(std::string(28, ' '), padded("share", 8), padded("loss", 9), padded("increase", 9), "   95% interval\n"));
  for (const Row& r : table) {
    std::string line = "  " + r.name;
    line.resize(std::max<std::size_t>(line.size() + 1, 28), ' ');
    const double share =
        static_cast<double>(r.increase.predictions) / static_cast<double>(table[0].increase.predictions);
    print(cat(line, padded(cat(fixed_text(100 * share, 1), "%"), 8), padded(fixed_text(r.before, 3), 9),
              padded(fixed_text(r.increase.mean, 3), 9), "   [", fixed_text(r.increase.low, 3), ", ",
              fixed_text(r.increase.high, 3), "]\n"));
  }
  if (chars > 0) print(cat("\nbefore:\n", sample_before, "\n\nafter:\n", sample_after, "\n"));
  return 0;
}

}  // namespace

Command heads_ablate_command() {
  std::vector<Flag> flags = model_and_text_flags({{"windows", "N", "windows of text to evaluate", "Options", "64"}});
  flags.push_back(with_choices(
      {"by", "KIND", "replace the heads' output by: mean, zero or other (another text's output)", "Options", "mean"},
      {"mean", "zero", "other"}));
  flags.push_back({"prompt", "TEXT", "beginning of the samples"});
  flags.push_back({"chars", "N", "characters of each sample; 0: none", "Options", "160, none with --by other"});
  flags.push_back({"seed", "N", "random seed of samples and intervals", "Options", "1"});
  return {
      .name = "heads ablate",
      .summary = "Shows the loss increase and sampled text when heads are ablated.",
      .usage = "DIR HEAD [HEAD ...]",
      .examples = {"headlight heads ablate runs/tales L0H1", "headlight heads ablate runs/tales L1H0 L1H2 --by zero"},
      .flags = std::move(flags),
      .least_operands = 2,
      .most_operands = 1000,
      .run = run_heads_ablate};
}

}  // namespace headlight::cli
