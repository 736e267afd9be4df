// Choice of steps, snapshots of scores and attention, and the terminal's lines.
#include "heads/watch/head_watch.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/clock.h"
#include "headlight/nn/hook.h"
#include "heads/roles/head_labels.h"
#include "heads/roles/measured_text.h"
#include "os/file.h"

namespace headlight {

namespace {

// Hook that scores the attention of every batch that runs. Batches must come in the order of the windows.
struct ScoreAttention : Hook {
  ScoreAttention(const HeadedModel& model, const RoleMasks& m)
      : scores(scores_for(model, m.roles())), masks(m), seen(static_cast<std::size_t>(model.layers())) {}
  HeadScores scores;
  const RoleMasks& masks;
  std::vector<Index> seen;  // [layer]: windows scored so far
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    if (site.kind != HookSite::Kind::kAttentionWeights) return x;
    Index& done = seen[static_cast<std::size_t>(site.layer)];
    add_scores(scores, site.layer, x, masks, done);
    done += x.size(0);
    return x;
  }
};

// The roles with enough queries in this text.
std::vector<Role> scored_roles(const MeasuredText& text, const RunData& data) {
  std::vector<Role> roles = roles_of(text, data);
  const RoleMasks masks(roles, text.role_text(), text.windows.context());
  std::vector<Role> told;
  for (std::size_t r = 0; r < roles.size(); ++r)
    if (static_cast<Index>(masks.queries(r).size()) >= kLabelQueries) told.push_back(std::move(roles[r]));
  return told;
}

}  // namespace

bool watches_at(Index step, Index steps, Index every, Index eval_every) {
  constexpr Index kLooks = 32, kMaxValidations = 16;
  if (step == steps) return true;
  if (every > 0) return step % every == 0;
  if (step % eval_every == 0 && steps / eval_every <= kMaxValidations) return true;
  const double share = static_cast<double>(step) / static_cast<double>(steps);
  const auto near = static_cast<Index>(std::lround(kLooks * std::sqrt(share)));
  for (const Index i : {near - 1, near, near + 1}) {
    const double root = static_cast<double>(i) / kLooks;
    if (i >= 0 && std::llround(static_cast<double>(steps) * root * root) == step) return true;
  }
  return false;
}

struct HeadWatch::Measured {
  Measured(const Trainer& trainer)
      : text(trainer.data(), trainer.config().context, kWatchedWindows),
        shown(trainer.data(),
              std::min(trainer.config().context, trainer.data().fresh.empty() ? kShownLength : kShownSequence), 1),
        heads(all_heads(as_headed(trainer.model(), "--watch-heads"))),
        roles(scored_roles(text, trainer.data())),
        masks(roles, text.role_text(), text.windows.context()),
        subsets(subsets_of(text, trainer.data())) {}
  MeasuredText text, shown;
  std::vector<HeadId> heads;
  std::vector<Role> roles;
  RoleMasks masks;
  std::vector<PredictionSubset> subsets;
};

HeadWatch::HeadWatch(const Trainer& trainer) : trainer_(trainer), on_(std::make_unique<Measured>(trainer)) {
  if (on_->heads.empty()) fail("heads: the model has no heads; omit --watch-heads");
  const RunData& data = trainer.data();
  for (const Role& role : on_->roles) history_.roles.push_back(role.name);
  for (const PredictionSubset& subset : on_->subsets) history_.subsets.push_back(subset.name);
  history_.floor = floor_on(on_->text, data, on_->subsets);
  for (const HeadId id : on_->heads) history_.heads.push_back(id);
  history_.windows = on_->text.windows.size();
  history_.length = on_->shown.windows.context();
  for (Index t = 0; t < history_.length; ++t) {
    history_.tokens.push_back(shown_token(data.vocabulary, on_->shown.windows.inputs()[static_cast<std::size_t>(t)]));
    if (!on_->shown.rule.empty()) history_.rules.push_back(rule_at(on_->shown, data, t));
  }
  constexpr Index kPoints = 64;  // at least the columns of a terminal line
  kappa_.assign(on_->heads.size() * on_->roles.size(), Curve(kPoints));

  if (trainer.directory().empty()) return;
  path_ = cat(trainer.directory(), "/", kHeadHistoryFile);
  try {
    if (!truncate_head_history(path_, history_, trainer.step())) append_line(path_, header_line(history_));
    for (const HeadSnapshot& snapshot : head_history(path_).snapshots) add_to_curves(snapshot);
  } catch (const Error& e) {
    fail(e.what(), "; move the file away to start a new one");
  }
}

HeadWatch::~HeadWatch() = default;

void HeadWatch::before(const StepRecord& record) {
  const RunConfig& c = trainer_.config();
  if (!watches_at(record.step, c.steps, c.watch_every, c.eval_every) && !trainer_.finished()) return;
  const double began = monotonic_seconds();
  snapshot_.emplace();
  snapshot_->step = record.step;
  snapshot_->validation_loss = record.val_loss;
  look();
  add_to_curves(*snapshot_);
  seconds_ += monotonic_seconds() - began;
}

void HeadWatch::look() {
  const auto averaged = trainer_.use_average();  // snapshots use the same weights as the validation loss
  const HeadedModel& model = as_headed(trainer_.model(), "--watch-heads");
  HeadSnapshot& s = *snapshot_;
  s.attention = std::move(attention_bytes(model, on_->shown.windows)[0]);
  ScoreAttention hook(model, on_->masks);
  s.loss = mean_on(token_losses(model, on_->text.windows), on_->subsets);
  finish_scores(hook.scores);
  labels_.clear();
  for (const auto [layer, head] : on_->heads) {
    s.evenness.push_back(hook.scores.evenness(layer, head));
    std::vector<double>&kappa = s.kappa.emplace_back(), &content = s.kappa_content.emplace_back();
    for (std::size_t r = 0; r < on_->roles.size(); ++r) {
      const RoleScore& score = hook.scores.at(layer, head, r);
      kappa.push_back(score.kappa());
      content.push_back(on_->roles[r].content ? score.kappa_content() : kNotMeasured);
    }
    const HeadLabel label = best_role(hook.scores, layer, head, on_->roles, on_->masks);
    const bool sure = label.labelled && std::all_of(label.parts.begin(), label.parts.end(), [&](std::size_t part) {
                        return !on_->roles[part].content || content[part] >= kLabelContent;
                      });
    labels_.push_back({label.best, sure ? label.name(on_->roles) : on_->roles[label.best].name, sure});
  }
}

void HeadWatch::add_to_curves(const HeadSnapshot& s) {
  for (std::size_t h = 0; h < on_->heads.size(); ++h)
    for (std::size_t r = 0; r < on_->roles.size(); ++r)
      kappa_[h * on_->roles.size() + r].add(static_cast<double>(s.step), s.kappa[h][r]);
  ++snapshots_;
}

void HeadWatch::after(const StepRecord& record) {
  if (!snapshot_ || snapshot_->step != record.step) return;
  const double began = monotonic_seconds();
  // The final record has no batch of its own, so use the loss of the last batch.
  snapshot_->training_loss = std::isnan(record.loss) ? trainer_.last_loss() : record.loss;
  if (!path_.empty()) append_line(path_, snapshot_line(history_, *snapshot_));
  snapshot_.reset();
  seconds_ += monotonic_seconds() - began;
}

std::vector<HeadLine> HeadWatch::lines() const {
  std::vector<HeadLine> lines;
  if (on_->roles.empty()) return lines;
  for (std::size_t h = 0; h < labels_.size(); ++h)
    lines.push_back({head_name(history_.heads[h]), labels_[h].name, labels_[h].sure,
                     kappa_[h * on_->roles.size() + labels_[h].role]});
  return lines;
}

void run_watched(Trainer& trainer, HeadWatch* watch, const std::function<bool(const StepRecord&)>& each) {
  if (!watch) return trainer.run(each);
  trainer.run(
      [&](const StepRecord& record) {
        watch->after(record);
        return !each || each(record);
      },
      [&](const StepRecord& record) { watch->before(record); });
}

}  // namespace headlight
