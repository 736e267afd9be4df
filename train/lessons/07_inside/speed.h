// The timed and measured parts of lesson 7: a pruned model, products, and the memory of attention.
#pragma once

#include <algorithm>
#include <chrono>
#include <limits>

#include "headlight/data/windows.h"
#include "headlight/models/transformer.h"
#include "lessons/lesson.h"

namespace headlight::lessons {

// The shortest time of several runs, because other programs can only lengthen a run.
template <class Run>
double least_seconds(int runs, const Run& run) {
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < runs; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    run();
    least = std::min(least, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return least;
}

// All three append their tables and figures to the result.
// The bytes of the weights and the time for one batch, alternating between the models.
void compare_sizes(const TransformerLM& model, const TransformerLM& pruned, const Batch& batch,
                   const LessonProgress& progress, LessonResult& result);
// C = A B with n = 288: all five ways, with the same instruction set for the library as for the intrinsics.
void measure_products(const LessonProgress& progress, LessonResult& result);
// The memory that attention allocates, including its result, as T doubles.
void measure_memory(const LessonProgress& progress, LessonResult& result);

}  // namespace headlight::lessons
