// The same programs inside a language model: the heads of a model of `chorus`, and how many symbols they attend to.
#pragma once

#include "lessons/lesson.h"

namespace headlight::lessons {

// Trains a model of 1 layer and 4 heads on `chorus` and adds tables, a map, figures and the finding. Returns the mean
// effective number of symbols of the head that reads the first symbol, over the second half of the lines.
double add_chorus_heads(const LessonOptions& options, const LessonProgress& progress, LessonResult& result);

}  // namespace headlight::lessons
