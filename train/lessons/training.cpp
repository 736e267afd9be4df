// The training loop that the lessons share.
#include "lessons/training.h"

#include <algorithm>

#include "headlight/autograd/tape.h"
#include "headlight/base/random.h"
#include "headlight/corpora/corpus.h"
#include "headlight/ops/ops.h"
#include "headlight/optim/optimizer.h"
#include "headlight/optim/schedule.h"

namespace headlight::lessons {

LessonText lesson_text(const std::string& name, Index chars, Index context, std::uint64_t seed) {
  LessonText result{corpus(name, chars, seed), Vocabulary::bytes(), {}};
  result.vocabulary = Vocabulary::of_text(result.text.text, name);
  TokenText ids{result.vocabulary.encode(result.text.text, name), {}};
  for (const std::int64_t start : result.text.document_starts)
    if (start > 0) ids.starts.push_back(start - 1);
  result.split = split_text(std::move(ids), 0.1, context, name.c_str());
  return result;
}

void train(LanguageModel& model, const TokenText& text, const TrainingOptions& options, const std::string& what,
           const LessonProgress& progress) {
  const Schedule schedule{.peak = options.learning_rate,
                          .lowest = options.learning_rate / 10,
                          .warmup = options.steps / 20,
                          .steps = options.steps};
  AdamW optimizer(model.parameters(), {});
  Rng rng(options.seed);
  Batch batch;
  for (Index step = 0; step < options.steps; ++step) {
    progress(what, step, options.steps);
    random_windows(text, model.context(), options.batch, rng, batch);
    Tape tape;
    tape.backward(cross_entropy(model(batch.inputs, batch.rows), batch.targets));
    const double norm = gradient_norm(optimizer.parameters());
    optimizer.step(schedule.at(step), norm > options.clip ? options.clip / norm : 1);
    model.zero_grad();
  }
}

}  // namespace headlight::lessons
