// headlight info: prints a run's configuration, origin and training history.
#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "base/utf8.h"
#include "base/words.h"
#include "cli/cli.h"
#include "corpora/grammar/grammar.h"
#include "corpora/grammar/lexer.h"
#include "formats/json.h"
#include "formats/safetensors_format.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "headlight/data/vocabulary.h"
#include "headlight/models/transformer.h"
#include "headlight/nn/module.h"
#include "headlight/nn/position.h"
#include "headlight/ops/ops.h"
#include "headlight/tensor/tensor.h"
#include "os/folder.h"
#include "terminal/columns.h"
#include "training/config.h"
#include "training/run_directory.h"
#include "training/run_log.h"

namespace headlight::cli {

namespace {

std::string label(const std::string& name) {
  return name + std::string(12 - std::min<std::size_t>(name.size(), 11), ' ');
}

double weight_bytes(const LanguageModel& model) {
  double bytes = 0;
  for (const NamedTensor& p : model.parameters())
    bytes += static_cast<double>(p.value.numel()) * static_cast<double>(element_bytes(p.value.dtype()));
  return bytes;
}

std::string origin_of(const RunInfo& info) {
  if (!info.imported_from.empty()) return cat("imported from ", info.imported_from);
  const std::string start =
      info.initialized_from.empty() ? "random weights" : "the weights of " + info.initialized_from;
  const std::string& teacher = info.config.teacher;
  return cat("trained here, starting from ", start, teacher.empty() ? "" : ", distilled from " + teacher);
}

std::string fingerprint_text(std::uint64_t fingerprint) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[fingerprint >> shift & 15];
  return text;
}

std::string vocabulary_text(const Vocabulary& v) {
  if (v.is_bytes()) return "256 bytes";
  std::string text = cat(counted(v.size(), "character"), ": ");
  const std::size_t most = 24;
  for (std::size_t i = 0; i < std::min(most, v.characters().size()); ++i) text += printable(v.characters()[i]) + " ";
  if (v.characters().size() > most) return text + "...";
  text.pop_back();
  return text;
}

std::string loss_text(double loss) { return std::isfinite(loss) ? fixed_text(loss, 4) : "-"; }

// Selects a limited number of validated records: evenly spaced, always with the best and the last.
std::vector<StepRecord> shown_of(const std::vector<StepRecord>& history, Index best) {
  std::vector<StepRecord> validated;
  for (const StepRecord& r : history)
    if (std::isfinite(r.val_loss)) validated.push_back(r);
  constexpr std::size_t kMax = 12;
  if (validated.size() <= kMax) return validated;
  std::vector<StepRecord> shown;
  std::size_t next = 0;
  for (std::size_t i = 0; i < validated.size(); ++i) {
    const bool due = i >= next * (validated.size() - 1) / (kMax - 1);
    if (due) ++next;
    if (due || validated[i].step == best) shown.push_back(validated[i]);
  }
  return shown;
}

// The smoothed training loss at a step: the mean of the twenty steps before it.
double recent_loss(const std::vector<StepRecord>& history, Index step) {
  double sum = 0;
  Index count = 0;
  for (const StepRecord& r : history)
    if (r.step < step && r.step >= step - 20 && std::isfinite(r.loss)) {
      sum += r.loss;
      ++count;
    }
  return count > 0 ? sum / static_cast<double>(count) : kNotMeasured;
}

void print_json(const std::string& directory, const TrainedModel& trained, const std::vector<StepRecord>& history) {
  const RunInfo& info = trained.info;
  Json weights = Json::array();
  for (const NamedTensor& p : trained.model->parameters()) {
    Json shape = Json::array();
    for (int i = 0; i < p.value.rank(); ++i) shape.push(p.value.size(i));
    weights.push(Json::object().set("name", p.name).set("shape", shape).set("parameters", p.value.numel()));
  }
  Json validations = Json::array();
  for (const StepRecord& r : history)
    if (std::isfinite(r.val_loss))
      validations.push(Json::object()
                           .set("step", r.step)
                           .set("val_loss", r.val_loss)
                           .set("loss", Json::finite_or_null(recent_loss(history, r.step))));
  Json document = Json::object();
  document.set("run", directory)
      .set("origin", origin_of(info))
      .set("program", info.program.empty() ? Json() : Json(info.program))
      .set("text", info.source)
      .set("text_fingerprint", fingerprint_text(info.fingerprint))
      .set("vocabulary", info.vocabulary.size())
      .set("tokens", info.vocabulary.is_bytes() ? "byte" : "character")
      .set("settings", to_json(info.config))
      .set("parameters", trained.model->parameter_count())
      .set("weight_bytes", weight_bytes(*trained.model))
      .set("training_bytes", info.config.memory(info.vocabulary.size()))
      .set("best_step", trained.step)
      .set("best_val_loss", Json::finite_or_null(trained.val_loss))
      .set("steps_done", history.empty() ? Json() : Json(history.back().step))
      .set("seconds", history.empty() ? Json() : Json::finite_or_null(history.back().seconds))
      .set("validations", validations)
      .set("weights", weights);
  print(json_text(document) + "\n");
}

void print_model(const TrainedModel& trained) {
  const RunConfig& c = trained.info.config;
  const LanguageModel& model = *trained.model;
  const auto* transformer = dynamic_cast<const TransformerLM*>(&model);
  const Index hidden = transformer ? transformer->config().hidden_size() : 0;
  if (!transformer) print(wrapped(label("model"), cat(c.model, ": ", model.summary())));
  else
    print(wrapped(label("model"),
                  cat(counted(c.layers, "layer"), ", ", counted(c.heads, "head"), " of ", c.width / c.heads,
                      transformer->config().grouped() ? cat(" sharing ", counted(c.kv_heads, "key head")) : "",
                      c.attention == "full" ? "" : cat(", attention ", c.attention), ", width ", c.width, ", ",
                      hidden == 0 ? "no feed-forward" : cat("feed-forward ", hidden), ", context ", c.context, "; ",
                      c.position == "none" ? "no" : text_of(c, "position"), " positions, ", text_of(c, "norm"),
                      " norm ", c.pre_norm ? "before" : "after", " each layer, ",
                      hidden == 0 ? "" : text_of(c, "activation") + ", ", c.bias ? "with biases, " : "without biases, ",
                      c.tied ? "output tied to" : "output untied from", " the embedding")));
  print(wrapped(label("size"),
                cat(model.parameter_count(), " parameters: ", count_text(weight_bytes(model)),
                    "B of weights; training takes about ", count_text(c.memory(trained.info.vocabulary.size())), "B")));
}

void print_training(const TrainedModel& trained, const std::vector<StepRecord>& history) {
  const RunConfig& c = trained.info.config;
  if (!trained.info.imported_from.empty()) {
    print(cat(label("training"), "elsewhere", trained.step > 0 ? cat(", ", counted(trained.step, "step")) : "", "\n"));
    return;
  }
  print(wrapped(label("training"), cat(text_of(c, "optimizer"), ", ", counted(c.steps, "step"), " of ",
                                       counted(c.batch * c.accumulate, "window"), ", rate ", c.lr, " to ", c.min_lr,
                                       " (", text_of(c, "decay"), ", warm-up ", c.warmup, "), weight decay ",
                                       c.weight_decay, ", dropout ", c.dropout, ", seed ", c.seed)));
  if (!history.empty())
    print(cat(label("done"), history.back().step, " of ", counted(c.steps, "step"), " in ",
              duration_text(history.back().seconds), "\n"));
  print(cat(label("best"), "step ", trained.step, ", validation loss ", loss_text(trained.val_loss), "\n"));
}

void print_history(const std::vector<StepRecord>& history, Index best) {
  const std::vector<StepRecord> shown = shown_of(history, best);
  if (shown.empty()) return;
  print("\n    step    loss     val    time\n");
  for (const StepRecord& r : shown)
    print(cat(padded(cat(r.step), 8), padded(loss_text(recent_loss(history, r.step)), 8),
              padded(loss_text(r.val_loss), 8), padded(duration_text(r.seconds), 8), r.step == best ? "  best" : "",
              "\n"));
}

void print_weights(const LanguageModel& model) {
  const std::vector<NamedTensor> parameters = model.parameters();
  std::size_t width = 0;
  for (const NamedTensor& p : parameters) width = std::max(width, p.name.size());
  print("\nweights\n");
  for (const NamedTensor& p : parameters) {
    std::string name = p.name;
    name.resize(width, ' ');
    print(cat("  ", name, padded(to_text(p.value.shape()), 16), padded(cat(p.value.numel()), 12), "\n"));
  }
}

int run_info(const Arguments& args) {
  const std::string& directory = args.operands()[0];
  const TrainedModel trained = load_model(directory);
  const std::string log = RunDirectory(directory).file("log.jsonl");  // an imported model has none
  const std::vector<StepRecord> history = path_exists(log) ? read_log(log) : std::vector<StepRecord>();
  if (args.has("json")) {
    print_json(directory, trained, history);
    return 0;
  }
  const RunInfo& info = trained.info;
  print(cat(label("run"), directory, "\n"));
  print(wrapped(label("origin"),
                cat(origin_of(info), info.program.empty() ? "" : cat(", with Headlight ", info.program))));
  if (!info.source.empty())
    print(wrapped(label("text"),
                  cat(info.source, info.fingerprint ? cat(", fingerprint ", fingerprint_text(info.fingerprint)) : "")));
  print(wrapped(label("vocabulary"), vocabulary_text(info.vocabulary)));
  print_model(trained);
  print_training(trained, history);
  print_history(history, trained.step);
  print_weights(*trained.model);
  return 0;
}

}  // namespace

Command info_command() {
  return {.name = "info",
          .summary = "Describes a run: model, weights, origin and training.",
          .usage = "DIR [--json]",
          .examples = {"headlight info runs/tales", "headlight info runs/mine --json"},
          .flags = {{"json", "", "print one JSON object"}},
          .least_operands = 1,
          .most_operands = 1,
          .run = run_info};
}

}  // namespace headlight::cli
