// headlight heads show: draws the attention of one head or all heads on a text in the terminal.
#include <algorithm>
#include <cmath>

#include "attention_cells.h"
#include "base/format.h"
#include "base/words.h"
#include "cli/cli.h"
#include "formats/json.h"
#include "formats/safetensors_format.h"
#include "headlight/base/error.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "headlight/data/vocabulary.h"
#include "headlight/models/sequence_models.h"
#include "headlight/nn/hook.h"
#include "headlight/ops/ops.h"
#include "headlight/tensor/tensor.h"
#include "heads/roles/head_scores.h"
#include "os/terminal.h"
#include "training/run_directory.h"

namespace headlight::cli {

namespace {

// The attention weights of every layer: [layer], each of shape [1, heads, T, T].
struct KeepWeights : Hook {
  explicit KeepWeights(Index layers) : weights(static_cast<std::size_t>(layers)) {}
  std::vector<Tensor> weights;
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    if (site.kind == HookSite::Kind::kAttentionWeights) weights[static_cast<std::size_t>(site.layer)] = x;
    return x;
  }
  // [T][T] of one head.
  const float* of(HeadId id) const {
    const Tensor& w = weights[static_cast<std::size_t>(id.layer)];
    return w.data<float>() + id.head * w.shape()[2] * w.shape()[3];
  }
};

// Small maps side by side, as many as fit the width, without the column of largest weights.
void print_maps(const Vocabulary& vocabulary, std::span<const std::int32_t> ids, const std::vector<HeadId>& heads,
                const KeepWeights& hook, Index width, Colors colors) {
  constexpr Index kQueries = 4, kGap = 2;
  const auto n = static_cast<Index>(ids.size()), column = std::max<Index>(n, 5) + kGap;
  const auto beside = static_cast<std::size_t>(std::max<Index>(1, (width - kQueries + kGap) / column));
  std::string keys;
  for (const std::int32_t id : ids) keys += column_text(vocabulary, id);
  const auto spaces = [](Index count) { return std::string(static_cast<std::size_t>(std::max<Index>(count, 0)), ' '); };
  for (std::size_t first = 0; first < heads.size(); first += beside) {
    const auto some = std::span(heads).subspan(first, std::min(beside, heads.size() - first));
    std::string names = spaces(kQueries), tokens = names;
    for (const HeadId id : some) {
      const std::string name = head_name(id);
      names += name + spaces(column - static_cast<Index>(name.size()));
      tokens += keys + spaces(column - n);
    }
    print(cat(first > 0 ? "\n" : "", names.substr(0, names.find_last_not_of(' ') + 1), "\n",
              tokens.substr(0, tokens.find_last_not_of(' ') + 1), "\n"));
    for (Index t = 0; t < n; ++t) {
      std::string line = cat("  ", column_text(vocabulary, ids[static_cast<std::size_t>(t)]), " ");
      for (std::size_t h = 0; h < some.size(); ++h) {
        const float* weights = hook.of(some[h]);
        for (Index j = 0; j <= t; ++j) line += cell(static_cast<double>(weights[t * n + j]), colors);
        if (h + 1 < some.size()) line += spaces(column - t - 1);
      }
      print(line + "\n");
    }
  }
}

Json weights_json(const float* weights, Index length) {
  Json rows = Json::array();
  for (Index t = 0; t < length; ++t) {
    Json row = Json::array();
    for (Index j = 0; j <= t; ++j) row.push(Json::finite_or_null(static_cast<double>(weights[t * length + j])));
    rows.push(row);
  }
  return rows;
}

void print_map(const Vocabulary& vocabulary, std::span<const std::int32_t> ids, const float* weights, Colors colors) {
  const auto n = static_cast<Index>(ids.size());
  std::string keys = "      ";
  for (const std::int32_t id : ids) keys += column_text(vocabulary, id);
  print(keys + "\n");
  for (Index t = 0; t < n; ++t) {
    std::string line =
        cat(padded(std::to_string(t), 3), " ", column_text(vocabulary, ids[static_cast<std::size_t>(t)]), " ");
    Index most = 0;
    for (Index j = 0; j <= t; ++j) {
      line += cell(static_cast<double>(weights[t * n + j]), colors);
      if (weights[t * n + j] > weights[t * n + most]) most = j;
    }
    print(cat(line, std::string(static_cast<std::size_t>(n - 1 - t), ' '), " ",
              column_text(vocabulary, ids[static_cast<std::size_t>(most)]), "@", most, " ",
              fixed_text(static_cast<double>(weights[t * n + most]), 2), "\n"));
  }
}

int run_heads_show(const Arguments& args) {
  const std::vector<std::string>& words = args.operands();
  const Colors colors = colors_of(args);
  const TrainedModel trained =
      load_model(words[0], args.has("last") ? CheckpointChoice::kLast : CheckpointChoice::kBest);
  if (const auto* pairs = dynamic_cast<const EncoderDecoder*>(trained.model.get()))
    return show_alignment(args, trained, *pairs, colors);
  const HeadedModel& model = trained.headed("heads show");
  const bool all = words[1] == "all";
  const std::vector<HeadId> heads = all ? all_heads(model) : std::vector{parse_head(words[1], model)};
  if (heads.empty()) fail("all: the model has no heads; use another run");
  const std::vector<std::int32_t> ids = trained.info.vocabulary.encode(words[2], "text");
  if (ids.empty()) fail("text: is empty; give at least one character");
  const auto length = static_cast<Index>(ids.size());
  if (length > model.context())
    fail("text: has ", counted(length, "character"), ", but the model has a context of ", model.context(),
         "; use a shorter text");
  const int kBeside = all ? 4 : 18;  // columns of labels
  if (stdout_is_terminal() && length > terminal_width() - kBeside)
    fail("text: ", length, " characters do not fit this terminal's ", terminal_width(), " columns; use at most ",
         terminal_width() - kBeside, ", or redirect the output to a file");
  KeepWeights hook(model.layers());
  model(ids, 1);
  if (args.has("json")) {
    Json tokens = Json::array(), maps = Json::array();
    for (const std::int32_t id : ids) tokens.push(trained.info.vocabulary.name(id));
    for (const HeadId id : heads)
      maps.push(Json::object().set("head", head_name(id)).set("weights", weights_json(hook.of(id), length)));
    Json object = Json::object().set("run", words[0]);
    if (all) object.set("tokens", tokens).set("heads", maps);
    else object.set("head", words[1]).set("tokens", tokens).set("weights", weights_json(hook.of(heads[0]), length));
    print(json_text(object) + "\n");
    return 0;
  }
  if (all) {
    print(cat("Attention of the heads of ", words[0], "; rows are queries, columns are keys\n\n"));
    print_maps(trained.info.vocabulary, ids, heads, hook, stdout_is_terminal() ? terminal_width() : 80, colors);
  } else {
    print(cat(words[1], " of ", words[0],
              "\nrows are queries, columns are keys; each row ends with the key, position and\n",
              "value of its largest weight\n\n"));
    print_map(trained.info.vocabulary, ids, hook.of(heads[0]), colors);
  }
  if (colors == Colors::kNone)
    print("\nweights: blank below 0.04, \u2591 below 0.16, \u2592 below 0.36, \u2593 below 0.64, \u2588 above\n");
  return 0;
}

}  // namespace

Command heads_show_command() {
  return {
      .name = "heads show",
      .summary = "Draws the attention map of one head or all heads on a text.",
      .usage = "DIR HEAD|all TEXT",
      .examples = {"headlight heads show runs/tales L1H2 \"tom had a pan. tom\"",
                   "headlight heads show runs/tales L0H0 \"tom had a pan\" --color none > map.txt",
                   "headlight heads show runs/tales all \"tom had a pan\"",
                   "headlight heads show runs/numbers L1H0 1234  # cross-attention"},
      .flags = {with_choices({"color", "KIND", "true, 256, none, or auto: as the terminal supports", "Options", "auto"},
                             {"true", "256", "none", "auto"}),
                {"last", "", "use the last checkpoint instead of the best one"},
                {"json", "", "print one JSON object"}},
      .least_operands = 3,
      .most_operands = 3,
      .run = run_heads_show};
}

}  // namespace headlight::cli
