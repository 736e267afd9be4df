// The checks that a model keeps its contract, and that a text and a teacher fit its objective.
#include "training/objective.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/words.h"
#include "headlight/autograd/tape.h"
#include "headlight/base/error.h"
#include "headlight/base/random.h"
#include "headlight/base/text.h"
#include "headlight/models/sequence_models.h"

namespace headlight {

namespace {

// The first of the rows begin .. end - 1 whose logits in a and b differ by more than rounding; -1 if there is none.
// Both tensors have rows of `width` logits.
Index first_change(const Tensor& a, const Tensor& b, Index begin, Index end, Index width) {
  // Relative to the largest logit; leaks change the logits by far more, and rounding by less.
  constexpr float kRounding = 1e-6F;
  const float *x = a.data<float>(), *y = b.data<float>();
  float largest = 0;
  for (Index i = 0; i < a.numel(); ++i) largest = std::max(largest, std::abs(x[i]));
  for (Index i = begin * width; i < end * width; ++i)
    if (std::abs(x[i] - y[i]) > kRounding * largest) return i / width;
  return -1;
}

// Two sequences of `length` tokens that the objective accepts. Except for kPairs, the ids run through the vocabulary.
std::vector<std::int32_t> two_sequences(Objective objective, Index length, Index vocabulary) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(2 * length));
  for (Index i = 0; i < 2 * length; ++i) {
    const Index t = i % length;  // a pair: a source of one token, a tab, a target of one token, padding
    const Index id = objective != Objective::kPairs ? i % vocabulary : t == 1 ? kPairTab : t == 3 ? kPairEnd : 2;
    ids[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(id);
  }
  return ids;
}

// Training on logits that depend on later tokens would only learn to copy the answers.
void check_contract(const LanguageModel& model, const RunConfig& config, Index vocabulary) {
  const auto refuse = [&](const auto&... what) { fail("--model ", config.model, ": ", what...); };
  if (model.vocabulary() != vocabulary)
    refuse("its vocabulary() is ", model.vocabulary(), ", and the text has ", counted(vocabulary, "different token"),
           "; return the number that make receives");
  if (model.context() != config.context)
    refuse("its context() is ", model.context(), ", and --context is ", config.context, "; return --context");
  const NoGrad no_recording;
  constexpr Index kMax = 64;  // long enough for the blocks and windows of most models
  const Index length = std::min(config.context, kMax), cut = length / 2;
  if (model.objective() == Objective::kPairs && (length < 4 || vocabulary < 3)) return;
  std::vector<std::int32_t> ids = two_sequences(model.objective(), length, vocabulary);
  const auto logits = [&]() -> Tensor {
    const GeneratorGuard keep;  // leaves generator() as it was, and gives all calls the same random numbers
    std::vector<Tensor> state = model.initial_state(2);
    return checked_logits(model.carry(ids, 2, state), model, config, 2, length);
  };
  const Tensor before = logits();
  if (model.objective() != Objective::kNextToken || before.dtype() != DType::kFloat32) return;
  // Change the second half of the second sequence.
  for (Index i = length + cut; i < 2 * length; ++i) {
    std::int32_t& id = ids[static_cast<std::size_t>(i)];
    id = static_cast<std::int32_t>((id + 1) % vocabulary);
  }
  const Tensor after = logits();
  const Index row = first_change(before, after, length, length + cut, vocabulary);  // before the changed tokens
  const bool mixed = first_change(before, after, 0, length, vocabulary) >= 0;       // the first sequence
  // A model with random numbers of its own gives other logits in each call, so a difference shows nothing.
  if ((row < 0 && !mixed) || first_change(after, logits(), 0, 2 * length, vocabulary) >= 0) return;
  if (mixed)
    refuse("the logits of a sequence depend on another sequence of the batch; compute each sequence on its own");
  refuse("the logits at token ", row - length, " depend on tokens from ", cut,
         " on, so training would see the answers; use earlier tokens only, or override objective()");
}

}  // namespace

const Tensor& checked_logits(const Tensor& logits, const LanguageModel& model, const RunConfig& config, Index batch,
                             Index length) {
  const Shape expected{batch, length, model.vocabulary()};
  if (logits.shape() == expected) return logits;
  fail("--model ", config.model, ": the logits of ", counted(batch, "sequence"), " of ", counted(length, "token"),
       " are ", logits.shape(), "; return [B,T,V] = ", expected);
}

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
  check_contract(model, config, data.vocabulary.size());
}

void check_teacher_objective(const LanguageModel& teacher, const LanguageModel& student, const RunConfig& config) {
  if (teacher.objective() != student.objective())
    fail("--teacher ", config.teacher, ": has another objective than --model ", config.model,
         "; use a teacher that predicts the same tokens");
}

}  // namespace headlight
