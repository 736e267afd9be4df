// Lesson 10: attention maps are not evidence; scores against chance, ablation, and baselines on repeated sequences.
#include "lessons/lesson.h"
#include "base/format.h"
#include "headlight/headlight.h"
#include "lessons/10_heads/attention_only.h"
#include "lessons/10_heads/graph.h"
#include "lessons/10_heads/head_probe.h"
#include "lessons/training.h"

namespace headlight::lessons {

namespace {

constexpr Index kContext = 64, kRows = 64, kDraws = 20;

std::string two(double value) { return fixed_text(value, 2); }
std::string name_of(const MeasuredHead& head) { return cat("L", head.layer, "H", head.head); }

struct Experiment {
  const LessonOptions& options;
  const LessonProgress& progress;
  LessonResult result = {};
  LessonText varying = lesson_text("repeats", 400'000, kContext, options.seed);
  LessonText fixed = lesson_text("repeats-fixed", 400'000, kContext, options.seed);
  ProbeText on_varying = probe_text(varying.split.validation, kContext, kRows);
  ProbeText on_fixed = probe_text(fixed.split.validation, kContext, kRows);
  Index vocabulary = varying.vocabulary.size();

  void learn(TransformerLM& model, const LessonText& text, const std::string& what) {
    train(model, text.split.train, {.steps = 400, .batch = 32, .learning_rate = 3e-3, .seed = options.seed}, what,
          progress);
  }
  void figure(const std::string& name, double value) { result.figures.push_back({name, value}); }
  void map(const std::string& title, const TransformerLM& model, const LessonText& text, const ProbeText& probe) {
    result.maps.push_back(attention_map(title, model, probe, text.vocabulary, 40));
  }
};

// A model that learned induction: the scores of its heads, and the effect of ablating them.
void induction(Experiment& e) {
  TransformerLM model = attention_only(e.vocabulary, kContext, e.options.seed);
  e.learn(model, e.varying, "repeats");
  const std::vector<MeasuredHead> heads = measure_heads(model, e.on_varying);
  Table table{"Trained on repeats: scores (kappa) and loss increase without the head, in nats",
              {"head", "previous", "induction", "without position", "loss increase"},
              {}};
  const MeasuredHead *least = nullptr, *most = nullptr, *work = heads.data(), *twin = nullptr;
  for (const MeasuredHead& head : heads) {
    table.rows.push_back({name_of(head), two(head.previous.kappa()), two(head.induction.kappa()),
                          two(head.induction.kappa_content()), fixed_text(head.increase, 4)});
    if (head.layer == 0 && head.increase > work->increase) work = &head;
    if (head.induction.kappa() < 0.4) continue;
    if (!least || head.increase < least->increase) least = &head;
    if (!most || head.increase > most->increase) most = &head;
  }
  for (const MeasuredHead& head : heads)  // of layer 0, the other head that most attends to the previous symbol
    if (head.layer == 0 && &head != work && (!twin || head.previous.kappa() > twin->previous.kappa())) twin = &head;
  if (!least) fail("lesson 10: no head has learned induction; use another seed");
  const double loss = probe_loss(model, e.on_varying);
  const Activations run = run_and_record(model, e.on_varying);
  const double layer_1 = ablated_loss(model, e.on_varying, run, 1, Tensor::eye(kHeads * kSize)) - loss;
  const double random_0 = random_increase(model, e.on_varying, 0, e.options.seed, kDraws, e.progress);
  const double random_1 = random_increase(model, e.on_varying, 1, e.options.seed, kDraws, e.progress);
  table.rows.push_back({"all of layer 1", "", "", "", fixed_text(layer_1, 4)});
  table.rows.push_back({"random, layer 0", "", "", "", fixed_text(random_0, 4)});
  table.rows.push_back({"random, layer 1", "", "", "", fixed_text(random_1, 4)});
  e.result.tables.push_back(std::move(table));
  e.result.figures = {{"loss", loss},
                      {"chance", least->induction.chance},
                      {"least_kappa", least->induction.kappa()},
                      {"least_content", least->induction.kappa_content()},
                      {"least_increase", least->increase},
                      {"most_increase", most->increase},
                      {"layer_increase", layer_1},
                      {"random_0", random_0},
                      {"random_1", random_1},
                      {"work_previous", work->previous.kappa()},
                      {"work_induction", work->induction.kappa()},
                      {"work_increase", work->increase},
                      {"twin_previous", twin->previous.kappa()},
                      {"twin_increase", twin->increase}};
  e.figure("untrained", largest_untrained(e.vocabulary, e.on_varying, e.options.seed, kDraws, e.progress));
  e.map("Trained on repeats, on repeats", model, e.varying, e.on_varying);

  e.result.answer = least->increase < 0.1 ? 0 : least->increase < 0.75 * layer_1 ? 1 : 2;
  e.result.finding = cat("Head ", name_of(*least), " has an induction score of ", two(least->induction.kappa()),
                         ". Without it the loss increases by ", fixed_text(least->increase, 3),
                         " nats; without the whole layer, by ", two(layer_1), ".");
}

// A model that learned a distance: high scores on its own text, scores at chance where distances vary.
void distance(Experiment& e) {
  TransformerLM trap = attention_only(e.vocabulary, kContext, e.options.seed);
  e.learn(trap, e.fixed, "repeats-fixed");
  const std::vector<MeasuredHead> own = measure_heads(trap, e.on_fixed), away = measure_heads(trap, e.on_varying);
  Table trap_table{"Trained on repeats-fixed: the induction score (kappa)",
                   {"head", "on repeats-fixed", "without position", "on repeats"},
                   {}};
  std::size_t best = 0;
  for (std::size_t i = 0; i < own.size(); ++i) {
    trap_table.rows.push_back({name_of(own[i]), two(own[i].induction.kappa()), two(own[i].induction.kappa_content()),
                               two(away[i].induction.kappa())});
    if (own[i].induction.kappa() > own[best].induction.kappa()) best = i;
  }
  const double own_loss = probe_loss(trap, e.on_fixed), away_loss = probe_loss(trap, e.on_varying);
  trap_table.rows.push_back({"loss in nats", fixed_text(own_loss, 3), "", fixed_text(away_loss, 3)});
  e.result.tables.push_back(std::move(trap_table));
  e.figure("trap_kappa", own[best].induction.kappa());
  e.figure("trap_content", own[best].induction.kappa_content());
  e.figure("trap_away", away[best].induction.kappa());
  e.figure("trap_loss", own_loss);
  e.figure("trap_away_loss", away_loss);
  e.map("Trained on repeats-fixed, on its own text", trap, e.fixed, e.on_fixed);
  e.map("The same model on repeats", trap, e.varying, e.on_varying);
}

LessonResult run(const LessonOptions& options, const LessonProgress& progress) {
  Experiment experiment{options, progress};
  induction(experiment);
  distance(experiment);
  add_graphs(experiment.result);
  return std::move(experiment.result);
}

}  // namespace

Lesson heads() {
  return {
      .number = 10,
      .folder = "10_heads",
      .title = "What a head does",
      .claim = "The attention map of a head shows what the head does.",
      .seconds = 20,
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
