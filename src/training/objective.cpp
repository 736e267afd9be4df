// The checks that a text and a teacher fit a model's objective.
#include "training/objective.h"

#include "base/words.h"
#include "headlight/base/error.h"
#include "headlight/base/text.h"

namespace headlight {

void check_objective(const LanguageModel& model, const RunConfig& config, const RunData& data) {
  const Objective objective = model.objective();
  if (objective == Objective::kPairs) {
    if (!data.pairs || data.vocabulary.is_bytes() || !data.vocabulary.characters().starts_with(U"\t\n"))
      throw UsageError(
          cat("--model ", config.model, ": needs pairs of characters; give --pairs FILE or --corpus numbers"));
    if (const Index longest = data.longest_pair(); longest > config.context)
      fail(data.source, ": the longest pair has ", longest, " tokens with its line break, but --context is ",
           config.context, "; use --context ", longest, " or more");
  } else if (data.pairs && data.fresh.empty() && static_cast<Index>(data.train.ids.size()) <= config.context) {
    fail(data.source, ": the training part has ", counted(data.train.ids.size(), "token"), ", but a context of ",
         config.context, " needs at least ", config.context + 1, "; use a shorter --context");
  }
}

void check_teacher_objective(const LanguageModel& teacher, const LanguageModel& student, const RunConfig& config) {
  if (teacher.objective() != student.objective())
    fail("--teacher ", config.teacher, ": has another objective than --model ", config.model,
         "; use a teacher that predicts the same tokens");
}

}  // namespace headlight
