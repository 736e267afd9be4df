// headlight eval: evaluates the loss of a trained model, compared with n-gram baselines and the floor.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/format.h"
#include "base/words.h"
#include "cli/cli.h"
#include "corpora/grammar/grammar.h"
#include "data/ngram.h"
#include "exchange/logits.h"
#include "formats/json.h"
#include "generation_flags.h"
#include "headlight/base/error.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "headlight/data/windows.h"
#include "headlight/ops/ops.h"
#include "headlight/training/evaluate.h"
#include "models/quantize.h"
#include "training/gap_accuracy.h"
#include "training/run_data.h"
#include "training/run_directory.h"

namespace headlight::cli {

namespace {

std::vector<Flag> eval_flags() {
  std::vector<Flag> flags =
      model_and_text_flags({{"windows", "N", "windows to evaluate, evenly spaced; 0: the whole text", "Options", "0"}});
  flags.insert(flags.begin() + 2, {"gaps", "N", "also hide N single characters, and measure the share restored"});
  flags.insert(flags.begin() + 2, {"int8", "", "int8 weights, as in sample --int8"});
  flags.insert(flags.begin() + 2, {"bf16", "", "bfloat16 weights, as in sample --bf16"});
  flags.insert(flags.begin() + 1, {"pairs", "FILE", "use this file of pairs instead"});
  flags.push_back({"logits", "FILE", "also write an npz file for NumPy: inputs, targets and logits of each window"});
  return flags;
}

// The losses of n-gram models of the training part, for the same predictions as the evaluation.
struct Counting {
  std::vector<std::pair<std::string, double>> losses;
  Index tokens = 0;  // number of tokens counted
};

Counting counted_on(const RunData& own, const TokenText& asked, const Evaluation& e) {
  constexpr Index kMaxTokens = 20'000'000;
  constexpr int kOrder = 5;
  Counting counting;
  if (own.train.ids.empty()) return counting;
  const std::vector<std::int32_t> train =
      own.train.ids.copy(0, std::min(kMaxTokens, static_cast<Index>(own.train.ids.size())));
  const NgramModel counted(train, own.vocabulary.size(), kOrder);
  counting.tokens = counted.counted_tokens();
  for (const auto& [name, order] : {std::pair{"unigram", 1}, {"bigram", 2}, {"5-gram", 5}}) {
    double sum = 0;
    for (const Window& w : e.windows) {
      const Index from = std::max<Index>(0, w.first - kOrder + 1);  // start of the n-gram context
      sum += counted.loss(asked.ids.copy(from, w.last + 1), w.first - from, w.last + 1 - from, order) *
             static_cast<double>(w.last + 1 - w.first);
    }
    counting.losses.emplace_back(name, sum / static_cast<double>(std::max<Index>(1, e.predictions)));
  }
  return counting;
}

// The text that the run was trained on; empty if the text is missing or has changed.
RunData trained_on(const RunInfo& info) {
  if (!info.imported_from.empty()) return {};
  try {
    RunData own = load_run_data(info.config, &info.vocabulary);
    if (own.fingerprint == info.fingerprint) return own;
  } catch (const Error&) {  // the file is missing or unreadable
  }
  return {};
}

int run_eval(const Arguments& args) {
  const Index windows = args.whole("windows", 0, 0, 1'000'000'000);
  const auto [trained, data] = load_model_and_text(args);
  if (data.validation.ids.empty())
    fail(args.operands()[0], ": the run has no validation text (--val-fraction 0); pass a text with --data");
  const WeightFormat weights = weight_format_of(args);
  const std::string rounded = weights == WeightFormat::kInt8 ? "int8" : weights == WeightFormat::kBf16 ? "bf16" : "";
  if (!rounded.empty()) round_weights(trained.transformer("--" + rounded), weights);
  const LanguageModel& model = *trained.model;
  const bool continues = model.objective() == Objective::kNextToken, pairs = model.objective() == Objective::kPairs;
  if (pairs && !data.pairs)
    throw UsageError(cat(data.source, ": the model ", trained.info.config.model, " needs pairs; give --pairs FILE"));
  if (const auto file = args.text("logits")) {
    if (!continues)
      fail("--logits: the model ", trained.info.config.model, " has no logits of next tokens; omit --logits");
    const Index saved = save_logits(*file, *trained.model, data.validation, windows);
    say(cat("logits of ", counted(saved, "window"), " written to ", *file));
  }
  const Evaluation e = evaluate(*trained.model, data.validation, windows);
  std::optional<GapAccuracy> gaps;
  if (const Index count = args.whole("gaps", 0, 0, 1'000'000); count > 0)
    gaps = gap_accuracy(model, data.validation, count);
  const double exact = static_cast<double>(e.exact) / std::max(1.0, static_cast<double>(e.windows.size()));
  const bool has_floor = data.has_floor() && continues;
  const std::vector<RuleLoss> by_rule =
      has_floor ? loss_by_rule(e, data.validation_log_probability, data.validation_rule, data.rule_names)
                : std::vector<RuleLoss>();
  const std::vector<ReferenceLoss> readers =
      data.validation_references.empty() || !continues
          ? std::vector<ReferenceLoss>()
          : reference_losses(e, data.validation_log_probability, data.validation_references);
  const bool other_text = args.has("data") || args.has("corpus") || args.has("pairs");
  const Counting counting =
      continues ? counted_on(other_text ? trained_on(trained.info) : data, data.validation, e) : Counting();
  const double floor = has_floor ? floor_of(e.windows, data.validation_log_probability) : 0;
  if (args.has("json")) {
    Json json = Json::object();
    json.set("run", args.operands()[0])
        .set("text", data.source)
        .set("step", trained.step)
        .set("weights", rounded.empty() ? "float32" : rounded)
        .set("predictions", e.predictions)
        .set("loss", Json::finite_or_null(e.loss))
        .set("perplexity", Json::finite_or_null(std::exp(e.loss)))
        .set("bits_per_token", Json::finite_or_null(e.loss / std::numbers::ln2))
        .set("floor", has_floor ? Json(floor) : Json());
    if (pairs) json.set("exact", exact);
    Json counted = Json::object();
    for (const auto& [name, loss] : counting.losses) counted.set(name, loss);
    json.set("counting", counted).set("counted_tokens", counting.tokens);
    if (gaps) {
      Json measured = Json::object().set("count", gaps->gaps).set("restored", gaps->filled);
      if (continues) measured.set("restored_by_sequence", gaps->by_sequence);
      json.set("gaps", measured);
    }
    if (has_floor) {
      Json rules = Json::array();
      for (const RuleLoss& r : by_rule)
        rules.push(Json::object()
                       .set("rule", r.rule)
                       .set("predictions", r.predictions)
                       .set("loss", Json::finite_or_null(r.loss))
                       .set("floor", r.floor));
      json.set("rules", rules);
      Json references = Json::array();
      for (const ReferenceLoss& r : readers)
        references.push(Json::object()
                            .set("reference", r.reference)
                            .set("loss", r.loss)
                            .set("distance", Json::finite_or_null(r.distance)));
      json.set("references", references);
    }
    print(json_text(json) + "\n");
    return 0;
  }
  const char* unit = trained.info.vocabulary.is_bytes() ? "byte" : "character";
  print(
      cat("text         ", data.source, other_text ? "" : " (validation part)", ", ", e.predictions, " predictions\n"));
  print(cat("weights      ", args.has("last") ? "last" : "best", ", of step ", trained.step,
            rounded.empty() ? "" : ", rounded to " + rounded, "\n"));
  print(cat("loss         ", fixed_text(e.loss, 4), " nats a ", continues || pairs ? "" : "hidden ", unit, "\n"));
  if (has_floor)
    print(cat("floor        ", fixed_text(floor, 4), " nats (entropy floor); the model is ",
              fixed_text(e.loss - floor, 4), " above\n"));
  print(cat("perplexity   ", fixed_text(std::exp(e.loss), 3), "\n"));
  print(cat("bits         ", fixed_text(e.loss / std::numbers::ln2, 4), " a ", unit, "\n"));
  if (pairs)
    print(
        cat("exact        ", fixed_text(100 * exact, 2), "% of ", e.windows.size(), " targets, by greedy decoding\n"));
  if (gaps) {
    const auto percent = [](double share) { return cat(fixed_text(100 * share, 1), "%"); };
    print(cat("gaps         ", percent(gaps->filled), " of ", gaps->gaps, " hidden ", unit, "s restored",
              continues ? cat(" from the left; ", percent(gaps->by_sequence), " by the likeliest window") : "", "\n"));
  }
  if (!counting.losses.empty()) {
    print(cat("\nn-gram models of the training part      loss  perplexity   bits a ", unit, "\n"));
    std::vector<std::pair<std::string, double>> rows = counting.losses;
    rows.emplace_back("this model", e.loss);
    if (has_floor) rows.emplace_back("entropy floor", floor);
    for (const auto& [name, loss] : rows) {
      std::string line = cat("  ", name, name == "5-gram" ? " (Kneser-Ney)" : "");
      line.resize(std::max<std::size_t>(line.size() + 1, 36), ' ');
      print(cat(line, padded(fixed_text(loss, 4), 8), padded(fixed_text(std::exp(loss), 3), 12),
                padded(fixed_text(loss / std::numbers::ln2, 4), 12), "\n"));
    }
    const auto of = static_cast<Index>(data.train.ids.size());
    if (!other_text && counting.tokens < of)
      print(cat("  (counted on the first ", count_text(static_cast<double>(counting.tokens)), " of ",
                count_text(static_cast<double>(of)), " tokens)\n"));
  }
  if (!has_floor) return 0;
  print("\nby the rule of the character           share    loss   floor\n");
  for (const RuleLoss& r : by_rule) {
    std::string line = "  " + r.rule;
    line.resize(std::max<std::size_t>(line.size() + 1, 36), ' ');
    const double share = static_cast<double>(r.predictions) / static_cast<double>(e.predictions);
    print(cat(line, padded(cat(fixed_text(100 * share, 1), "%"), 8), padded(fixed_text(r.loss, 3), 8),
              padded(fixed_text(r.floor, 3), 8), "\n"));
  }
  if (!readers.empty()) print("\nreference predictors                    loss  distance from the model\n");
  for (const ReferenceLoss& r : readers) {
    std::string line = "  " + r.reference;
    line.resize(std::max<std::size_t>(line.size() + 1, 36), ' ');
    print(cat(line, padded(fixed_text(r.loss, 3), 8),
              padded(std::isnan(r.distance) ? "-" : fixed_text(r.distance, 3), 10), "\n"));
  }
  return 0;
}

}  // namespace

Command eval_command() {
  return {.name = "eval",
          .summary = "Measures a trained model's loss on its validation text, or on another text.",
          .usage = "DIR [--data FILE | --corpus NAME] [--bf16 | --int8] [--json]",
          .examples = {"headlight eval runs/tales", "headlight eval runs/mine --data other.txt --json",
                       "headlight eval runs/repeats-fixed --corpus repeats",
                       "headlight eval runs/mine --windows 10 --logits logits.npz"},
          .flags = eval_flags(),
          .least_operands = 1,
          .most_operands = 1,
          .run = run_eval};
}

}  // namespace headlight::cli
