// The training loop of lesson 9, for models and losses of any kind.
#pragma once

#include <string>

#include "headlight/headlight.h"
#include "lessons/lesson.h"

namespace headlight::lessons {

// Runs AdamW for `steps` steps with warmup and cosine decay. `loss()` draws a batch and returns its loss.
template <class Loss>
void optimize(Module& model, Index steps, double peak, const std::string& what, const LessonProgress& progress,
              const Loss& loss) {
  const Schedule schedule{.peak = peak, .lowest = peak / 10, .warmup = steps / 20, .steps = steps};
  AdamW optimizer(model.parameters(), {});
  for (Index step = 0; step < steps; ++step) {
    progress(what, step, steps);
    Tape tape;
    tape.backward(loss());
    const double norm = gradient_norm(optimizer.parameters());
    optimizer.step(schedule.at(step), norm > 1 ? 1 / norm : 1);
    model.zero_grad();
  }
}

}  // namespace headlight::lessons
