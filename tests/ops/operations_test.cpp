// The checks that run on every operation in cases.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "ops/common.h"
#include "ops/compare.h"

namespace headlight::tests {
namespace {

std::uint64_t seed_of(const std::string& text) {
  std::uint64_t seed = 1;
  for (const char c : text) seed = mix64(seed ^ static_cast<std::uint64_t>(c));
  return seed;
}

class Operation : public ::testing::TestWithParam<OpCase> {
 protected:
  // Random draws differ between cases and are the same on every machine.
  Rng rng_{seed_of(GetParam().declaration + GetParam().variant)};
  Call draw(Size size) { return GetParam().draw(rng_, size); }
};

std::string case_name(const ::testing::TestParamInfo<OpCase>& info) {
  std::string name = info.param.declaration + info.param.variant;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
}

// ---- the gradient is the derivative ----

TEST_P(Operation, GradientAgreesWithFiniteDifferences) {
  for (int round = 0; round < 40; ++round) {
    const Call call = draw(Size::kSmall);
    const GradcheckResult result = gradcheck(call.function, call.inputs);
    ASSERT_TRUE(result) << result.message << "; shapes " << shapes_text(call.inputs);
  }
}

// Gradients are added to an existing gradient instead of replacing it.
TEST_P(Operation, GradientsOfSeveralUsesAddUp) {
  for (int round = 0; round < 5; ++round) {
    const Call call = draw(Size::kSmall);
    const auto thrice = [&](std::span<const Tensor> in) { return add(call.function(in), scale(call.function(in), 2)); };
    const Outcome once = evaluate(call.function, call.inputs), three = evaluate(thrice, call.inputs);
    for (std::size_t i = 0; i < call.inputs.size(); ++i)
      EXPECT_LT(distance(three.gradients[i], scale(once.gradients[i], 3)), 1e-12) << shapes_text(call.inputs);
  }
}

// A gradient that is not requested is not computed, and the other gradients do not change.
TEST_P(Operation, GradientOfOneInputAlone) {
  for (int round = 0; round < 5; ++round) {
    const Call call = draw(Size::kSmall);
    const Outcome all = evaluate(call.function, call.inputs);
    for (std::size_t i = 0; i < call.inputs.size(); ++i) {
      const Outcome one = evaluate(call.function, call.inputs, static_cast<int>(i));
      EXPECT_TRUE(same_bits(one.value, all.value));
      for (std::size_t j = 0; j < call.inputs.size(); ++j)
        EXPECT_TRUE(same_bits(one.gradients[j], i == j ? all.gradients[j] : Tensor())) << "input " << j;
    }
  }
}

TEST_P(Operation, LeavesItsInputsAlone) {
  const Call call = draw(Size::kLarge);
  std::vector<Tensor> inputs = inputs_in(call, DType::kFloat32), before;
  for (const Tensor& input : inputs) before.push_back(input.clone());
  const Outcome recorded = evaluate(call.function, inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) EXPECT_TRUE(same_bits(inputs[i], before[i])) << "input " << i;
  // Without a tape, the result is the same and requires no gradient.
  const Tensor inference = call.function(inputs);
  EXPECT_FALSE(inference.requires_grad());
  EXPECT_TRUE(same_bits(inference, recorded.value));
}

// ---- the same results in both types, on all threads and kernel sets ----

TEST_P(Operation, Float32AgreesWithFloat64) {
  for (int round = 0; round < 6; ++round) {
    const Call call = draw(round < 5 ? Size::kSmall : Size::kLarge);
    const Outcome right = evaluate(call.function, inputs_in(call, DType::kFloat64));
    const Outcome got = evaluate(call.function, inputs_in(call, DType::kFloat32));
    EXPECT_EQ(got.value.dtype(), DType::kFloat32);
    EXPECT_TRUE(near(got, right, GetParam().float_bound)) << shapes_text(call.inputs);
  }
}

TEST_P(Operation, EveryKernelSetAgreesWithTheReference) {
  const EngineScope restore;
  for (int round = 0; round < 6; ++round) {
    const Call call = draw(round < 5 ? Size::kSmall : Size::kLarge);
    const std::vector<Tensor> inputs = inputs_in(call, DType::kFloat32);
    set_isa(Isa::kReference);
    const Outcome right = evaluate(call.function, inputs);
    for (const Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
      if (!isa_available(isa)) continue;
      set_isa(isa);
      EXPECT_TRUE(near(evaluate(call.function, inputs), right, GetParam().float_bound))
          << isa_name(isa) << ", shapes " << shapes_text(inputs);
    }
  }
}

TEST_P(Operation, BitsDoNotDependOnTheNumberOfThreads) {
  const EngineScope restore;
  for (int round = 0; round < 2; ++round) {
    const Call call = draw(Size::kLarge);
    const std::vector<Tensor> inputs = inputs_in(call, DType::kFloat32);
    set_thread_count(1);
    const Outcome one = evaluate(call.function, inputs);
    Index largest = one.value.numel();
    for (const Tensor& input : inputs) largest = std::max(largest, input.numel());
    ASSERT_GE(largest, 2 * kGrain) << "too small to be split over threads: " << shapes_text(inputs);
    for (int threads = 2; threads <= 4; ++threads) {
      set_thread_count(threads);
      EXPECT_TRUE(same_bits(evaluate(call.function, inputs), one)) << threads << " threads, " << shapes_text(inputs);
    }
  }
}

// ---- edge cases ----

TEST_P(Operation, EmptyInputsGiveNoNaN) {
  for (int round = 0; round < 12; ++round) {
    const Call call = draw(Size::kEmpty);
    for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
      const Outcome outcome = evaluate(call.function, inputs_in(call, dtype));
      EXPECT_TRUE(all_finite(outcome.value)) << shapes_text(call.inputs);
      for (std::size_t i = 0; i < call.inputs.size(); ++i) {
        ASSERT_TRUE(outcome.gradients[i].defined()) << "input " << i << " of " << shapes_text(call.inputs);
        EXPECT_EQ(to_text(outcome.gradients[i].shape()), to_text(call.inputs[i].shape()));
        EXPECT_TRUE(all_finite(outcome.gradients[i])) << shapes_text(call.inputs);
      }
    }
  }
}

TEST_P(Operation, BadCallsSayWhatIsWrong) {
  for (const BadCall& bad : GetParam().bad) {
    const std::string message = error_of(bad.call);
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    for (const std::string& piece : bad.message)
      EXPECT_NE(message.find(piece), std::string::npos) << "'" << piece << "' is missing in: " << message;
  }
}

TEST_P(Operation, InputsOfTwoTypesAreRefused) {
  const Call call = draw(Size::kSmall);
  for (std::size_t i = 0; i < call.inputs.size() && call.inputs.size() > 1; ++i) {
    std::vector<Tensor> inputs = call.inputs;
    inputs[i] = inputs[i].to(DType::kFloat32);
    const std::string message = error_of([&] { call.function(inputs); });
    // The errors of attention_composite() begin with "attention: ", like those of attention().
    const std::string operation =
        GetParam().operation() == "attention_composite" ? "attention" : GetParam().operation();
    for (const std::string& piece : {operation + ": ", std::string("float32"), std::string("float64")})
      EXPECT_NE(message.find(piece), std::string::npos) << "'" << piece << "' is missing in: " << message;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Operation, ::testing::ValuesIn(op_cases()), case_name);

}  // namespace
}  // namespace headlight::tests
