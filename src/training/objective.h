// Checks that a model's objective (headlight/models/language_model.h) fits its text and its teacher.
#pragma once

#include "headlight/models/language_model.h"
#include "training/config.h"
#include "training/run_data.h"

namespace headlight {

// Refuses texts that the model's objective cannot use. Errors for a model of pairs: a text without pairs, a pair longer
// than the context. Error for any other model: a text of pairs that is not longer than the context.
void check_objective(const LanguageModel& model, const RunConfig& config, const RunData& data);
// Error: teacher and student have different objectives.
void check_teacher_objective(const LanguageModel& teacher, const LanguageModel& student, const RunConfig& config);

}  // namespace headlight
