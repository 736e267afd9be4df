// Lesson 6: attention alone ignores order; an order task with five position encodings, and beyond the trained length.
#include <cstdio>

#include "base/format.h"
#include "headlight/headlight.h"
#include "lessons/06_positions/order_task.h"
#include "lessons/06_positions/permutation.h"
#include "lessons/lesson.h"

namespace headlight::lessons {

namespace {

struct Encoding {
  std::string kind;
  std::string name;
  Color ink;
  float word_scale = 1;  // multiplies the word vectors before training
};
const Encoding kEncodings[] = {{"none", "none", Color::kRed},
                               {"sinusoidal", "sinusoidal", Color::kYellow},
                               {"sinusoidal", "scaled sinusoidal", Color::kCyan, 50},
                               {"learned", "learned", Color::kGreen},
                               {"rotary", "rotary", Color::kBlue},
                               {"alibi", "alibi", Color::kMagenta}};

std::string power_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1e", value);
  return text;
}

// The attention of all heads on the first words of one sequence.
struct RecordMaps : Hook {
  AttentionMap& map;
  std::string name;
  RecordMaps(AttentionMap& to, std::string model) : map(to), name(std::move(model)) {}
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    if (site.kind != HookSite::Kind::kAttentionWeights) return x;
    for (Index h = 0; h < x.size(1); ++h) {
      const std::vector<double> weights = slice(x, 1, h, h + 1).to_vector();
      map.heads.push_back({cat(name, " L", site.layer, "H", h), {weights.begin(), weights.end()}});
    }
    return x;
  }
};

void add_map(const TransformerLM& model, const std::string& name, AttentionMap& map) {
  const std::string words = "bdacgahfebdgchaf";
  std::vector<std::int32_t> ids;
  for (const char word : words) ids.push_back(word - 'a');
  if (map.queries.empty())
    for (const char word : words) map.queries.emplace_back(1, word);
  map.keys = map.queries;
  RecordMaps record(map, name);
  model(ids, 1);
}

void permutations(LessonResult& result) {
  Table table{
      "Same vectors after reordering the words?", {"attention", "largest difference", "outputs that differ"}, {}};
  const std::vector<PermutationRow> rows = permutation_test();
  for (const PermutationRow& row : rows) {
    table.rows.push_back({row.meaning, power_text(row.largest), cat(row.unequal, " of ", row.outputs)});
    // Figures have a fixed number of decimals in the text, so rounding errors are stated in units of 1e-7 or 1e-16.
    const double unit = row.largest < 1e-12 ? 1e-16 : row.largest < 1e-4 ? 1e-7 : 1;
    result.figures.push_back({row.name, row.largest / unit});
    if (&row - rows.data() < 3) result.figures.push_back({row.name + "_unequal", static_cast<double>(row.unequal)});
  }
  result.tables.push_back(std::move(table));
}

LessonResult run(const LessonOptions& options, const LessonProgress& progress) {
  LessonResult result;
  seed_generator(options.seed);
  permutations(result);

  Table table{"Name the word two back: loss in nats (chance 2.08)",
              {"layers", "positions", "below 0.1 from step", "positions 2-31", "32-63", "96-127"},
              {}};
  Chart chart{"Loss at each position, two layers, trained on 32 words", "position", "loss", 0, {}, {{"chance", 2.079}}};
  AttentionMap map{"The word two back: attention after training", {}, {}, {}};
  const auto add = [&](const std::string& layers, const std::string& name, const std::string& learned,
                       const std::vector<double>& loss) {
    const double inside = mean_loss(loss, kBack, kTrained), next = mean_loss(loss, kTrained, 2 * kTrained),
                 far = mean_loss(loss, 3 * kTrained, kTested);
    table.rows.push_back({layers, name, learned, fixed_text(inside, 3), fixed_text(next, 3), fixed_text(far, 3)});
    const std::string figure = layers.empty() ? "bag" : cat(name.substr(0, name.find(' ')), "_", layers);
    result.figures.push_back({figure, inside});
    result.figures.push_back({figure + "_far", far});
    return inside;
  };
  const double bag = add("", "bag of words", "", bag_by_position(options.seed));
  double none_2 = 0;
  for (const Index layers : {1, 2, 4}) {
    for (const Encoding& encoding : kEncodings) {
      if (layers == 4 && encoding.kind != "none") continue;
      TransformerConfig config{.vocabulary = kWords, .context = kTested, .layers = layers, .heads = 4, .width = 32};
      config.position = encoding.kind;
      config.tied = false;
      seed_generator(options.seed);
      TransformerLM model(config);
      Tensor words = model.tokens->weight.value();  // [V,C], normal with stddev 0.02
      words.copy_from(scale(words, encoding.word_scale));
      const std::string what = cat(encoding.name, ", ", layers, layers == 1 ? " layer" : " layers");
      const Index learned = train_order(model, options.seed, what, progress);
      const std::vector<double> loss = loss_by_position(model, options.seed);
      const double inside = add(cat(layers), encoding.name, learned < 0 ? "never" : cat(learned), loss);
      if (layers == 2) chart.series.push_back(loss_curve(encoding.name, encoding.ink, loss));
      if (layers == 2 && encoding.kind == "none") none_2 = inside;
      if (layers == 1 || (layers == 2 && encoding.kind == "none")) add_map(model, what, map);
    }
  }
  result.tables.push_back(std::move(table));
  result.charts.push_back(std::move(chart));
  result.maps.push_back(std::move(map));
  result.answer = none_2 >= bag - 0.05 ? 0 : none_2 > 0.1 ? 1 : 2;
  result.finding = cat("Two causal layers without positions reach ", fixed_text(none_2, 2),
                       " nats; no model that ignores order can go below ", fixed_text(bag, 2), ".");
  return result;
}

}  // namespace

Lesson positions() {
  return {.number = 6,
          .folder = "06_positions",
          .title = "Positions",
          .claim = "Attention alone ignores order: 'dog bites man' and 'man bites dog' are the same to it.",
          .seconds = 30,
          .minutes_to_read = 12,
          .exercise = "rotary position encoding",
          .exercise_minutes = 30,
          .difficulty = 2,
          .needs = "lesson 3",
          .question =
              "Two causal layers without any position encoding learn to name the word two back. The best guess "
              "that ignores order costs 1.7 nats. Where does their loss end?",
          .choices = {"At 1.7 or above: attention ignores order", "Below 1.7, but far above 0",
                      "At 0: they name the word exactly"},
          .files = {"include/headlight/nn/position.h", "src/nn/position_sinusoidal.h", "src/nn/position_learned.h",
                    "src/nn/position_rotary.h", "src/ops/rotate.cpp", "src/nn/position_alibi.h",
                    "train/lessons/06_positions/lesson.cpp"},
          .run = run};
}

}  // namespace headlight::lessons
