// A model made smaller: int8 weights, and a distilled student against the same student trained alone.
#pragma once

#include "lessons/09_three_shapes/fill_in.h"

namespace headlight::lessons {

// Adds both to the result. Rounds the weights of models.causal.
void make_smaller(TalesModels& models, const LessonOptions& options, const LessonProgress& progress,
                  LessonResult& result);

}  // namespace headlight::lessons
