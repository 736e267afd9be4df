// The training loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "headlight/formats/safetensors.h"
#include "headlight/optim/optimizer.h"
#include "headlight/training/evaluate.h"
#include "os/folder.h"
#include "training/run_data.h"
#include "training/run_directory.h"
#include "training/run_log.h"

namespace headlight {

// Weights to start from instead of random ones, and the run they are of.
struct InitialWeights {
  const CharTransformer& model;
  std::string source;
};

class Trainer {
 public:
  // Starts a run: makes the model and, when `directory` is not empty, the directory with its config.json. Files of an
  // earlier run there are removed: whether that is wanted is for the caller to ask.
  // Errors: config.check(), a directory that cannot be written or that another training is writing, weights to start from that are of another model.
  Trainer(const RunConfig& config, RunData data, std::string directory, const InitialWeights* start = nullptr);
  // Goes on where the run in `directory` stopped; a run stopped before its first checkpoint starts over, unless it had
  // weights to start from: that is an error. `config` may
  // differ in the settings that are free on resume.
  // Errors: no checkpoint, a damaged one, another text than the run was started with.
  static std::unique_ptr<Trainer> resume(const RunConfig& config, RunData data, const std::string& directory);

  // Starts a run from given weights instead of fresh ones, such as a pruned model's, and saves its first checkpoint at step
  // 0. Errors: as for the first constructor; weights of another shape than the configuration's.
  static std::unique_ptr<Trainer> from_model(const RunConfig& config, RunData data, const std::string& directory,
                                             const CharTransformer& weights);

  // Trains to the last step. Step s, for s = 0 .. steps: validate and save a checkpoint if s is a multiple of eval_every
  // or the last; then, if s < steps, one update. Every save_every seconds a checkpoint is also saved between validations,
  // which changes nothing of the run. `each` gets every record as it is made and may stop the run (after a
  // checkpoint) by returning false. With patience a run may end early; the record of that step has no loss. Error: DivergedError when a loss, a gradient or a weight is not finite,
  // naming the first operation that made it so; the checkpoints from before stay.
  // With stop_on_divergence DivergedError too when worse_validations() reaches kWorseValidations.
  // `before` gets each record before the step's update: with what was validated and without what the update measures. The
  // model then has the weights of that step. It may look, and compute what it likes without a tape: nothing of that
  // changes the training.
  void run(const std::function<bool(const StepRecord&)>& each = {},
           const std::function<void(const StepRecord&)>& before = {});

  const CharTransformer& model() const { return *model_; }
  const RunData& data() const { return data_; }
  const RunConfig& config() const { return info_.config; }
  const std::string& directory() const { return directory_.path(); }  // empty: nothing is kept
  const RunInfo& info() const { return info_; }
  Index step() const { return step_; }
  // Whether all steps were made, or patience ran out, and the last was validated.
  bool finished() const { return validated_ && (step_ >= info_.config.steps || out_of_patience()); }
  // Whether the last `patience` validations were no better than the best before them.
  bool out_of_patience() const;
  Index best_step() const { return best_step_; }
  double best_val_loss() const { return best_val_loss_; }
  // The lowest loss possible on what is validated; not measured when the truth is not known.
  double floor() const { return floor_; }
  double last_val_loss() const { return val_loss_; }
  // Of the batch of the last update; not measured before the first.
  double last_loss() const { return loss_; }
  // The last validations in a row that were worse than guessing: after the warm-up, with both the validation loss and the
  // loss of the batch before it more than 0.1 nats above log V and above the validation loss of step 0.
  Index worse_validations() const { return worse_validations_; }
  static constexpr Index kWorseValidations = 3;  // a rise that is no longer an accident of the beginning
  // A line to show after a validation, or "": when the last validation was the third in a row that was worse than guessing,
  // and at the end of a run whose validation loss is more than 0.1 nats above that of step 0.
  std::string warning() const;

 private:
  void checkpoint();
  void validate();
  double forward_backward();
  void train_step(StepRecord& record);
  void save_state();
  bool save_is_due() const;
  std::string non_finite_weight() const;  // "" when all are finite
  void check_weights();
  [[noreturn]] void diverged(const std::string& what);
  double guess_loss() const;  // log V
  void judge();               // counts worse_validations_; once for each validated step
  [[noreturn]] void diverged_from_guess();
  void save_best() const;
  void load_state(const SafeTensors& file);

  RunInfo info_;
  RunData data_;
  RunDirectory directory_;
  DirectoryLock lock_;  // nobody else writes the run
  RunLog log_;
  std::unique_ptr<CharTransformer> model_;
  std::unique_ptr<Optimizer> optimizer_;
  Schedule schedule_;
  Rng batches_;  // draws windows; dropout draws from generator()
  Index step_ = 0;
  bool validated_ = false;  // the current step was validated before it was saved
  double loss_ = kNotMeasured, val_loss_ = kNotMeasured;
  std::vector<RuleLoss> rules_;  // of the last validation
  std::vector<ReferenceLoss> references_;
  Index best_step_ = -1;
  double best_val_loss_ = kNotMeasured;
  double initial_val_loss_ = kNotMeasured;  // of step 0
  Index worse_validations_ = 0;
  double floor_ = kNotMeasured;
  double seconds_before_ = 0;  // trained before this process
  double started_ = 0;
  double saved_at_ = 0, saving_took_ = 0;  // the last checkpoint: when it was saved, and the seconds that took
  Batch batch_;
};

}  // namespace headlight
