// Tests of in-place writes between an operation and its backward pass: backward() throws, or the gradient is the same
// as without the write.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "headlight/autograd/saved.h"
#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "ops/compare.h"

namespace headlight::tests {
namespace {

// Changes one tensor between a call and its backward pass, and returns the gradients; empty if the backward pass
// reported the change. `written` is the index of the changed input, or the number of inputs for the result.
std::vector<Tensor> gradients_after_write(const Call& call, std::size_t written, int only) {
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < call.inputs.size(); ++i) {
    inputs.push_back(call.inputs[i].clone());
    inputs[i].set_requires_grad(only < 0 || only == static_cast<int>(i));
  }
  Tape tape;
  Tensor y = call.function(inputs);
  Rng rng(7);  // the same seed as in evaluate()
  const Tensor dy = Tensor::uniform(y.shape(), -1, 1, rng, DType::kFloat32).to(y.dtype());
  Tensor& target = written < inputs.size() ? inputs[written] : y;
  double* x = target.data<double>();
  for (Index i = 0; i < target.numel(); ++i) x[i] = 0.3 - 1.7 * x[i];
  try {
    tape.backward(y, dy);
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("changed in place"), std::string::npos) << error.what();
    return {};
  }
  std::vector<Tensor> gradients;
  for (const Tensor& input : inputs) gradients.push_back(input.grad());
  return gradients;
}

class InPlace : public ::testing::TestWithParam<OpCase> {
 protected:
  ~InPlace() override { set_recompute_bytes(before_); }

 private:
  std::size_t before_ = recompute_bytes();
};

std::string case_name(const ::testing::TestParamInfo<OpCase>& info) {
  std::string name = info.param.declaration + info.param.variant;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
}

TEST_P(InPlace, AnErrorOrTheSameGradient) {
  Rng rng(11);
  for (const std::size_t threshold : {recompute_bytes(), std::size_t{0}}) {
    set_recompute_bytes(threshold);
    for (int round = 0; round < 10; ++round) {
      const Call call = GetParam().draw(rng, Size::kSmall);
      for (int only = -1; only < static_cast<int>(call.inputs.size()); ++only) {
        const Outcome right = evaluate(call.function, call.inputs, only);
        for (std::size_t written = 0; written <= call.inputs.size(); ++written) {
          const std::vector<Tensor> got = gradients_after_write(call, written, only);
          for (std::size_t i = 0; i < got.size(); ++i)
            EXPECT_TRUE(same_bits(got[i], right.gradients[i]))
                << "gradient of input " << i << " after a write into " << written << " of " << shapes_text(call.inputs);
        }
      }
    }
  }
}

// The inputs that the derivative needs. The key is a declaration, or an operation's name if all its declarations need
// the same inputs. All other inputs may change.
const std::map<std::string, std::set<std::size_t>> kNeeded = {{"mul", {0, 1}},
                                                              {"pow", {0, 1}},
                                                              {"maximum", {0, 1}},
                                                              {"minimum", {0, 1}},
                                                              {"abs", {0}},
                                                              {"sin", {0}},
                                                              {"cos", {0}},
                                                              {"clamp", {0}},
                                                              {"logsumexp", {0}},
                                                              {"conv1d", {0, 1}},
                                                              {"binary_cross_entropy", {0}},
                                                              {"binary_cross_entropy_with_logits", {0}},
                                                              {"div", {1}},
                                                              {"div(value,x)", {0}},
                                                              {"log", {0}},
                                                              {"matmul", {0, 1}},
                                                              {"linear", {0, 1}},
                                                              {"layer_norm", {0, 1}},
                                                              {"rms_norm", {0, 1}},
                                                              {"cross_entropy", {0}},
                                                              {"graph_attention", {0, 1, 2}},
                                                              {"attention", {0, 1, 2, 3}},
                                                              {"softplus", {0}},
                                                              {"attention_packed", {0, 1}},
                                                              {"attention_composite", {0, 1, 2}},
                                                              {"linear_attention", {0, 1, 2}},
                                                              // Input 2 is the bias, or a state if there is no bias.
                                                              {"rnn", {1, 2, 3}},
                                                              {"gru", {1, 2, 3}},
                                                              {"lstm", {1, 2, 3, 4}}};

TEST_P(InPlace, InputsThatNoDerivativeNeedsMayChange) {
  auto found = kNeeded.find(GetParam().declaration);
  if (found == kNeeded.end()) found = kNeeded.find(GetParam().operation());
  const std::set<std::size_t> needed = found == kNeeded.end() ? std::set<std::size_t>{} : found->second;
  Rng rng(12);
  for (int round = 0; round < 10; ++round) {
    const Call call = GetParam().draw(rng, Size::kSmall);
    for (std::size_t written = 0; written < call.inputs.size(); ++written) {
      if (needed.count(written)) continue;
      EXPECT_FALSE(gradients_after_write(call, written, -1).empty())
          << "an error after a write into input " << written << " of " << shapes_text(call.inputs);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, InPlace, ::testing::ValuesIn(op_cases()), case_name);

}  // namespace
}  // namespace headlight::tests
