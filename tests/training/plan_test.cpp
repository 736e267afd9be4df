// Tests of plan_run(), the scaling law and the speed measurement.
#include "training/plan.h"

#include <gtest/gtest.h>

#include "base/isa.h"
#include "bench/bench.h"
#include "support/expect_error.h"
#include "support/tiny_run.h"
#include "training/counting.h"
#include "training/run_log.h"

namespace headlight {
namespace {

constexpr PlanText kMegabyte{.train = 1'000'000, .validation = 111'000, .vocabulary = 65};

// A machine that performs `flops` operations a second for models of any size.
auto machine(double flops, Index vocabulary = 65) {
  return
      [=](const RunConfig& c) { return flops * static_cast<double>(c.batch * c.context) / step_flops(c, vocabulary); };
}
Plan plan(double seconds, const PlanText& text = kMegabyte, double flops = 1e11) {
  return plan_run(RequestedSettings{}, text, seconds, machine(flops));
}

TEST(Plan, TakesTheTimeItIsGiven) {
  for (const double seconds : {20.0, 60.0, 300.0, 3600.0}) {
    const Plan p = plan(seconds);
    const RunConfig& c = p.config;
    const double training = static_cast<double>(c.steps * c.batch * c.context) / p.tokens_per_second;
    // A validation is a forward pass only, a third of the work of a step.
    const double windows = c.eval_windows > 0 ? static_cast<double>(c.eval_windows)
                                              : static_cast<double>(kMegabyte.validation / c.context);
    const double validations = static_cast<double>(c.steps / c.eval_every + 1);
    const double validating = validations * windows * static_cast<double>(c.context) / (3 * p.tokens_per_second);
    EXPECT_NEAR(training + validating, seconds, 0.05 * seconds);
    EXPECT_EQ(error_of([&] { c.check(); }), "(no error)");
    EXPECT_LT(c.warmup, c.steps);
    EXPECT_GE(c.lr, c.min_lr);
    EXPECT_NEAR(p.tokens, static_cast<double>(c.steps * c.batch * c.context), 1);
  }
}

// On this machine, bfloat16 products make a step `gain` times as fast.
TEST(Plan, TakesBf16WhereTheCpuHasItAndItPays) {
  const Isa before = current_isa();
  const auto planned = [](double gain, RequestedSettings asked = {}) {
    return plan_run(asked, kMegabyte, 60, [=](const RunConfig& c) {
      return machine(1e11)(c) * (c.precision == Precision::kBf16 ? gain : 1);
    });
  };
  set_isa(Isa::kPortable);  // has no bfloat16 instructions
  EXPECT_EQ(planned(2).config.precision, Precision::kFloat32);
  if (isa_available(Isa::kAvx512Bf16)) {
    set_isa(Isa::kAvx512Bf16);
    const Plan with = planned(1.5), without = planned(1.05);
    EXPECT_EQ(with.config.precision, Precision::kBf16);
    EXPECT_EQ(without.config.precision, Precision::kFloat32);
    EXPECT_NEAR(with.tokens / without.tokens, 1.5, 0.02) << "the steps fill the time";
    RequestedSettings asked;
    asked.flags = {{"precision", "float32"}};
    EXPECT_EQ(planned(2, asked).config.precision, Precision::kFloat32);
  }
  set_isa(before);
}

TEST(Plan, MoreTimeOrAFasterMachineNeverExpectsWorse) {
  double before = 1e9, size = 0;
  for (double seconds = 10; seconds < 40'000; seconds *= 1.5) {
    const Plan p = plan(seconds);
    EXPECT_LE(p.expected_loss, before + 0.01) << seconds;
    before = p.expected_loss;
    EXPECT_GE(p.config.cost(1).matrix_parameters, size) << seconds;
    size = p.config.cost(1).matrix_parameters;
  }
  EXPECT_LT(plan(60, kMegabyte, 1e12).expected_loss, plan(60, kMegabyte, 1e10).expected_loss);
}

TEST(Plan, AModelIsNotLargerThanItsText) {
  for (const Index tokens : {2'000, 50'000, 400'000, 3'000'000}) {
    const Plan p = plan(36'000, {.train = tokens, .validation = tokens / 9, .vocabulary = 65});
    EXPECT_LE(p.config.cost(1).matrix_parameters, std::max(30e3, static_cast<double>(tokens))) << tokens;
    EXPECT_LE(p.config.context, tokens / 18) << "windows fit both parts";
  }
  EXPECT_GT(plan(36'000, {.train = 100'000'000, .validation = 1'000'000}).config.cost(1).matrix_parameters, 2e6)
      << "ten hours on a hundred million characters allow a large model";
}

TEST(Plan, DropsOnlyWhereATextIsReadOftenByALargeModel) {
  EXPECT_EQ(plan(30).config.dropout, 0);
  EXPECT_GT(plan(36'000, {.train = 300'000, .validation = 30'000}).config.dropout, 0);
  EXPECT_EQ(plan(36'000, {.train = 1'000'000'000, .validation = 1'000'000}).config.dropout, 0);
}

TEST(Plan, KeepsWhatAUserGave) {
  RequestedSettings asked{.flags = {{"lr", "0.005"}, {"position", "alibi"}}};
  const Plan p = plan_run(asked, kMegabyte, 60, machine(1e11));
  EXPECT_EQ(p.config.lr, 0.005);
  EXPECT_EQ(p.config.position, "alibi");
  asked.flags = {{"width", "80"}, {"context", "48"}, {"lr", "0.002"}};
  asked.preset = "cpu";
  const Plan only = plan_run(asked, kMegabyte, 60, machine(1e11));
  EXPECT_EQ(only.config.width, 80);
  EXPECT_EQ(only.config.context, 48);
  EXPECT_EQ(only.config.lr, 2e-3);
  EXPECT_EQ(only.config.position, "learned");
  EXPECT_EQ(only.config.batch, 12);
  EXPECT_NE(only.config.steps, 2000);
}

TEST(Plan, ReadsEpochsAndLongContextsWhereTheTimeAllows) {
  const Plan p = plan(300);
  EXPECT_EQ(p.config.sampling, Sampling::kEpochs);
  EXPECT_GT(p.tokens, 2e6);
  EXPECT_EQ(p.config.context, 256);
  EXPECT_EQ(p.config.batch * p.config.context, 1024);
  const Plan brief = plan(5);
  EXPECT_LT(brief.tokens, 1.5e6);
  EXPECT_LE(brief.config.context, 128);
  const RequestedSettings asked{.flags = {{"sampling", "random"}}};
  EXPECT_EQ(plan_run(asked, kMegabyte, 60, machine(1e11)).config.sampling, Sampling::kRandom);
}

TEST(Plan, AveragesTheWeightsOfTheLastTwentieth) {
  const Plan p = plan(60);
  EXPECT_NEAR(p.config.ema, 1 - 20.0 / static_cast<double>(p.config.steps), 1e-12);
  EXPECT_GE(plan(2, kMegabyte, 2e9).config.ema, 0) << "not negative in a plan of few steps";
  const RequestedSettings asked{.flags = {{"ema", "0"}}};
  EXPECT_EQ(plan_run(asked, kMegabyte, 60, machine(1e11)).config.ema, 0);
}

// Also if the last measurement differs from the first.
TEST(Plan, ExpectsTheLossOfItsOwnTokens) {
  Index measured = 0;
  const Plan p = plan_run(RequestedSettings{}, kMegabyte, 60,
                          [&](const RunConfig& c) { return machine(++measured < 6 ? 1e11 : 5e10)(c); });
  ASSERT_GE(measured, 6);
  EXPECT_DOUBLE_EQ(p.expected_loss, expected_loss(p.config.cost(1).matrix_parameters,
                                                  effective_tokens(static_cast<double>(kMegabyte.train), p.tokens)));
}

TEST(Plan, DoesNotMeasureWhatIsFarTooLarge) {
  Index largest = 0;
  plan_run(RequestedSettings{}, kMegabyte, 30, [&](const RunConfig& c) {
    largest = std::max(largest, c.width);
    return machine(1e10)(c);
  });
  EXPECT_LE(largest, 128);
}

TEST(Plan, SaysWhenTheTimeIsTooShort) {
  EXPECT_TRUE(contains(error_of([] { plan(0.1, kMegabyte, 1e8); }), "allows only "));
}

TEST(Plan, ExpectsWhatItsLawSays) {
  const auto law = [](double parameters, double tokens) {
    return expected_loss(parameters, effective_tokens(1'003'854, tokens));
  };
  EXPECT_NEAR(law(49'152, 5.12e6), 1.600, 0.01) << "measured: width 32, 5000 steps of 1024 tokens";
  EXPECT_NEAR(law(110'592, 5.12e6), 1.526, 0.01) << "width 48, 5000 steps";
  EXPECT_NEAR(law(196'608, 5.36e6), 1.480, 0.01) << "width 64, 5200 steps, mean of three runs";
  EXPECT_NEAR(law(442'368, 1.02e6), 1.622, 0.01) << "width 96, 1000 steps";
  EXPECT_NEAR(law(442'368, 2.66e6), 1.498, 0.01) << "width 96, 2600 steps, mean of two runs";
  EXPECT_NEAR(law(442'368, 8.12e6), 1.412, 0.01) << "width 96, 7900 steps, mean of four runs";
  EXPECT_NEAR(law(786'432, 8.53e6), 1.403, 0.01) << "width 128, 8300 steps, mean of two runs";
  EXPECT_NEAR(expected_loss(1e5, 1e6, 2), 2 * expected_loss(1e5, 1e6), 1e-9);
  EXPECT_EQ(expected_loss(1e5, 10), 2.49) << "not worse than bigram counts";
  PlanText text = kMegabyte;
  text.relative_loss = 0.5;
  EXPECT_NEAR(plan(60, text).expected_loss, plan(60).expected_loss / 2, 1e-9);
  EXPECT_EQ(effective_tokens(1000, 900), 900);
  EXPECT_NEAR(effective_tokens(1000, 2000), 1995.0, 0.1);
  EXPECT_LT(effective_tokens(1000, 1e9), 101'000.1);
}

// Independent, uniformly drawn tokens have a loss near log V; a text that repeats itself has a loss near 0.
TEST(Plan, ComparesTheTextWithTheLossesOfTinyShakespeare) {
  Rng rng(3);
  std::vector<std::int32_t> chance, repeated;
  for (std::int32_t i = 0; i < 100'000; ++i) {
    chance.push_back(static_cast<std::int32_t>(rng.below(16)));
    repeated.push_back(i % 16);
  }
  RunData data;
  EXPECT_EQ(relative_loss(data), 1);
  data.train.ids = data.validation.ids = std::vector<std::int32_t>{7};
  EXPECT_EQ(relative_loss(data), 1);
  data.vocabulary = Vocabulary::bytes();
  data.train.ids = data.validation.ids = repeated;
  EXPECT_LT(relative_loss(data), 0.001);
  data.validation.ids = std::vector<std::int32_t>(chance.rbegin(), chance.rend());
  data.train.ids = chance;
  const double loss = relative_loss(data) * 1.674;  // nats of a part of tiny Shakespeare with 100,000 tokens
  EXPECT_GT(loss, std::log(16));
  EXPECT_LT(loss, std::log(16) + 0.35);
  data.train.ids = std::vector<std::int32_t>(chance.begin(), chance.begin() + 10'000);
  EXPECT_NEAR(relative_loss(data), 3.0 / 1.949, 0.2);
}

// The records of a run with these durations of steps and validations.
std::vector<StepRecord> records(Index steps, Index eval_every, double step_seconds, double validation_seconds) {
  std::vector<StepRecord> all;
  double seconds = 0;
  for (Index s = 0; s < steps; ++s) {
    if (s % eval_every == 0) seconds += validation_seconds;
    seconds += step_seconds;
    StepRecord r;
    r.step = s;
    r.seconds = seconds;
    all.push_back(r);
  }
  return all;
}

TEST(PlanCorrection, FillsTheTimeAtTheSpeedOfTheRun) {
  Plan p = plan(60);
  ASSERT_GT(p.config.warmup, 10);
  const double planned = p.seconds / static_cast<double>(p.config.steps);
  for (const double factor : {0.5, 2.0}) {
    PlanCorrection correction(p);
    std::vector<Index> corrected;
    const double step = factor * planned, validation = 10 * step;
    for (const StepRecord& r : records(p.config.warmup, p.config.eval_every, step, validation))
      if (const auto steps = correction.after(r)) corrected.push_back(*steps);
    ASSERT_EQ(corrected.size(), 1u);
    // Every eval_every-th step validates, and so does the last step.
    const auto n = static_cast<double>(corrected[0]), every = static_cast<double>(p.config.eval_every);
    EXPECT_NEAR(n * step + (n / every + 1) * validation, p.seconds, 0.01 * p.seconds) << factor;
  }
  PlanCorrection correction(p);
  for (const StepRecord& r : records(p.config.warmup, p.config.eval_every, 0.99 * planned, 0))
    EXPECT_EQ(correction.after(r), std::nullopt) << "within 2% of the plan";
}

TEST(PlanCorrection, LeavesARunOfFewSteps) {
  Plan p = plan(60);
  p.config.warmup = 3;
  PlanCorrection correction(p);
  for (const StepRecord& r : records(20, p.config.eval_every, 100, 0)) EXPECT_EQ(correction.after(r), std::nullopt);
}

TEST(MeasuredSpeed, IsOfRealStepsAndLeavesNothingBehind) {
  const TemporaryDirectory directory;
  const RunConfig c = tiny_config();
  const RunData data = tiny_data(directory, c);
  const Files before = files_of(directory.path());
  EXPECT_GT(measured_speed(c, data, 0.01), 100);
  EXPECT_TRUE(files_of(directory.path()) == before);
}

}  // namespace
}  // namespace headlight
