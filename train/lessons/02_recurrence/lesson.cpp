// Lesson 2: recall of one symbol against its distance, for recurrent networks and attention of equal size.
#include "lessons/lesson.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "headlight/headlight.h"

namespace headlight::lessons {

namespace {

constexpr Index kFacts = 8, kFillers = 8, kVocabulary = kFacts + kFillers + 1, kFarthest = 64;
constexpr std::int32_t kQuery = kFacts + kFillers;

Batch recall(const std::vector<Index>& distances, Rng& rng) {
  Batch batch{.rows = Index(distances.size())};
  for (Index d : distances) {
    const auto fact = static_cast<std::int32_t>(rng.below(kFacts));
    for (Index i = 0; i < kFarthest; ++i)
      batch.inputs.push_back(i == kFarthest - d ? fact : static_cast<std::int32_t>(kFacts + rng.below(kFillers)));
    batch.inputs.push_back(kQuery);
    batch.targets.insert(batch.targets.end(), static_cast<std::size_t>(kFarthest), kIgnoredTarget);
    batch.targets.push_back(fact);
  }
  return batch;
}

std::unique_ptr<LanguageModel> make(const std::string& family, Index width) {
  return find_model(family)->make(
      ModelOptions({{"layers", "1"}, {"width", cat(width)}, {"dropout", "0"}, {"context", cat(kFarthest + 1)}}),
      kVocabulary);
}
Index count(const LanguageModel& m) {
  Index n = 0;
  for (const NamedTensor& p : m.parameters()) n += p.value.numel();
  return n;
}

double gradient(LanguageModel& m, Index d) {
  Rng rng(99);
  double sum = 0;
  for (int i = 0; i < 16; ++i) {
    Batch b = recall({d}, rng);
    Tape tape;
    tape.backward(cross_entropy(m(b.inputs, 1), b.targets));
    Tensor g = m.parameters()[0].value.grad();
    double n = 0;
    for (Index c = 0; c < g.size(1); ++c) n += std::pow(g.at({b.inputs[std::size_t(kFarthest - d)], c}), 2);
    sum += std::log(std::sqrt(n) + 1e-30);
    m.zero_grad();
  }
  return std::exp(sum / 16);
}

LessonResult run(const LessonOptions& options, const LessonProgress& progress) {
  LessonResult result;
  for (const char* name : {"rnn", "lstm", "gru", "lstm+", "transformer"}) {
    if (getenv("ONLY") && std::string(getenv("ONLY")).find(name) == std::string::npos) continue;
    std::string family = name;
    const bool open = family == "lstm+";
    if (open) family = "lstm";
    seed_generator(options.seed);
    Index width = 1;
    std::unique_ptr<LanguageModel> m;
    const Index budget = 14000;
    if (family == "transformer") {
      TransformerConfig c{.vocabulary = kVocabulary, .context = kFarthest + 1, .layers = 1, .heads = 2, .width = 32, .tied = false};
      m = std::make_unique<TransformerLM>(c);
    } else {
      while (count(*make(family, width)) < budget) ++width;
      seed_generator(options.seed);
      m = make(family, width);
    }
    std::printf("%s width %d parameters %d\n", name, (int)width, (int)count(*m));
    if (open) for (NamedTensor& p : m->parameters()) {
      if (p.name.find("bias_ih") == std::string::npos) continue;
      float* v = p.value.data<float>();
      for (Index i = width; i < 2 * width; ++i) v[i] += getenv("FB") ? atof(getenv("FB")) : 1;
    }
    std::printf("gradient before: ");
    for (Index d : {1,2,4,8,16,32,64}) std::printf("%d:%.1e ", (int)d, gradient(*m, d));
    const Index steps = getenv("ST") ? atoi(getenv("ST")) : 1500;
    const double lr = getenv("LR") ? atof(getenv("LR")) : 3e-3;
    const Schedule schedule{.peak = lr, .lowest = lr / 10, .warmup = steps / 20, .steps = steps};
    AdamW optimizer(m->parameters(), {});
    Rng rng(options.seed);
    for (Index step = 0; step < steps; ++step) {
      progress(name, step, steps);
      std::vector<Index> ds;
      for (int i = 0; i < 32; ++i) ds.push_back(getenv("LOG") ? Index(std::pow(2.0, rng.uniform() * 6) + 0.5) : 1 + rng.below(kFarthest));
      Batch batch = recall(ds, rng);
      Tape tape;
      Tensor loss = cross_entropy((*m)(batch.inputs, batch.rows), batch.targets);
      tape.backward(loss);
      const double norm = gradient_norm(optimizer.parameters());
      optimizer.step(schedule.at(step), norm > 1 ? 1 / norm : 1);
      m->zero_grad();
    }
    std::printf("\ngradient after: ");
    for (Index d : {1,2,4,8,16,32,64}) std::printf("%d:%.1e ", (int)d, gradient(*m, d));
    std::printf("\naccuracy: ");
    for (Index d : {1,2,4,8,16,32,64}) {
      Rng r2(7);
      Batch b = recall(std::vector<Index>(256, d), r2);
      const NoGrad no;
      Tensor l = (*m)(b.inputs, b.rows);
      const float* p = l.data<float>();
      int right = 0;
      for (Index r = 0; r < 256; ++r) {
        const float* row = p + (r * 65 + 64) * kVocabulary;
        right += std::max_element(row, row + kVocabulary) - row == b.inputs[r * 65 + 64 - d];
      }
      std::printf("%d:%.2f ", (int)d, right / 256.0);
    }
    std::printf("\n");
    std::fflush(stdout);
  }
  return result;
}

}  // namespace

Lesson recurrence() {
  return {
      .number = 2,
      .folder = "02_recurrence",
      .title = "Recurrence forgets",
      .claim = "",
      .seconds = 30,
      .minutes_to_read = 10,
      .exercise = "",
      .exercise_minutes = 30,
      .difficulty = 3,
      .needs = "",
      .question = "?",
      .choices = {"a", "b"},
      .files = {},
      .run = run};
}

}  // namespace headlight::lessons
