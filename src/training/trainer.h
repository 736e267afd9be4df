// The training loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "headlight/formats/safetensors.h"
#include "headlight/optim/optimizer.h"
#include "headlight/training/evaluate.h"
#include "os/folder.h"
#include "training/lanes.h"
#include "training/run_data.h"
#include "training/run_directory.h"
#include "training/run_log.h"
#include "training/teacher.h"
#include "training/weight_average.h"

namespace headlight {

// Initial weights to use instead of random ones, and the run that they come from.
struct InitialWeights {
  const LanguageModel& model;
  std::string source;
};

class Trainer {
 public:
  // Starts a run: builds the model and, if `directory` is not empty, creates the directory and its config.json. Removes
  // the files of an earlier run there without asking.
  // Errors: those of config.check(), Teacher and Lanes; a directory that is not writable or that another process is
  // training in; initial weights of another shape.
  Trainer(const RunConfig& config, RunData data, std::string directory, const InitialWeights* start = nullptr);
  // Resumes the run in `directory` from its last checkpoint. A run without a checkpoint starts over. `config` may
  // differ from the stored configuration in settings with free_on_resume.
  // Errors: a damaged checkpoint; no checkpoint in a run with initial weights; another text or teacher than the run's.
  static std::unique_ptr<Trainer> resume(const RunConfig& config, RunData data, const std::string& directory);

  // Starts a run from the weights of a model, such as a pruned model, and saves a checkpoint at step 0.
  // Errors: those of the constructor.
  static std::unique_ptr<Trainer> from_model(const RunConfig& config, RunData data, const std::string& directory,
                                             const LanguageModel& weights);

  // Trains to the last step. For s = 0 .. steps: if s is a multiple of eval_every or equals steps, validates and saves
  // a checkpoint; then, if s < steps, makes one update. A checkpoint is also saved every save_every seconds; these
  // checkpoints do not change the result. With patience, the run may end early. The final record, after the last
  // update, has no loss. `each` receives every record after its step; returning false saves a checkpoint and stops the
  // run.
  // `before` receives every record before the update, with the validation's fields but not the update's. model() then
  // has the weights of this step; `before` may run the model without a tape.
  // Errors: a DivergedError if a loss, gradient or weight is not finite; the message names the first operation with a
  // non-finite result. With stop_on_divergence, also if worse_validations() reaches kWorseValidations. Earlier
  // checkpoints stay.
  void run(const std::function<bool(const StepRecord&)>& each = {},
           const std::function<void(const StepRecord&)>& before = {});

  // Changes the number of steps. Call this function at the latest at the end of warmup. Until then the learning rate
  // does not depend on the number of steps, so the run equals a run with the new number from the start.
  // Errors: warmup is over; fewer steps than the warmup has or than are already done.
  void set_steps(Index steps);

  // With --ema, model() holds the weights of the last update, and the run validates and saves their average. While the
  // result of use_average() exists, model() holds the average instead. use_average() returns null without --ema.
  const LanguageModel& model() const { return *model_; }
  std::unique_ptr<WeightAverage::Scope> use_average() const;
  const RunData& data() const { return data_; }
  const Teacher* teacher() const { return teacher_.get(); }  // null: the run is not distilled
  const RunConfig& config() const { return info_.config; }
  const std::string& directory() const { return directory_.path(); }  // empty: the run writes no files
  const RunInfo& info() const { return info_; }
  Index step() const { return step_; }
  // Whether all steps are done or patience ran out, and the last step was validated.
  bool finished() const { return validated_ && (step_ >= info_.config.steps || out_of_patience()); }
  // Whether `patience` validations have followed the validation with the lowest loss.
  bool out_of_patience() const;
  Index best_step() const { return best_step_; }
  double best_val_loss() const { return best_val_loss_; }
  // The entropy floor of the validated tokens, in nats; NaN if the true distribution is unknown.
  double floor() const { return floor_; }
  double last_val_loss() const { return val_loss_; }
  // The training loss of the last update; NaN before the first update.
  double last_loss() const { return loss_; }
  // The number of consecutive validations, up to the most recent, that were worse than a uniform guess. A validation
  // counts if warmup is over and two losses, the validation loss and the last training loss, exceed a limit. The limit
  // is 0.1 nats above max(log V, validation loss of step 0).
  Index worse_validations() const { return worse_validations_; }
  static constexpr Index kWorseValidations = 3;  // fewer can be a transient after warmup
  // A warning to print after a validation, or "". Warns at the third consecutive validation worse than a uniform guess.
  // Also warns at the end of a run whose validation loss is more than 0.1 nats above the validation loss of step 0.
  std::string warning() const;

 private:
  void start_average();  // at the current weights, with --ema
  void checkpoint();
  void validate();
  double forward_backward();
  void zero_carried();
  // The state of the model's lanes as tensors with names, for checkpoints.
  std::vector<NamedTensor> carried() const;
  void train_step(StepRecord& record);
  void save_state();
  bool save_is_due() const;
  std::string non_finite_weight() const;  // its name; "" if all weights are finite
  void check_weights();
  [[noreturn]] void diverged(const std::string& what);
  double uniform_loss() const;      // log V
  void update_worse_validations();  // updates worse_validations_; call once per validated step
  [[noreturn]] void fail_above_uniform_loss();
  void save_best() const;
  void load_state(const SafeTensors& file);

  RunInfo info_;
  RunData data_;
  RunDirectory directory_;
  DirectoryLock lock_;  // excludes other processes that train in the same directory
  RunLog log_;
  std::unique_ptr<LanguageModel> model_;
  std::unique_ptr<Teacher> teacher_;
  std::optional<Lanes> lanes_;  // for a model that carries a state
  // [accumulated batch]: the carried state; carried_before_ holds the state at the start of the step.
  std::vector<std::vector<Tensor>> carried_, carried_before_;
  std::unique_ptr<Optimizer> optimizer_;
  std::optional<WeightAverage> average_;  // with --ema
  Schedule schedule_;
  Rng batches_;  // samples random training windows and prepare()'s gaps; dropout uses generator()
  Index step_ = 0;
  bool validated_ = false;  // whether the current step was validated
  double loss_ = kNotMeasured, val_loss_ = kNotMeasured;
  std::vector<RuleLoss> rules_;  // from the last validation
  std::vector<ReferenceLoss> references_;
  Index best_step_ = -1;
  double best_val_loss_ = kNotMeasured;
  double initial_val_loss_ = kNotMeasured;  // validation loss of step 0
  Index worse_validations_ = 0;
  double floor_ = kNotMeasured;
  double seconds_before_ = 0;  // training time before this process started
  double started_ = 0;
  double saved_at_ = 0, saving_took_ = 0;  // last checkpoint: time of saving, and duration in seconds
  Batch batch_;
};

}  // namespace headlight
