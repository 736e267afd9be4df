// Lesson 10: attention maps are not evidence; scores against chance, ablation, and baselines on repeated sequences.
#include <algorithm>

#include "base/format.h"
#include "headlight/headlight.h"
#include "lessons/10_heads/graph.h"
#include "lessons/10_heads/head_probe.h"
#include "lessons/lesson.h"
#include "lessons/training.h"

namespace headlight::lessons {

namespace {

constexpr Index kLayers = 2, kHeads = 4, kSize = 16, kContext = 64, kRows = 64, kSteps = 400, kDraws = 20;

// Attention only, so that the heads must implement the solution.
TransformerLM make_model(Index vocabulary, std::uint64_t seed) {
  seed_generator(seed);
  TransformerConfig config{.vocabulary = vocabulary, .context = kContext, .layers = kLayers, .heads = kHeads};
  config.width = kHeads * kSize;
  config.hidden = 0;
  config.tied = false;
  config.position = PositionKind::kRotary;
  return TransformerLM(config);
}

// The largest induction score (kappa) of any head in untrained models.
double largest_untrained(Index vocabulary, const ProbeText& text, std::uint64_t seed, const LessonProgress& progress) {
  double largest = -1;
  for (Index i = 0; i < kDraws; ++i) {
    progress("untrained models", i, kDraws);
    const TransformerLM model = make_model(vocabulary, 1000 * seed + static_cast<std::uint64_t>(i));
    const Activations run = run_and_record(model, text);
    for (Index layer = 0; layer < kLayers; ++layer)
      for (Index h = 0; h < kHeads; ++h)
        largest = std::max(largest, score_head(run, layer, h, text, text.induction).kappa());
  }
  return largest;
}

std::string two(double value) { return fixed_text(value, 2); }
std::string name_of(const MeasuredHead& head) { return cat("L", head.layer, "H", head.head); }

LessonResult run(const LessonOptions& options, const LessonProgress& progress) {
  LessonResult result;
  const auto figure = [&](const std::string& name, double value) { result.figures.push_back({name, value}); };
  const LessonText varying = lesson_text("repeats", 400'000, kContext, options.seed);
  const LessonText fixed = lesson_text("repeats-fixed", 400'000, kContext, options.seed);
  const ProbeText on_varying = probe_text(varying.split.validation, kContext, kRows);
  const ProbeText on_fixed = probe_text(fixed.split.validation, kContext, kRows);
  const Index vocabulary = varying.vocabulary.size();
  const TrainingOptions training{.steps = kSteps, .batch = 32, .learning_rate = 3e-3, .seed = options.seed};

  // 1. A model that learned induction: scores, and what the heads do.
  TransformerLM model = make_model(vocabulary, options.seed);
  train(model, varying.split.train, training, "repeats", progress);
  const std::vector<MeasuredHead> heads = measure_heads(model, on_varying);
  Table table{"Trained on repeats: scores (kappa) and loss increase without the head, in nats",
              {"head", "previous", "induction", "without position", "loss increase"},
              {}};
  const MeasuredHead *least = nullptr, *most = nullptr, *previous = heads.data();
  for (const MeasuredHead& head : heads) {
    table.rows.push_back({name_of(head), two(head.previous.kappa()), two(head.induction.kappa()),
                          two(head.induction.kappa_content()), fixed_text(head.increase, 4)});
    if (head.previous.kappa() > previous->previous.kappa()) previous = &head;
    if (head.induction.kappa() < 0.4) continue;
    if (!least || head.increase < least->increase) least = &head;
    if (!most || head.increase > most->increase) most = &head;
  }
  if (!least) fail("lesson 10: no head has learned induction; use another seed");
  const double loss = probe_loss(model, on_varying);
  const Activations run = run_and_record(model, on_varying);
  const double layer_1 = ablated_loss(model, on_varying, run, 1, Tensor::eye(kHeads * kSize)) - loss;
  const double random_0 = random_increase(model, on_varying, 0, options.seed, kDraws, progress);
  const double random_1 = random_increase(model, on_varying, 1, options.seed, kDraws, progress);
  table.rows.push_back({"all of layer 1", "", "", "", fixed_text(layer_1, 4)});
  table.rows.push_back({"random, layer 0", "", "", "", fixed_text(random_0, 4)});
  table.rows.push_back({"random, layer 1", "", "", "", fixed_text(random_1, 4)});
  result.tables.push_back(std::move(table));
  result.figures = {{"loss", loss},
                    {"chance", least->induction.chance},
                    {"least_kappa", least->induction.kappa()},
                    {"least_content", least->induction.kappa_content()},
                    {"least_increase", least->increase},
                    {"most_increase", most->increase},
                    {"layer_increase", layer_1},
                    {"random_0", random_0},
                    {"random_1", random_1},
                    {"previous_kappa", previous->previous.kappa()},
                    {"previous_induction", previous->induction.kappa()},
                    {"previous_increase", previous->increase}};
  figure("untrained", largest_untrained(vocabulary, on_varying, options.seed, progress));

  // 2. A model that learned a distance: the same score on its own text, and nothing where distances vary.
  TransformerLM trap = make_model(vocabulary, options.seed);
  train(trap, fixed.split.train, training, "repeats-fixed", progress);
  const std::vector<MeasuredHead> own = measure_heads(trap, on_fixed), away = measure_heads(trap, on_varying);
  Table trap_table{"Trained on repeats-fixed: the induction score (kappa)",
                   {"head", "on repeats-fixed", "without position", "on repeats"},
                   {}};
  std::size_t best = 0;
  for (std::size_t i = 0; i < own.size(); ++i) {
    trap_table.rows.push_back({name_of(own[i]), two(own[i].induction.kappa()), two(own[i].induction.kappa_content()),
                               two(away[i].induction.kappa())});
    if (own[i].induction.kappa() > own[best].induction.kappa()) best = i;
  }
  const double own_loss = probe_loss(trap, on_fixed), away_loss = probe_loss(trap, on_varying);
  trap_table.rows.push_back({"loss in nats", fixed_text(own_loss, 3), "", fixed_text(away_loss, 3)});
  result.tables.push_back(std::move(trap_table));
  figure("trap_kappa", own[best].induction.kappa());
  figure("trap_content", own[best].induction.kappa_content());
  figure("trap_away", away[best].induction.kappa());
  figure("trap_loss", own_loss);
  figure("trap_away_loss", away_loss);

  // 3. A graph is a mask.
  GraphResult graph = compare_graph_attention();
  figure("causal_unequal", static_cast<double>(graph.causal_unequal));
  figure("graph_difference", graph.layer_difference / 1e-7);
  figure("edges", static_cast<double>(graph.edges));
  result.tables.push_back({"A graph is a mask",
                           {"comparison", "result"},
                           {{"causal mask, and edges from every position to later ones: outputs that differ",
                             cat(graph.causal_unequal, " of ", graph.outputs)},
                            {"GraphAttention, and attention with bias and mask: largest difference",
                             cat(fixed_text(graph.layer_difference / 1e-7, 1), "e-7")}}});
  result.maps.push_back(attention_map("Trained on repeats, on repeats", model, on_varying, varying.vocabulary, 40));
  result.maps.push_back(
      attention_map("Trained on repeats-fixed, on its own text", trap, on_fixed, fixed.vocabulary, 40));
  result.maps.push_back(attention_map("The same model on repeats", trap, on_varying, varying.vocabulary, 40));
  result.maps.push_back(std::move(graph.map));

  result.answer = least->increase < 0.1 ? 0 : least->increase < 0.75 * layer_1 ? 1 : 2;
  result.finding = cat("Head ", name_of(*least), " has an induction score of ", two(least->induction.kappa()),
                       ". Without it the loss increases by ", fixed_text(least->increase, 3),
                       " nats; without the whole layer, by ", two(layer_1), ".");
  return result;
}

}  // namespace

Lesson heads() {
  return {
      .number = 10,
      .folder = "10_heads",
      .title = "What a head does",
      .claim = "The attention map of a head shows what the head does.",
      .seconds = 25,
      .minutes_to_read = 15,
      .exercise = "score a head against chance and ablate it",
      .exercise_minutes = 40,
      .difficulty = 3,
      .needs = "lessons 5 and 6",
      .question =
          "On sequences that repeat themselves, every head of the last layer puts about nine tenths of its "
          "attention on the symbol to copy. Without that layer the loss on the repeats increases by about "
          "4 nats. By how much does it increase without the least important of its four heads?",
      .choices = {"By less than 0.1 nats: hardly at all", "By about 1 nat: its share", "By about 4 nats"},
      .files = {"include/headlight/nn/hook.h", "train/lessons/10_heads/head_probe.cpp", "src/heads/roles/role_masks.h",
                "src/heads/ablation/ablation.h", "include/headlight/nn/graph_attention.h", "src/heads/README.md"},
      .run = run};
}

}  // namespace headlight::lessons
