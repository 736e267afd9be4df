// Checks that a model keeps the contract of LanguageModel (headlight/models/language_model.h), and that its objective
// fits its text and its teacher.
#pragma once

#include "headlight/models/language_model.h"
#include "training/config.h"
#include "training/run_data.h"

namespace headlight {

// Checks a model before its first step, without changing weights or generator(). Errors:
// - The objective cannot use the text: for a model of pairs, a text without pairs or a pair longer than the context;
//   for any other model, a text of pairs that is not longer than the context.
// - vocabulary() or context() differs from the run's, or the logits fail checked_logits().
// - With the objective kNextToken, logits on two short sequences depend on a later token or on the other sequence.
void check_objective(const LanguageModel& model, const RunConfig& config, const RunData& data);
// Returns the logits. Error: they are not [B,T,V] for B = `batch` sequences of T = `length` tokens.
const Tensor& checked_logits(const Tensor& logits, const LanguageModel& model, const RunConfig& config, Index batch,
                             Index length);
// Error: teacher and student have different objectives.
void check_teacher_objective(const LanguageModel& teacher, const LanguageModel& student, const RunConfig& config);

}  // namespace headlight
