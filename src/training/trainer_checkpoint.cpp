// The trainer's checkpoints: when to save one, and what state.safetensors and model.safetensors contain.
#include <algorithm>

#include "base/clock.h"
#include "headlight/base/error.h"
#include "headlight/training/checkpoint.h"
#include "training/state.h"
#include "training/trainer.h"

namespace headlight {

bool Trainer::save_is_due() const {
  constexpr double kShare = 0.01;  // the largest share of the time spent on saving
  const double every = info_.config.save_every;
  return every > 0 && !directory_.path().empty() &&
         monotonic_seconds() - saved_at_ >= std::max(every, saving_took_ / kShare);
}

std::vector<NamedTensor> Trainer::carried() const {
  std::vector<NamedTensor> all;
  for (std::size_t i = 0; i < carried_.size(); ++i)
    for (std::size_t k = 0; k < carried_[i].size(); ++k) all.push_back({cat(i, ".", k), carried_[i][k]});
  return all;
}

void Trainer::save_best() const {
  const std::vector<NamedTensor> parameters = model_->parameters();
  std::vector<TensorView> views;
  for (const NamedTensor& p : parameters) views.push_back(stored(p.name, p.value));
  save_checked(directory_.file("model.safetensors"), views,
               {{"format", "headlight"}, {"step", std::to_string(step_)}, {"val_loss", real_text(val_loss_)}});
}

void Trainer::save_state() {
  const double began = monotonic_seconds();
  check_weights();
  log_.flush_to_disk();  // even after a power failure, the log must include every step before the checkpoint
  const std::vector<NamedTensor> parameters = model_->parameters(), state = optimizer_->state(), lanes = carried();
  std::vector<TensorView> views;
  for (const NamedTensor& p : parameters) views.push_back(stored(kModelPrefix + p.name, p.value));
  for (const NamedTensor& s : state) views.push_back(stored(kOptimizerPrefix + s.name, s.value));
  if (average_)
    for (const NamedTensor& s : average_->state()) views.push_back(stored(kAveragePrefix + s.name, s.value));
  for (const NamedTensor& s : lanes) views.push_back(stored(kCarriedPrefix + s.name, s.value));
  views.push_back(tensor_view<std::uint64_t>("random.batches", {4}, batches_.state()));
  views.push_back(tensor_view<std::uint64_t>("random.generator", {4}, generator().state()));
  save_checked(directory_.file("state.safetensors"), views,
               {{"format", "headlight-state"},
                {"step", std::to_string(step_)},
                {"val_loss", real_text(val_loss_)},
                {"validated", validated_ ? "1" : "0"},
                {"optimizer", text_of(info_.config, "optimizer")},
                {"optimizer_steps", std::to_string(optimizer_->steps())},
                {"best_step", std::to_string(best_step_)},
                {"best_val_loss", real_text(best_val_loss_)},
                {"initial_val_loss", real_text(initial_val_loss_)},
                {"worse_validations", std::to_string(worse_validations_)},
                {"floor", real_text(floor_)},
                {"text", std::to_string(info_.fingerprint)}});
  saved_at_ = monotonic_seconds();
  saving_took_ = saved_at_ - began;
}

void Trainer::load_state(const SafeTensors& file) {
  const std::string& name = file.source();
  if (metadata_uint64(file, "text") != info_.fingerprint)
    fail(name, ": belongs to a run on another text; restore the file that belongs to config.json");
  const std::string optimizer = text_of(info_.config, "optimizer");
  // Missing in runs of version 0.1.0.
  if (const auto saved = file.metadata().find("optimizer");
      saved != file.metadata().end() && saved->second != optimizer)
    fail(name, ": holds the state of optimizer ", saved->second, ", and config.json names ", optimizer, "; write ",
         saved->second, " there, or restart the run with --force");
  load_parameters(file, model_->parameters(), kModelPrefix);
  load_parameters(file, optimizer_->state(), kOptimizerPrefix);
  if (average_) load_parameters(file, average_->state(), kAveragePrefix);
  load_parameters(file, carried(), kCarriedPrefix);
  Rng::State batches{}, dropout{};
  file.read("random.batches", batches);
  file.read("random.generator", dropout);
  for (const Rng::State& state : {batches, dropout})  // a generator in this state returns only zeros
    if (state == Rng::State{}) fail(name, ": a random state is all zeros; restore a copy");
  batches_.set_state(batches);
  generator().set_state(dropout);
  step_ = metadata_whole(file, "step");
  optimizer_->set_steps(metadata_whole(file, "optimizer_steps"));
  best_step_ = metadata_whole(file, "best_step");
  best_val_loss_ = metadata_real(file, "best_val_loss");
  val_loss_ = metadata_real(file, "val_loss");
  floor_ = metadata_real(file, "floor");
  if (file.metadata().count("worse_validations") > 0) {  // missing in runs of version 0.1.0
    initial_val_loss_ = metadata_real(file, "initial_val_loss");
    worse_validations_ = metadata_whole(file, "worse_validations");
  }
  validated_ = metadata_whole(file, "validated") != 0;
  if (step_ < 0 || optimizer_->steps() < 0) fail(name, ": the step is negative; restore a copy");
}

}  // namespace headlight
