// Checks that a model's objective (headlight/models/language_model.h) fits its text and its teacher.
#pragma once

#include "headlight/models/language_model.h"
#include "training/config.h"
#include "training/run_data.h"

namespace headlight {

// Refuses texts that the model's objective cannot use. Errors: a model of pairs without pairs, a pair longer than the
// context; another model on pairs that are too short for its context.
void check_objective(const LanguageModel& model, const RunConfig& config, const RunData& data);
// Error: the teacher predicts other tokens than the student.
void check_teacher_objective(const LanguageModel& teacher, const LanguageModel& student, const RunConfig& config);

}  // namespace headlight
