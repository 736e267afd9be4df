// Translation of digits to English words: an encoder-decoder and the alignment of its cross-attention.
#pragma once

#include "lessons/lesson.h"

namespace headlight::lessons {

// Adds the accuracy, the alignment scores and the maps to the result. Returns the share in % of the
// first letters of digits' names that attend most to their digit, by the mean of the heads.
double translate_numbers(const LessonOptions& options, const LessonProgress& progress, LessonResult& result);

}  // namespace headlight::lessons
