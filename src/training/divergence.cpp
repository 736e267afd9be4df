// Detects runs that diverge with finite losses, and builds the warning and error messages.
#include <cmath>

#include "base/format.h"
#include "headlight/base/error.h"
#include "training/plan.h"
#include "training/trainer.h"

namespace headlight {

namespace {

constexpr double kMargin = 0.1;  // in nats; an untrained model's loss is within 0.1 of log V

std::string loss_text(double loss) { return fixed_text(loss, 2); }

double one_digit(double lr) {
  const double unit = std::pow(10, std::floor(std::log10(lr)));
  return std::max(1.0, std::floor(lr / unit)) * unit;
}

// Smaller learning rates to suggest.
std::string remedy(const RunConfig& c) {
  const double usual = usual_lr(c.width);
  const OptimizerKind& optimizer = find_optimizer(c.optimizer);
  // usual_lr() applies to optimizers that divide by the root of a second moment, such as AdamW.
  const double lr = optimizer.uses("beta2") && c.lr > 1.5 * usual ? usual : c.lr / 4;
  std::string text = cat("--lr ", one_digit(lr), " instead of ", c.lr);
  if (optimizer.uses("matrix-lr"))
    text += cat(" and --matrix-lr ", one_digit(c.matrix_lr / 4), " instead of ", c.matrix_lr);
  return text + (c.clip == 0 ? " and --clip 1" : "");
}

}  // namespace

double Trainer::uniform_loss() const { return std::log(static_cast<double>(data_.vocabulary.size())); }

void Trainer::update_worse_validations() {
  if (step_ == 0) initial_val_loss_ = val_loss_;
  const double limit = std::fmax(uniform_loss(), initial_val_loss_) + kMargin;
  const bool worse = step_ > info_.config.warmup && val_loss_ > limit && loss_ > limit;
  worse_validations_ = worse ? worse_validations_ + 1 : 0;
}

std::string Trainer::warning() const {
  const RunConfig& c = info_.config;
  const double began = std::isnan(initial_val_loss_) ? uniform_loss() : initial_val_loss_;
  if (worse_validations_ == kWorseValidations)
    return cat("the validation loss is ", loss_text(val_loss_), ", worse than a uniform guess (",
               loss_text(uniform_loss()), "), at ", kWorseValidations, " validations in a row; restart with ",
               remedy(c));
  if (!finished() || step_ == 0 || worse_validations_ > kWorseValidations || !(val_loss_ > began + kMargin)) return "";
  return cat("the validation loss ends at ", loss_text(val_loss_), ", above its first value ", loss_text(began), "; ",
             loss_ < began ? cat("the training loss is ", loss_text(loss_),
                                 ", so the model overfits: use more text, --dropout or --patience")
                           : cat("restart with ", remedy(c)));
}

void Trainer::fail_above_uniform_loss() {
  log_.flush();
  throw DivergedError(cat("training diverged at step ", step_, ": the validation loss is ", loss_text(val_loss_),
                          ", worse than a uniform guess (", loss_text(uniform_loss()), "), at ", worse_validations_,
                          " validations in a row; ",
                          directory_.path().empty() ? "" : cat("the checkpoint of step ", best_step_, " is kept; "),
                          "restart with ", remedy(info_.config), ", or continue with --no-stop-on-divergence"));
}

}  // namespace headlight
