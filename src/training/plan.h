// Plans a run: chooses the model size and the number of steps that reach the lowest expected loss in a given time.
//
// In a given time, a larger model sees fewer tokens. Let N be the number of parameters in the matrices of the blocks,
// and D the number of effective training tokens. The expected loss follows a scaling law of the form of Hoffmann et al.
// 2022 (arXiv 2203.15556):
//
//   loss(N, D) = 1.295 + 144 / N^0.6 + 4361 / D^0.7        nats per character
//
// The constants were fitted to fourteen runs on tiny Shakespeare: transformers with the plan's settings, 4 layers and
// widths from 32 to 128, so N from 49k to 786k, trained on 1.0M to 9.1M tokens. Their losses on the whole validation
// part were 1.40 to 1.62. If runs that differ only in seed are averaged, the largest residual is 0.009 nats. The law
// extrapolates beyond these ranges and to other kinds of models. The plan therefore also requires one parameter for
// every hundred tokens.
//
// For another text, the plan multiplies this loss by relative_loss() (training/counting.h). train/README.md lists
// expected and measured losses.
//
// Repeated tokens count less: R passes over U tokens are worth D = U + 100 U (1 - e^(-(R-1)/100)) fresh tokens. The
// formula is from Muennighoff et al. 2023 (arXiv 2305.16264), who found 15 instead of 100 for large models. Here, 100
// fits 20 to 230 passes over a tenth of tiny Shakespeare with the plan's dropout. A plan never gives a model more
// parameters than its text has tokens, because such a model memorizes the text.
#pragma once

#include <functional>
#include <optional>

#include "training/config.h"
#include "training/resolve.h"

namespace headlight {

struct PlanText {
  Index train = 0, validation = 0, vocabulary = 0;  // in tokens
  double relative_loss = 1;                         // relative_loss() of training/counting.h
};

struct Plan {
  RunConfig config;
  double tokens_per_second = 0;  // measured
  double tokens = 0, passes = 0;
  double expected_loss = 0;  // validation loss, nats per token
  double seconds = 0;        // training and validation together
};

// The number of fresh tokens that `seen_tokens` from a text of `text_tokens` are worth.
double effective_tokens(double text_tokens, double seen_tokens);
// min(law above, 2.49) * relative_loss, in nats per token; 2.49 is the bigram loss of tiny Shakespeare. `parameters`
// counts the blocks' matrices only.
double expected_loss(double parameters, double effective_tokens, double relative_loss = 1);
// A good AdamW learning rate for a model width.
double usual_lr(Index width);

// Error: a UsageError if the family of `config` gives no cost, so that no plan is possible.
void check_plannable(const RequestedSettings& asked, const RunConfig& config);

// Returns the configuration with the lowest expected loss after `seconds`, which include the time for planning. Tries a
// dozen sizes from 25k to 25M parameters, smallest first, and stops after two sizes in a row without a lower expected
// loss. If `asked` sets a size, tries only this size. Every candidate is resolve(asked, ...), so all values in `asked`
// are kept. `speed` measures a candidate in tokens per second. Batch, context, learning rate, warmup, dropout and the
// validation schedule follow from size and tokens (reasons in plan.cpp). If the CPU has fast bfloat16 products and
// `asked` sets no precision, also measures the chosen size with bfloat16 products. The plan uses them if a step is at
// least 1.1 times as fast.
// Errors: that of check_plannable(); a UsageError if even the smallest size gets fewer than 20 steps; a time, text or
// speed that is not above 0.
Plan plan_run(const RequestedSettings& asked, const PlanText& text, double seconds,
              const std::function<double(const RunConfig&)>& speed);

struct StepRecord;
// Corrects the steps of a plan by the speed of the run itself. A short measurement before the run can be far off on a
// machine that is busy for a moment.
class PlanCorrection {
 public:
  explicit PlanCorrection(const Plan& plan) : plan_(plan) {}
  // Call after every step. Returns a value at most once, at the end of warmup or before the second validation. The
  // value is the number of steps that fills the planned time; none if this number is within 2% of the plan's.
  std::optional<Index> after(const StepRecord& record);

 private:
  Plan plan_;
  double first_seconds_ = 0, second_seconds_ = 0;  // time since the start after the first and the second step
};

struct RunData;
// Trains a model of this configuration for about `seconds`, at least two warm-up steps and three timed steps. Returns
// the tokens per second in the fastest part of this time, because other programs can only slow the training down.
double measured_speed(const RunConfig& config, const RunData& data, double seconds = 0.3);

}  // namespace headlight
