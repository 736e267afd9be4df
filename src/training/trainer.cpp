// The training loop: steps, validation and resume.
#include "training/trainer.h"

#include <algorithm>
#include <cmath>

#include "autograd/finite_check.h"
#include "base/clock.h"
#include "base/version.h"
#include "base/words.h"
#include "headlight/autograd/saved.h"
#include "headlight/autograd/tape.h"
#include "headlight/base/threads.h"
#include "headlight/ops/ops.h"
#include "headlight/training/checkpoint.h"
#include "os/folder.h"
#include "training/counting.h"
#include "training/head_dropout.h"
#include "training/objective.h"
#include "training/state.h"

namespace headlight {

namespace {

constexpr const char* kBusy = "another process is training this run; wait for it to end, or choose another --out";
// Random streams of a run, each derived from --seed.
constexpr std::uint64_t kParameterStream = 0x70, kBatchStream = 0xb0;

}  // namespace

Trainer::Trainer(const RunConfig& config, RunData data, std::string directory, const InitialWeights* start)
    : data_(std::move(data)), directory_(std::move(directory)), schedule_(config.schedule()) {
  config.check();
  if (!config.teacher.empty()) teacher_ = std::make_unique<Teacher>(config, data_.vocabulary, directory_.path());
  info_ = {.config = config,
           .vocabulary = data_.vocabulary,
           .source = data_.source,
           .fingerprint = data_.fingerprint,
           .document_end = data_.document_end,
           .marks_removed = !data_.marked.empty(),
           .imported_from = "",
           .initialized_from = start ? start->source : "",
           .teacher_fingerprint = teacher_ ? teacher_->fingerprint() : 0,
           .program = version()};
  if (config.threads > 0) set_thread_count(static_cast<int>(config.threads));
  const auto seed = static_cast<std::uint64_t>(config.seed);
  seed_generator(mix64(seed ^ kParameterStream));
  batches_ = Rng(mix64(seed ^ kBatchStream));
  model_ = config.make_model(data_.vocabulary.size());
  check_objective(*model_, config, data_);
  if (teacher_) check_teacher_objective(teacher_->model(), *model_, config);
  // The text's true probabilities describe the prediction of the next token, so other objectives have no entropy floor.
  if (model_->objective() != Objective::kNextToken) data_.clear_truth();
  if (start) copy_parameters(start->model, *model_);
  if (std::vector<Tensor> state = model_->initial_state(config.batch); !state.empty()) {
    if (!data_.fresh.empty() || data_.pairs)
      throw UsageError(cat(data_.fresh.empty() ? data_.source : cat("--corpus ", data_.fresh),
                           ": has independent sequences, and the model ", config.model,
                           " carries its state along a text; use --no-stateful, or another text"));
    lanes_.emplace(data_.train.ids, config.context, config.batch * config.accumulate, seed);
    carried_.assign(static_cast<std::size_t>(config.accumulate), state);
    zero_carried();
  }
  optimizer_ = config.make_optimizer(model_->parameters());
  start_average();
  if (directory_.path().empty()) return;
  if (!data_.has_floor() && model_->objective() == Objective::kNextToken) info_.counting = ngram_losses(data_, 2);
  RunDirectory::info_text(info_);  // fail before removing files if the info cannot be stored
  make_directories(directory_.path());
  lock_ = DirectoryLock(directory_.path(), kBusy);
  directory_.clear();
  directory_.save_info(info_);
  log_ = RunLog(directory_.path());
}

std::unique_ptr<Trainer> Trainer::resume(const RunConfig& config, RunData data, const std::string& path) {
  config.check();
  const RunDirectory directory(path);
  RunInfo known = directory.load_info();
  DirectoryLock lock(path, kBusy);
  known = directory.load_info();  // another process may have written the file before the lock
  if (known.fingerprint != data.fingerprint)
    fail(path, ": the run was trained on a text that differs from ", data.source, "; pass the original text");
  const std::string state = directory.file("state.safetensors"), best = directory.file("model.safetensors");
  if (!path_exists(state)) {
    // The weights of step 0 are written just before the first checkpoint, so this file alone is not a checkpoint.
    const bool at_start = !path_exists(best) || metadata_whole(load_checked(best), "step") == 0;
    if (at_start && !known.initialized_from.empty())
      fail(path, ": stopped before its first checkpoint; restart it with --init ", known.initialized_from, " --force");
    lock = DirectoryLock();
    if (at_start) return std::make_unique<Trainer>(config, std::move(data), path);
    fail(state, ": does not exist, so the run cannot resume; restart it with --force");
  }
  const SafeTensors file = load_checked(state);
  check_size(file, kModelPrefix, config.cost(data.vocabulary.size()));
  auto trainer = std::make_unique<Trainer>(config, std::move(data), "");
  if (trainer->info_.teacher_fingerprint != known.teacher_fingerprint)
    fail(path, ": the run was distilled from other weights than those in ", config.teacher,
         "; name the original teacher with --teacher, or start over with --force");
  trainer->directory_ = directory;
  trainer->lock_ = std::move(lock);
  trainer->info_.initialized_from = known.initialized_from;
  trainer->info_.program = known.program;
  trainer->info_.counting = known.counting;
  trainer->info_.marks_removed = trainer->info_.marks_removed || known.marks_removed;
  trainer->load_state(file);
  directory.remove_temporaries();
  if (config.steps < trainer->step_)
    throw UsageError(cat("--steps ", config.steps, ": the run in ", path, " is already at step ", trainer->step_,
                         "; use more steps"));
  trainer->directory_.save_info(trainer->info_);  // with the changed free_on_resume settings
  trainer->log_ = RunLog(path);
  const StepRecord last = trainer->log_.cut_from(trainer->step_);
  trainer->seconds_before_ = last.seconds;
  trainer->loss_ = last.loss;
  return trainer;
}

std::unique_ptr<Trainer> Trainer::from_model(const RunConfig& config, RunData data, const std::string& path,
                                             const LanguageModel& weights) {
  auto trainer = std::make_unique<Trainer>(config, std::move(data), path);
  copy_parameters(weights, *trainer->model_);
  trainer->start_average();
  trainer->checkpoint();
  return trainer;
}

void Trainer::start_average() {
  if (info_.config.ema > 0) average_.emplace(model_->parameters(), info_.config.ema);
}

std::unique_ptr<WeightAverage::Scope> Trainer::use_average() const {
  return average_ ? std::make_unique<WeightAverage::Scope>(*average_) : nullptr;
}

void Trainer::set_steps(Index steps) {
  const Index warmup = info_.config.warmup;
  if (step_ > warmup) fail("trainer: the steps can change up to step ", warmup, ", and this is step ", step_);
  if (steps < std::max<Index>({1, warmup, step_}))
    fail("trainer: ", counted(steps, "step"), " is too few: the run is at step ", step_, ", and warmup has ", warmup);
  info_.config.steps = schedule_.steps = steps;
  if (!directory_.path().empty()) directory_.save_info(info_);
}

void Trainer::run(const std::function<bool(const StepRecord&)>& each,
                  const std::function<void(const StepRecord&)>& before) {
  started_ = saved_at_ = monotonic_seconds();
  while (true) {
    const Index steps = info_.config.steps;
    const bool due = step_ % info_.config.eval_every == 0 || step_ >= steps;
    // Rule losses are not in the checkpoint; validate again after a resume.
    if (due && (!validated_ || (data_.has_floor() && rules_.empty()))) checkpoint();
    const bool last = step_ >= steps || (due && out_of_patience());
    StepRecord record;
    record.step = step_;
    record.lr = schedule_.at(step_);
    if (due) {
      record.val_loss = val_loss_;
      record.floor = floor_;
      record.rules = rules_;
      record.references = references_;
    }
    if (due && info_.config.stop_on_divergence && worse_validations_ >= kWorseValidations) {
      record.seconds = seconds_before_ + monotonic_seconds() - started_;
      log_.add(record);
      fail_above_uniform_loss();
    }
    if (before) before(record);
    if (!last) train_step(record);
    record.seconds = seconds_before_ + monotonic_seconds() - started_;
    log_.add(record);
    if (!last) {
      ++step_;
      validated_ = false;
    }
    const bool go_on = !each || each(record);
    if (last) break;
    if (!go_on) {
      if (!directory_.path().empty()) save_state();
      break;
    }
    // Do not save non-finite weights: the next step fails and names the operation.
    if (save_is_due() && non_finite_weight().empty()) save_state();
  }
  log_.flush();
}

bool Trainer::out_of_patience() const {
  const RunConfig& c = info_.config;
  return c.patience > 0 && best_step_ >= 0 && !data_.validation.ids.empty() &&
         (step_ - best_step_) / c.eval_every >= c.patience;
}

void Trainer::checkpoint() {
  const bool again = validated_;
  validate();
  if (!again) update_worse_validations();
  validated_ = true;
  if (!directory_.path().empty()) save_state();
}

std::string Trainer::non_finite_weight() const {
  for (const NamedTensor& p : model_->parameters()) {
    const std::span<const float> values(p.value.data<float>(), static_cast<std::size_t>(p.value.numel()));
    if (!std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); })) return p.name;
  }
  return "";
}

// Never overwrite a good checkpoint with non-finite weights.
void Trainer::check_weights() {
  if (const std::string name = non_finite_weight(); !name.empty()) diverged(cat("weight ", name));
}

void Trainer::diverged(const std::string& what) {
  log_.flush();
  throw DivergedError(cat("training diverged at step ", step_, ": the ", what, " is not a finite number; ",
                          directory_.path().empty() ? "" : "the checkpoints before it are kept; ",
                          "use a smaller --lr (", info_.config.lr, " now) or a longer --warmup"));
}

void Trainer::validate() {
  check_weights();
  const auto averaged = use_average();
  if (averaged) check_weights();  // a resumed checkpoint may contain a non-finite average
  if (data_.validation.ids.empty()) {
    best_step_ = step_;
    if (!directory_.path().empty()) save_best();
    return;
  }
  const Evaluation e = evaluate(*model_, data_.validation, info_.config.eval_windows);
  if (!std::isfinite(e.loss)) diverged("validation loss");
  val_loss_ = e.loss;
  if (data_.has_floor()) {
    const std::span<const double> truth = data_.validation_log_probability;
    if (std::isnan(floor_)) floor_ = floor_of(e.windows, truth);
    rules_ = loss_by_rule(e, truth, data_.validation_rule, data_.rule_names);
    if (!data_.validation_references.empty()) references_ = reference_losses(e, truth, data_.validation_references);
  }
  if (best_step_ >= 0 && !(val_loss_ < best_val_loss_)) return;
  best_step_ = step_;
  best_val_loss_ = val_loss_;
  if (!directory_.path().empty()) save_best();
}

// Sums losses and gradients over a step's batches. The windows do not depend on how --accumulate divides the step.
double Trainer::forward_backward() {
  const RunConfig& c = info_.config;
  const PrecisionScope precision(c.precision);
  const RematScope remat(c.remat);
  const Index rows = c.batch * c.accumulate;
  if (lanes_) {
    if (lanes_->starts_epoch(step_)) zero_carried();
    lanes_->fill(step_, batch_);
  } else if (c.sampling == Sampling::kEpochs && data_.fresh.empty()) {
    const auto fill = model_->objective() == Objective::kPairs ? epoch_documents : epoch_windows;
    fill(data_.train, c.context, step_ * rows, rows, mix64(static_cast<std::uint64_t>(c.seed) ^ kBatchStream), batch_);
  } else if (model_->objective() == Objective::kPairs) {
    random_documents(data_.train, c.context, rows, batches_, batch_);
  } else {
    draw_batch(data_, c.context, rows, batches_, batch_);
  }
  model_->prepare(batch_.inputs, batch_.targets, batch_.rows, batches_);
  const auto size = static_cast<std::size_t>(c.batch * c.context);
  double loss = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(c.accumulate); ++i) {
    const auto inputs = std::span(batch_.inputs).subspan(i * size, size);
    const auto targets = std::span(batch_.targets).subspan(i * size, size);
    const Tensor taught = teacher_ ? teacher_->logits(inputs, c.batch) : Tensor();
    std::optional<HeadDropout> drop;  // created after the teacher ran, so the teacher keeps all heads
    if (c.head_dropout > 0) drop.emplace(c.head_dropout);
    Tape tape;
    const auto state = lanes_ ? std::span(carried_[i]) : std::span<Tensor>();
    const Tensor logits = checked_logits(model_->carry(inputs, c.batch, state), *model_, c, c.batch, c.context);
    const Tensor entropy = cross_entropy(logits, targets);
    const Tensor total = teacher_
                             ? add(scale(entropy, 1 - c.distill_weight),
                                   scale(distillation_loss(logits, taught, c.distill_temperature), c.distill_weight))
                             : entropy;
    tape.backward(total);
    // Report the cross-entropy, so that the losses of runs with and without a teacher are comparable.
    loss += std::isfinite(total.item()) ? entropy.item() : total.item();
  }
  return loss;
}

// Replaces the tensors instead of writing zeros into them, because carried_before_ shares them.
void Trainer::zero_carried() {
  for (std::vector<Tensor>& state : carried_)
    for (Tensor& tensor : state) tensor = Tensor::zeros_like(tensor);
}

void Trainer::train_step(StepRecord& record) {
  const RunConfig& c = info_.config;
  const double began = monotonic_seconds();
  const Rng batches_before = batches_, dropout_before = generator();
  carried_before_ = carried_;
  const double loss = forward_backward();
  const auto batches = static_cast<double>(c.accumulate);  // gradients are sums over these; the update uses the mean
  record.loss = loss / batches;
  record.grad_norm = gradient_norm(optimizer_->parameters()) / batches;
  if (!std::isfinite(record.loss) || !std::isfinite(record.grad_norm)) {
    // Repeat the same step with checks, to find the operation that failed.
    batches_ = batches_before;
    generator() = dropout_before;
    carried_ = carried_before_;
    model_->zero_grad();
    const FiniteCheck check;
    forward_backward();
    diverged(cat(std::isfinite(record.loss) ? "gradient" : "loss",
                 check.first().empty() ? "" : cat(" (first in ", check.first(), ")")));
  }
  const double clipped = c.clip > 0 && record.grad_norm > c.clip ? c.clip / record.grad_norm : 1;
  loss_ = record.loss;
  optimizer_->step(schedule_.at(step_), clipped / batches);
  model_->zero_grad();
  if (average_) average_->add(step_);
  record.tokens_per_second =
      static_cast<double>(c.accumulate * c.batch * c.context) / std::max(1e-9, monotonic_seconds() - began);
}

}  // namespace headlight
