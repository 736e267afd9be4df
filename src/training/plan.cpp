// The scaling law, the search over model sizes, and the speed measurement.
#include "training/plan.h"

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "headlight/base/error.h"
#include "training/run_log.h"
#include "training/trainer.h"

namespace headlight {

namespace {

struct Size {
  Index layers, heads, width;
};
constexpr Size kSizes[] = {{2, 2, 32},  {4, 4, 32},  {4, 4, 48},  {4, 4, 64},  {4, 4, 96}, {4, 4, 128},
                           {6, 4, 128}, {6, 6, 192}, {6, 8, 256}, {6, 6, 384}, {8, 8, 512}};

constexpr double kTokensPerParameter = 100;
// bfloat16 products must make a step at least this many times as fast.
constexpr double kBf16Gain = 1.1;

// About twenty validations together take a thirtieth of the time budget.
constexpr double kValidating = 1.0 / 30;
constexpr Index kValidations = 20;

double as_real(Index value) { return static_cast<double>(value); }

// From this number of tokens on, a plan uses the context 256. The speed of a size is measured with this context.
constexpr double kLongContextTokens = 2e6;

// On tiny Shakespeare, a context of 128 characters was 0.02 nats better than 64 after 2M tokens. Going from 128 to 256
// changed the loss by +0.024 nats after 1.0M tokens, -0.010 after 2.7M and -0.013 after 7.6M.
Index context_for(double tokens, const PlanText& text) {
  Index context = tokens < 1e6 ? 64 : tokens < kLongContextTokens ? 128 : 256;
  const Index room = std::min(text.train, text.validation > 0 ? text.validation : text.train) - 1;
  while (context > 8 && context > room / 2) context /= 2;
  return context;
}

// Sets everything except size and steps.
void complete(RunConfig& c, double tokens, const PlanText& text) {
  c.context = context_for(tokens, text);
  // Short runs need small batches to make enough updates; from 20M tokens on, larger batches still make enough.
  const Index batch_tokens = tokens < 2e7 ? 1024 : tokens < 2e8 ? 2048 : 4096;
  c.batch = std::max<Index>(1, batch_tokens / c.context);
  // After two minutes on tiny Shakespeare with random windows, Muon was 0.02 nats better than AdamW for lstm and conv,
  // and equal for gru.
  c.optimizer = "muon";
  // After 7.6M tokens of tiny Shakespeare, the loss was 0.017 nats lower with epochs than with random windows.
  c.sampling = Sampling::kEpochs;
  c.matrix_lr = 0.01;
  c.lr = usual_lr(c.width);
  c.min_lr = c.lr / 20;
  c.beta2 = 0.99;
  // At width 128 and 0.4M tokens, rotary positions reached a loss 0.15 nats below learned positions.
  c.position = "rotary";
  const double passes = tokens / as_real(text.train), share = c.cost(1).matrix_parameters / as_real(text.train);
  // Use dropout only for a model that is large compared with its text and reads the text many times. After 92 passes
  // over a tenth of tiny Shakespeare, the loss was 1.53 with dropout 0.1 and 1.62 without. After 27 passes over the
  // whole text at width 128, it was 1.399 with dropout 0.1 and 1.448 with 0.2 (both without --ema).
  c.dropout = passes > 20 && share > 0.25 ? 0.1 : 0;
}

// Sets the number of steps and the validation schedule.
void set_steps(RunConfig& c, double seconds, double tokens_per_second, const PlanText& text) {
  const double step_tokens = as_real(c.batch * c.context * c.accumulate);
  const double validating = text.validation > 0 ? kValidating : 0;
  c.steps = std::max<Index>(1, static_cast<Index>(seconds * (1 - validating) * tokens_per_second / step_tokens));
  c.warmup = std::min<Index>(c.steps / 20 + 1, 500);
  // Average about the last twentieth of the steps.
  c.ema = std::max(0.0, 1 - 20 / as_real(c.steps));
  c.stop_on_divergence = true;
  c.eval_every = std::max<Index>(1, (c.steps + kValidations - 1) / kValidations);
  // A forward pass costs a third of a training step.
  const double windows = seconds * validating * 3 * tokens_per_second / as_real(kValidations + 1) / as_real(c.context);
  c.eval_windows =
      windows * as_real(c.context) >= as_real(text.validation) ? 0 : std::max<Index>(8, static_cast<Index>(windows));
}

}  // namespace

double effective_tokens(double text_tokens, double seen_tokens) {
  constexpr double kReuse = 100;
  if (seen_tokens <= text_tokens) return seen_tokens;
  return text_tokens * (1 + kReuse * (1 - std::exp(-(seen_tokens / text_tokens - 1) / kReuse)));
}

double expected_loss(double parameters, double effective, double relative_loss) {
  constexpr double kBigramLoss = 2.49;  // of tiny Shakespeare: an upper bound for a model with very little data
  const double shakespeare =
      1.295 + 144 / std::pow(std::max(parameters, 1.0), 0.6) + 4361 / std::pow(std::max(effective, 1.0), 0.7);
  return std::min(kBigramLoss, shakespeare) * relative_loss;
}

// At width 64, a rate of 0.01 reached a loss 0.02 nats below 0.005; wider models need smaller rates.
double usual_lr(Index width) { return std::min(0.01, 0.5 / as_real(width)); }

void check_plannable(const RequestedSettings& asked, const RunConfig& config) {
  if (config.has_cost()) return;
  throw UsageError(cat(asked.minutes ? "--minutes: " : "--steps: is missing; there is ", "no plan for the model ",
                       config.model, ", which has no cost function; set its sizes and --steps",
                       asked.minutes ? " instead" : ""));
}

Plan plan_run(const RequestedSettings& asked, const PlanText& text, double seconds,
              const std::function<double(const RunConfig&)>& speed) {
  if (!(seconds > 0) || std::isinf(seconds)) fail("plan: ", seconds, " seconds; a plan needs a time above 0");
  if (text.train < 1 || text.validation < 0) fail("plan: the text has no tokens to train on; use a longer text");
  if (!(text.relative_loss >= 0))
    fail("plan: a relative loss of ", text.relative_loss, "; it must be a number from 0 up");
  const auto measured = [&](const RunConfig& c) {
    const double tokens_per_second = speed(c);
    if (!(tokens_per_second > 0) || std::isinf(tokens_per_second))
      fail("plan: a speed of ", tokens_per_second, " tokens/s; it must be above 0");
    return tokens_per_second;
  };
  const RunConfig fixed = resolve(asked);
  check_plannable(asked, fixed);
  const auto loss_of = [&](const Plan& p) {
    return expected_loss(p.config.cost(1).matrix_parameters, effective_tokens(as_real(text.train), p.tokens),
                         text.relative_loss);
  };
  const double began = monotonic_seconds();
  const bool only = asked.has_size();
  Plan best;
  int worse = 0;
  for (const Size& size : kSizes) {
    if (!only && fixed.kv_heads > 0 && size.heads % fixed.kv_heads != 0) continue;
    const auto candidate = [&](double tokens) {
      return resolve(asked, [&](RunConfig& c) {
        c.layers = size.layers;
        c.heads = size.heads;
        c.width = size.width;
        complete(c, tokens, text);
      });
    };
    RunConfig c = candidate(kLongContextTokens);
    // A model with more parameters than the text has tokens memorizes the text.
    if (!only && best.seconds > 0 && c.cost(1).matrix_parameters > as_real(text.train)) break;
    const double first = measured(c);
    // Set the values that depend on the number of tokens; these change the speed only slightly.
    c = candidate(seconds * first);
    Plan plan{.config = c, .tokens_per_second = first};
    set_steps(plan.config, seconds, first, text);
    plan.tokens = as_real(plan.config.steps * c.batch * c.context * c.accumulate);
    plan.passes = plan.tokens / as_real(text.train);
    plan.expected_loss = loss_of(plan);
    plan.seconds = seconds;
    // Whether the model is too small for its number of training tokens.
    const auto starved = [&](const Plan& p) {
      return effective_tokens(as_real(text.train), p.tokens) > kTokensPerParameter * p.config.cost(1).matrix_parameters;
    };
    const bool better = best.seconds == 0 || plan.expected_loss < best.expected_loss || starved(best);
    if (better) best = plan;
    if (only) break;
    worse = better ? 0 : worse + 1;
    if (worse == 2) break;  // larger sizes are slower still
  }
  // Measure the speed of the final configuration, and subtract the time spent on measuring.
  if (!only) best.tokens_per_second = measured(best.config);
  // Where the CPU has fast bfloat16 products, try them on the final configuration.
  if (has_fast_bf16() && !asked.has("precision")) {
    RunConfig rounded = best.config;
    rounded.precision = Precision::kBf16;
    if (const double faster = measured(rounded); faster >= kBf16Gain * best.tokens_per_second) {
      best.config = rounded;
      best.tokens_per_second = faster;
    }
  }
  best.seconds = std::max(seconds / 2, seconds - (monotonic_seconds() - began));
  set_steps(best.config, best.seconds, best.tokens_per_second, text);
  best.tokens = as_real(best.config.steps * best.config.batch * best.config.context * best.config.accumulate);
  best.passes = best.tokens / as_real(text.train);
  best.expected_loss = loss_of(best);
  best.config = resolve(asked, [&](RunConfig& c) { c = RunConfig(best.config); });
  if (best.config.steps < 20)
    throw UsageError(cat("--minutes: the time allows only ", counted(best.config.steps, "step"),
                         " on this machine; use a larger --minutes or a smaller model"));
  return best;
}

std::optional<Index> PlanCorrection::after(const StepRecord& record) {
  const RunConfig& c = plan_.config;
  if (record.step == 0) first_seconds_ = record.seconds;
  if (record.step == 1) second_seconds_ = record.seconds;
  // The learning rate of the steps so far does not depend on the number of all steps, and only step 0 was validated.
  const Index last = std::min(c.warmup, c.eval_every) - 1;
  if (record.step != last || last < 5) return std::nullopt;
  const double step_seconds = (record.seconds - second_seconds_) / as_real(last - 1);
  const double validation_seconds = std::max(0.0, first_seconds_ - step_seconds);
  const double each = step_seconds + validation_seconds / as_real(c.eval_every);
  const double more = std::max(0.0, plan_.seconds - record.seconds - validation_seconds) / each;
  const Index steps = std::max(c.warmup + 1, last + 1 + static_cast<Index>(more));
  if (std::abs(as_real(steps - c.steps)) < 0.02 * as_real(c.steps)) return std::nullopt;
  return steps;
}

double measured_speed(const RunConfig& config, const RunData& data, double seconds) {
  RunConfig c = config;
  c.steps = 1'000'000;
  c.warmup = 10;
  c.eval_every = c.steps;
  c.eval_windows = 1;
  c.patience = 0;
  RunData some;
  some.source = data.source;
  some.vocabulary = data.vocabulary;
  some.train.ids = data.train.ids;
  Trainer trainer(c, std::move(some), "");
  // Divide the run into parts of at least three steps and a sixth of `seconds`; the fastest part counts.
  Index steps = 0, part_steps = 0;
  double began = 0, part_began = 0, fastest = 0;  // fastest: steps per second
  trainer.run([&](const StepRecord&) {
    const double now = monotonic_seconds();
    if (++steps == 2) {  // later steps allocate no memory
      began = part_began = now;
      return true;
    }
    if (steps < 2) return true;
    const double took = std::max(1e-9, now - part_began);
    if (++part_steps >= 3 && took >= seconds / 6) {
      fastest = std::max(fastest, as_real(part_steps) / took);
      part_steps = 0;
      part_began = now;
    }
    return fastest == 0 || now - began < seconds;
  });
  return fastest * as_real(c.batch * c.context * c.accumulate);
}

}  // namespace headlight
