// Checks that a model keeps the contract of LanguageModel (headlight/models/language_model.h), and that its objective
// fits its text and its teacher.
#pragma once

#include "headlight/models/language_model.h"
#include "training/config.h"
#include "training/run_data.h"

namespace headlight {

// Checks a model before its first step, without changing weights or generator(). Errors: for a model of pairs, a text
// without pairs or a pair longer than the context; for any other model, a text of pairs that is not longer than the
// context; a vocabulary() or context() that differs from the run's; those of checked_logits(); for kNextToken, logits
// that depend on a later token or on another sequence of the batch, as runs on two short sequences show.
void check_objective(const LanguageModel& model, const RunConfig& config, const RunData& data);
// Returns the logits. Error: they are not [B,T,V] for B = `batch` sequences of T = `length` tokens.
const Tensor& checked_logits(const Tensor& logits, const LanguageModel& model, const RunConfig& config, Index batch,
                             Index length);
// Error: teacher and student have different objectives.
void check_teacher_objective(const LanguageModel& teacher, const LanguageModel& student, const RunConfig& config);

}  // namespace headlight
