// The live view and the plain lines of a training run.
#include "training_progress.h"

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "base/format.h"
#include "base/words.h"
#include "bench/bench.h"
#include "formats/safetensors_format.h"
#include "headlight/base/index.h"
#include "headlight/base/random.h"
#include "headlight/base/text.h"
#include "headlight/base/threads.h"
#include "headlight/data/windows.h"
#include "headlight/generation/generate.h"
#include "headlight/ops/ops.h"
#include "heads/watch/head_watch.h"
#include "os/folder.h"
#include "os/terminal.h"
#include "terminal/chart.h"
#include "terminal/dashboard.h"
#include "training/config.h"
#include "training/run_data.h"
#include "training/run_directory.h"
#include "training/run_log.h"
#include "training/trainer.h"

namespace headlight::cli {

namespace {

// Shares of the training time for drawing and for sampling; together 1 %.
constexpr double kDrawingShare = 0.002, kSamplingShare = 0.008;

std::string title_of(const Trainer& trainer) {
  const RunConfig& c = trainer.config();
  const std::string& source = trainer.data().source;
  return cat(source.substr(source.find_last_of('/') + 1), ": ",
             count_text(static_cast<double>(trainer.model().parameter_count())), " parameters, ",
             c.is_transformer() ? cat(counted(c.layers, "layer"), ", ", counted(c.heads, "head"), ", width ", c.width,
                                      ", context ", c.context)
                                : cat(c.model, ", ", trainer.model().summary()));
}

std::vector<Level> levels_of(const RunInfo& info) {
  if (info.counting.size() < 2) return {};
  return {{"unigram", info.counting[0]}, {"bigram", info.counting[1]}};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    lines.push_back(text.substr(begin, end - begin));
  return lines;
}

// "heads     2 of 8: L0H0 previous 0.93, L1H2 induction 0.88": the largest kappa first, as many as fit in a line.
std::string heads_line(const std::vector<HeadLine>& heads) {
  constexpr std::size_t kWidth = 80;
  std::vector<std::pair<double, std::string>> found;
  for (const HeadLine& h : heads) {
    const double kappa = h.kappa.empty() ? 0 : h.kappa.points().back().y;
    if (h.sure) found.emplace_back(-kappa, cat(h.head, " ", h.role, " ", fixed_text(kappa, 2)));
  }
  if (found.empty()) return cat("heads     none of ", heads.size(), " has a role so far");
  std::sort(found.begin(), found.end());
  std::string text = cat("heads     ", found.size(), " of ", heads.size(), ":");
  for (std::size_t i = 0; i < found.size(); ++i) {
    const bool last = i + 1 == found.size();
    if (text.size() + 2 + found[i].second.size() + (last ? 0 : 5) > kWidth) return text + (i == 0 ? " ..." : ", ...");
    text += cat(i == 0 ? " " : ", ", found[i].second);
  }
  return text;
}

// The prompt of a sample: the end of a document, a line break, or the first token.
std::vector<std::int32_t> beginning(const RunData& data) {
  if (!data.document_end.empty()) return {data.document_end.back()};
  const bool has_break = data.vocabulary.is_bytes() || data.vocabulary.characters().find(U'\n') != std::u32string::npos;
  return has_break ? data.vocabulary.encode("\n", "sample") : std::vector<std::int32_t>{0};
}

}  // namespace

TrainingProgress::TrainingProgress(const Trainer& trainer, View view, const HeadWatch* watch)
    : trainer_(trainer), watch_(watch), view_(view) {
  const RunConfig& c = trainer.config();
  board_.steps = c.steps;
  if (view_ != View::kLive) return;
  board_.title = title_of(trainer);
  board_.levels = levels_of(trainer.info());
  recall();
  if (!c.has_cost()) return;
  flops_per_second_at_peak_ = 1e9 * fma_peak(thread_count());
  flops_per_token_ = step_flops(c, trainer.data().vocabulary.size()) / static_cast<double>(c.batch * c.context);
}

TrainingProgress::~TrainingProgress() { finish(); }

// Fills the curves from the log of a resumed run.
void TrainingProgress::recall() {
  const std::string path = trainer_.directory() + "/log.jsonl";
  if (trainer_.step() == 0 || trainer_.directory().empty() || !path_exists(path)) return;
  for (const StepRecord& r : read_log(path)) {
    board_.train.add(static_cast<double>(r.step), r.loss);
    board_.validation.add(static_cast<double>(r.step), r.val_loss);
  }
  board_.val_loss = trainer_.last_val_loss();
  board_.best_step = trainer_.best_step();
  board_.best_val_loss = trainer_.best_val_loss();
}

void TrainingProgress::update(const StepRecord& r) {
  if (!std::isnan(r.loss)) {
    // Show moving averages over about twenty steps, because single steps vary too much.
    ++count_;
    const double share = std::max(0.05, 1 / static_cast<double>(count_));
    loss_ += share * (r.loss - loss_);
    speed_ += share * (r.tokens_per_second - speed_);
    board_.train.add(static_cast<double>(r.step), r.loss);
  }
  const RunConfig& c = trainer_.config();
  const bool validated = !std::isnan(r.val_loss);
  if (validated) {
    const double step_seconds = std::isnan(r.loss) ? 0
                                                   : static_cast<double>(c.batch * c.context * c.accumulate) /
                                                         std::max(1.0, r.tokens_per_second);
    if (count_ > 1) validation_seconds_ = std::max(0.0, r.seconds - last_seconds_ - step_seconds);
    board_.val_loss = r.val_loss;
    board_.validation.add(static_cast<double>(r.step), r.val_loss);
    board_.facts = lines_of(rule_loss_lines(r));
    board_.best_step = trainer_.best_step();
    board_.best_val_loss = trainer_.best_val_loss();
    if (std::isfinite(trainer_.floor()) && board_.levels.empty()) board_.levels = {{"floor", trainer_.floor()}};
    // Show a notice after three validations without improvement; fewer can be chance.
    const Index since = (r.step - board_.best_step) / c.eval_every;
    board_.notice = trainer_.worse_validations() > 0 ? "diverging: the validation loss is worse than a uniform guess"
                    : since < 3                      ? ""
                                : cat("overfitting: no better validation loss since step ", board_.best_step, " (",
                                      fixed_text(board_.best_val_loss, 3), "), which is saved");
  }
  if (watch_ && watch_->snapshots() != shown_snapshots_) {
    board_.heads = watch_->lines();
    shown_snapshots_ = watch_->snapshots();
  }
  last_seconds_ = r.seconds;
  board_.step = std::isnan(r.loss) ? r.step : r.step + 1;
  board_.seconds = r.seconds;
  if (count_ > 0) board_.loss = loss_;
  if (speed_ > 0) board_.tokens_per_second = speed_;
  if (flops_per_second_at_peak_ > 0) {
    // A share above 0.9 means that the peak was measured while the machine was busy, so show no share.
    const double share = speed_ * flops_per_token_ / flops_per_second_at_peak_;
    board_.share_of_peak = share <= 0.9 ? share : Dashboard::kUnknown;
  }
  if (!std::isnan(r.grad_norm)) board_.grad_norm = r.grad_norm;
  board_.lr = r.lr;
  board_.seconds_left = seconds_left(r);
}

// The time of the remaining steps at the current speed, plus that of the remaining validations, each as long as the
// last.
double TrainingProgress::seconds_left(const StepRecord& r) const {
  if (speed_ <= 0) return kNotMeasured;
  const RunConfig& c = trainer_.config();
  const auto tokens = static_cast<double>(c.batch * c.context * c.accumulate);
  const auto steps = static_cast<double>(c.steps - board_.step);
  const Index validations = (c.steps + c.eval_every - 1) / c.eval_every - r.step / c.eval_every;
  return steps * tokens / speed_ + static_cast<double>(std::max<Index>(0, validations)) * validation_seconds_;
}

void TrainingProgress::correct_steps() {
  board_.steps = trainer_.config().steps;
  if (view_ == View::kPlain) say(cat("plan    ", counted(board_.steps, "step"), " instead, by the speed so far"));
}

void TrainingProgress::show(const StepRecord& r) {
  update(r);
  if (view_ == View::kQuiet) return;
  const RunConfig& c = trainer_.config();
  const bool over = std::isnan(r.loss);
  if (view_ == View::kPlain) {
    if (r.step % c.eval_every == 0 || over) plain_line(r);
    // Trainer::warning() already warns about divergence.
    if (!noticed_ && !board_.notice.empty() && c.patience == 0 && trainer_.worse_validations() == 0) {
      say(cat("notice  ", board_.notice, "; --patience 3 would stop here"));
      noticed_ = true;
    }
    return;
  }
  if (count_ <= 1) began_ = monotonic_seconds();
  refresh_sample();
  // Draw at most ten frames a second, fewer if frames are slow.
  if (over || monotonic_seconds() - drawn_ > std::max(0.1, drawing_ / kDrawingShare)) draw();
}

void TrainingProgress::plain_line(const StepRecord& r) const {
  const RunConfig& c = trainer_.config();
  std::string text = cat("step ", r.step, "/", c.steps);
  if (count_ > 0) text += cat("  loss ", fixed_text(loss_, 3));
  if (!std::isnan(r.val_loss)) {
    text += cat("  val ", fixed_text(r.val_loss, 3));
    if (std::isfinite(trainer_.floor())) text += cat(" (floor ", fixed_text(trainer_.floor(), 3), ")");
  }
  if (speed_ > 0) text += cat("  ", count_text(speed_), " tokens/s");
  if (r.step < c.steps && std::isfinite(board_.seconds_left))
    text += cat("  ", duration_text(board_.seconds_left), " left");
  say(text);
  for (const std::string& line : lines_of(rule_loss_lines(r))) say(line);
  if (!board_.heads.empty()) say(heads_line(board_.heads));
}

// Generates a new sample whenever the share of time for sampling allows it. The first sample is short and follows after
// two seconds.
void TrainingProgress::refresh_sample() {
  if (trainer_.model().objective() != Objective::kNextToken) return;
  const double now = monotonic_seconds(), elapsed = now - began_;
  constexpr Index kLong = 1500, kShort = 80;
  const double allowed = elapsed * kSamplingShare - sampling_;
  Index tokens = kShort;
  if (samples_ == 0) {
    if (elapsed < 2) return;
  } else {
    const Index wanted = std::min<Index>(kLong, kShort << std::min<std::uint64_t>(samples_, 3));
    if (allowed < piece_seconds_ * static_cast<double>(wanted)) return;
    tokens = wanted;
  }
  const double most = samples_ == 0 ? 0.05 : std::max(0.05, 2 * allowed);
  Rng rng(mix64(++samples_));
  const RunData& data = trainer_.data();
  Index written = 0;
  const auto averaged = trainer_.use_average();
  const std::vector<std::int32_t> ids = generate(
      trainer_.model(), beginning(data), tokens, {.temperature = 0.8}, rng,
      [&](std::int32_t) { return ++written < 2 || monotonic_seconds() - now < most; }, data.document_end);
  const double took = monotonic_seconds() - now;
  sampling_ += took;
  piece_seconds_ = took / static_cast<double>(std::max<Index>(1, written));
  board_.sample = data.vocabulary.decode(ids);
  board_.sample_step = board_.step;
}

void TrainingProgress::draw() {
  const double before = monotonic_seconds();
  enter_alternate_screen();
  std::string screen = "\033[H";
  const int rows = terminal_height();
  const std::vector<std::string> lines = dashboard_frame(board_, terminal_width() - 1, rows, true);
  for (std::size_t i = 0; i < lines.size(); ++i) screen += cat(i > 0 ? "\r\n" : "", lines[i], "\033[K");
  screen += "\033[J";
  std::fwrite(screen.data(), 1, screen.size(), stderr);
  std::fflush(stderr);
  drawn_ = monotonic_seconds();
  drawing_ = drawn_ - before;
}

void TrainingProgress::finish() noexcept {
  if (view_ != View::kLive || drawn_ == 0) return;
  view_ = View::kQuiet;
  leave_alternate_screen();
  try {
    for (const std::string& line : dashboard_frame(board_, terminal_width() - 1, terminal_height() - 6, true))
      say(line);
  } catch (...) {  // a drawing error must not hide the run's own error
  }
}

}  // namespace headlight::cli
