// The teacher of a distilled run: a trained model of any family. The student, the model in training, also learns to
// match the teacher's predictions (Hinton, Vinyals, Dean 2015; formulas in ops/distillation.cpp).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "headlight/data/vocabulary.h"
#include "headlight/models/language_model.h"
#include "training/config.h"

namespace headlight {

class Teacher {
 public:
  // Loads the best weights of the run config.teacher. `vocabulary` and `directory` are the student's; `directory` is
  // empty if the student's run writes no files. Errors: no trained run, or the student's own run; another vocabulary; a
  // context shorter than the student's.
  Teacher(const RunConfig& config, const Vocabulary& vocabulary, const std::string& directory);

  // The logits [B,T,V], without a tape and without dropout. Each sequence starts from a zero state.
  Tensor logits(std::span<const std::int32_t> ids, Index batch) const;
  const LanguageModel& model() const { return *model_; }
  std::uint64_t fingerprint() const { return fingerprint_; }  // a hash of the weights, not 0

 private:
  std::unique_ptr<LanguageModel> model_;
  std::uint64_t fingerprint_ = 0;
};

}  // namespace headlight
