// Tests of the optimizers: steps against plain loops in double, and runs resumed from saved state.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "headlight/optim/optimizer.h"
#include "headlight/optim/schedule.h"
#include "ops/compare.h"
#include "support/expect_error.h"

namespace headlight::tests {
namespace {

// Parameters of rank 1, 2 and 3 with several roles. One of them gets no gradient, and the matrix is larger than one
// thread's chunk.
std::vector<NamedTensor> parameters() {
  Rng rng(1);
  std::vector<NamedTensor> all = {{"bias", Tensor::normal({37}, 0, 1, rng)},
                                  {"unused", Tensor::normal({4, 4}, 0, 1, rng), ParamRole::kMatrix},
                                  {"weight", Tensor::normal({130, 260}, 0, 1, rng), ParamRole::kMatrix, 2},
                                  {"cube", Tensor::normal({2, 3, 5}, 0, 1, rng)}};
  for (NamedTensor& p : all) p.value.set_requires_grad(true);
  return all;
}

// Gives every parameter except "unused" a gradient: d sum(p c) / dp = c, with a new random c, some of whose elements
// are exactly 0.
std::vector<Tensor> give_gradients(std::vector<NamedTensor>& all, Rng& rng) {
  std::vector<Tensor> given(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].name == "unused") continue;
    Tensor c = Tensor::normal(all[i].value.shape(), 0, all[i].name == "weight" ? 0.01 : 1, rng);
    c.data<float>()[3] = 0;
    all[i].value.zero_grad();
    Tape tape;
    tape.backward(sum(mul(all[i].value, c)));
    given[i] = c;
  }
  return given;
}

// One parameter in double; update(i, g) changes number i by its scaled gradient.
struct Plain {
  std::vector<double> p, first, second;
  bool matrix;
};

std::vector<Plain> plain_copy(const std::vector<NamedTensor>& all) {
  std::vector<Plain> copies;
  for (const NamedTensor& one : all) {
    const std::vector<double> p = one.value.to_vector();
    copies.push_back({p, std::vector<double>(p.size(), 0), std::vector<double>(p.size(), 0), one.value.rank() > 1});
  }
  return copies;
}

void expect_close(const std::vector<NamedTensor>& got, const std::vector<Plain>& right, int step) {
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_LT(distance(got[i].value, Tensor::of(got[i].value.shape(), right[i].p, DType::kFloat64)), 1e-6)
        << got[i].name << ", step " << step;
}

TEST(AdamW, AgreesWithPlainLoops) {
  for (const double decay : {0.0, 0.3}) {
    std::vector<NamedTensor> all = parameters();
    std::vector<Plain> right = plain_copy(all);
    const double beta1 = 0.8, beta2 = 0.95, eps = 1e-3;
    AdamW optimizer(all, {.beta1 = beta1, .beta2 = beta2, .eps = eps, .weight_decay = decay});
    Rng rng(2);
    for (int step = 1; step <= 6; ++step) {
      const std::vector<Tensor> gradients = give_gradients(all, rng);
      const double rate = 0.05 / step, scale = step % 2 ? 1 : 0.25;
      optimizer.step(rate, scale);
      EXPECT_EQ(optimizer.steps(), step);
      for (std::size_t i = 0; i < gradients.size(); ++i) {
        Plain& one = right[i];
        const std::vector<double> g = gradients[i].to_vector();  // empty for the parameter without a gradient
        for (std::size_t j = 0; j < g.size(); ++j) {
          one.first[j] = beta1 * one.first[j] + (1 - beta1) * scale * g[j];
          one.second[j] = beta2 * one.second[j] + (1 - beta2) * scale * g[j] * scale * g[j];
          const double m = one.first[j] / (1 - std::pow(beta1, step)), v = one.second[j] / (1 - std::pow(beta2, step));
          if (one.matrix) one.p[j] *= 1 - rate * decay;
          one.p[j] -= rate * m / (std::sqrt(v) + eps);
        }
      }
      expect_close(all, right, step);
    }
  }
}

TEST(AdamW, DecaysMatricesAlone) {
  std::vector<NamedTensor> all = parameters();
  const std::vector<Plain> before = plain_copy(all);
  for (NamedTensor& p : all) {
    Tape tape;
    tape.backward(scale(sum(p.value), 0));  // gradients of zero, so only the decay acts
  }
  AdamW(all, {.weight_decay = 0.5}).step(0.1);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::vector<double> after = all[i].value.to_vector();
    for (std::size_t j = 0; j < after.size(); ++j)
      ASSERT_NEAR(after[j], before[i].p[j] * (i == 0 ? 1 : 0.95), 1e-6) << all[i].name;
  }
}

TEST(Sgd, AgreesWithPlainLoops) {
  for (const double decay : {0.0, 0.3}) {
    for (const double momentum : {0.0, 0.9}) {
      std::vector<NamedTensor> all = parameters();
      std::vector<Plain> right = plain_copy(all);
      Sgd optimizer(all, {.momentum = momentum, .weight_decay = decay});
      Rng rng(3);
      for (int step = 1; step <= 5; ++step) {
        const std::vector<Tensor> gradients = give_gradients(all, rng);
        const double rate = 0.1 / step, scale = step % 2 ? 1 : 0.5;
        optimizer.step(rate, scale);
        for (std::size_t i = 0; i < gradients.size(); ++i) {
          Plain& one = right[i];
          const std::vector<double> g = gradients[i].to_vector();  // empty for the parameter without a gradient
          for (std::size_t j = 0; j < g.size(); ++j) {
            one.first[j] = momentum * one.first[j] + scale * g[j] + (one.matrix ? decay * one.p[j] : 0);
            one.p[j] -= rate * one.first[j];
          }
        }
        expect_close(all, right, step);
      }
    }
  }
}

// ---- all ----

using Make = std::function<std::unique_ptr<Optimizer>(const std::vector<NamedTensor>&)>;
const std::vector<Make> kOptimizers = {
    [](const std::vector<NamedTensor>& all) { return std::make_unique<AdamW>(all, AdamW::Options{}); },
    [](const std::vector<NamedTensor>& all) {
      return std::make_unique<Sgd>(all, Sgd::Options{.momentum = 0.9, .weight_decay = 0.1});
    },
    [](const std::vector<NamedTensor>& all) {
      return std::make_unique<Muon>(all, Muon::Options{.momentum_steps = 5});
    }};

TEST(Optimizer, LeavesParametersWithoutGradientAlone) {
  for (const Make& make : kOptimizers) {
    std::vector<NamedTensor> all = parameters();
    const Tensor before = all[1].value.clone();
    const std::unique_ptr<Optimizer> optimizer = make(all);
    Rng rng(4);
    for (int step = 0; step < 3; ++step) {
      give_gradients(all, rng);
      optimizer->step(0.1);
    }
    EXPECT_TRUE(same_bits(all[1].value, before));
    for (const NamedTensor& s : optimizer->state()) {
      const std::vector<double> values = s.value.to_vector();
      const bool zero = std::all_of(values.begin(), values.end(), [](double v) { return v == 0; });
      EXPECT_EQ(zero, s.name.starts_with("unused")) << s.name;
    }
  }
}

TEST(Optimizer, StateIsNamedAndShapedAfterTheParameters) {
  const std::vector<NamedTensor> all = parameters();
  const auto text = [](const Optimizer& optimizer) {
    std::string names;
    for (const NamedTensor& s : optimizer.state()) names += cat(s.name, " ", s.value.shape(), " ");
    return names;
  };
  EXPECT_EQ(text(AdamW(all, {})),
            "bias.m [37] unused.m [4,4] weight.m [130,260] cube.m [2,3,5] "
            "bias.v [37] unused.v [4,4] weight.v [130,260] cube.v [2,3,5] ");
  EXPECT_EQ(text(Sgd(all, {})),
            "bias.momentum [37] unused.momentum [4,4] weight.momentum [130,260] cube.momentum [2,3,5] ");
  EXPECT_EQ(text(Muon(all, {})),
            "bias.m [37] cube.m [2,3,5] bias.v [37] cube.v [2,3,5] unused.momentum [4,4] weight.momentum [130,260] ");
}

// An optimizer with the same parameters, state() and steps() continues as if there had been no interruption.
TEST(Optimizer, GoesOnBitIdenticallyFromItsState) {
  for (const Make& make : kOptimizers) {
    std::vector<NamedTensor> straight = parameters(), resumed = parameters();
    const std::unique_ptr<Optimizer> one = make(straight);
    Rng rng(5);
    for (int step = 0; step < 4; ++step) {
      give_gradients(straight, rng);
      one->step(0.05);
    }
    const Rng saved = rng;
    const std::unique_ptr<Optimizer> two = make(resumed);
    for (std::size_t i = 0; i < resumed.size(); ++i) resumed[i].value.copy_from(straight[i].value);
    std::vector<NamedTensor> from = one->state(), to = two->state();
    for (std::size_t i = 0; i < to.size(); ++i) to[i].value.copy_from(from[i].value);
    two->set_steps(one->steps());
    EXPECT_EQ(two->steps(), 4);
    Rng again = saved;
    for (int step = 0; step < 3; ++step) {
      give_gradients(straight, rng);
      one->step(0.05, 0.5);
      give_gradients(resumed, again);
      two->step(0.05, 0.5);
    }
    for (std::size_t i = 0; i < resumed.size(); ++i)
      EXPECT_TRUE(same_bits(resumed[i].value, straight[i].value)) << resumed[i].name;
  }
}

// The `scale` argument has the same effect as scaled gradients; clipping and accumulation use it.
TEST(Optimizer, GradientScaleScalesGradients) {
  for (const Make& make : kOptimizers) {
    std::vector<NamedTensor> scaled = parameters(), direct = parameters();
    const std::unique_ptr<Optimizer> one = make(scaled), two = make(direct);
    Rng rng(6), same = rng;
    for (int step = 0; step < 3; ++step) {
      give_gradients(scaled, rng);
      one->step(0.1, 0.125);
      give_gradients(direct, same);
      for (const NamedTensor& p : direct) {
        if (!p.value.grad().defined()) continue;
        Tensor g = p.value.grad();
        g.copy_from(scale(g, 0.125));  // exact: a power of two
      }
      two->step(0.1);
    }
    for (std::size_t i = 0; i < scaled.size(); ++i)
      EXPECT_TRUE(same_bits(scaled[i].value, direct[i].value)) << scaled[i].name;
  }
}

TEST(Optimizer, EveryKernelSetAndThreadCount) {
  const EngineScope restore;
  for (const Make& make : kOptimizers) {
    std::vector<NamedTensor> reference;
    for (const Isa isa : {Isa::kReference, Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
      if (!isa_available(isa)) continue;
      set_isa(isa);
      std::vector<NamedTensor> first;
      for (const int threads : {1, 2, 3, 8}) {
        set_thread_count(threads);
        std::vector<NamedTensor> all = parameters();
        const std::unique_ptr<Optimizer> optimizer = make(all);
        Rng rng(7);
        for (int step = 0; step < 3; ++step) {
          give_gradients(all, rng);
          optimizer->step(0.01, 0.7);
        }
        if (reference.empty()) reference = all;
        if (first.empty()) first = all;
        for (std::size_t i = 0; i < all.size(); ++i) {
          EXPECT_TRUE(same_bits(all[i].value, first[i].value)) << isa_name(isa) << ' ' << all[i].name;
          EXPECT_LT(distance(all[i].value, reference[i].value), 1e-6) << isa_name(isa) << ' ' << all[i].name;
        }
      }
    }
  }
}

TEST(Optimizer, RefusesToHaveNoParameters) {
  for (const std::string& message : {error_of([] { AdamW({}, {}); }), error_of([] { Sgd({}, {}); })})
    EXPECT_EQ(message,
              "optimizer: there are no parameters; pass model.parameters() of a model whose layers are declared as "
              "Child<Linear> name{this, \"name\", ...}");
}

TEST(Optimizer, RefusesDoubles) {
  EXPECT_EQ(error_of([] {
              AdamW({{"a.weight", Tensor::zeros({2, 2})}, {"b.weight", Tensor::zeros({2}, DType::kFloat64)}}, {});
            }),
            "optimizer: b.weight is float64, not float32");
}

TEST(GradientNorm, IsTheLengthOfAllGradientsAsOneVector) {
  const EngineScope restore;
  std::vector<NamedTensor> all = parameters();
  EXPECT_EQ(gradient_norm(all), 0);  // no gradients yet
  Rng rng(8);
  double squares = 0;
  for (const Tensor& g : give_gradients(all, rng))  // the second parameter has none; the later ones still count
    for (const double v : g.to_vector()) squares += v * v;
  const double norm = gradient_norm(all);
  EXPECT_NEAR(norm / std::sqrt(squares), 1, 1e-7);
  for (const int threads : {1, 2, 3, 4}) {
    set_thread_count(threads);
    EXPECT_EQ(gradient_norm(all), norm) << threads << " threads";
  }
  // In double: the square of 1e30 is beyond float32.
  std::vector<NamedTensor> huge = {{"x", Tensor::zeros({2})}};
  huge[0].value.set_requires_grad(true);
  Tape tape;
  tape.backward(sum(mul(huge[0].value, Tensor::of({2}, {3e30, 4e30}))));
  EXPECT_NEAR(gradient_norm(huge) / 5e30, 1, 1e-6);
}

TEST(Optimizers, RefuseInvalidOptions) {
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  const auto one = [] { return std::vector<NamedTensor>{{"p", Tensor::zeros({2, 2}, DType::kFloat32)}}; };
  const auto adamw = [&](const AdamW::Options& o) { return error_of([&] { AdamW(one(), o); }); };
  const auto sgd = [&](const Sgd::Options& o) { return error_of([&] { Sgd(one(), o); }); };
  for (const double bad : {-0.1, 1.0, nan, inf}) {
    EXPECT_TRUE(contains(adamw({.beta1 = bad}), "adamw: beta1 ")) << bad;
    EXPECT_TRUE(contains(adamw({.beta2 = bad}), "adamw: beta2 ")) << bad;
    EXPECT_TRUE(contains(sgd({.momentum = bad}), "sgd: momentum ")) << bad;
  }
  for (const double bad : {-1e-9, nan, inf}) {
    EXPECT_TRUE(contains(adamw({.weight_decay = bad}), "adamw: weight decay ")) << bad;
    EXPECT_TRUE(contains(sgd({.weight_decay = bad}), "sgd: weight decay ")) << bad;
    EXPECT_TRUE(contains(adamw({.eps = bad}), "adamw: eps ")) << bad;
    Sgd optimizer(one(), {});
    EXPECT_TRUE(contains(error_of([&] { optimizer.step(bad); }), "optimizer: learning rate ")) << bad;
    EXPECT_EQ(optimizer.steps(), 0) << "a refused step does not count";
  }
  EXPECT_TRUE(contains(adamw({.eps = 0}), "adamw: eps 0 must be above 0"));
  Sgd optimizer(one(), {});
  EXPECT_TRUE(contains(error_of([&] { optimizer.step(0.1, nan); }), "gradient scale nan"));
  EXPECT_NO_THROW(optimizer.step(0));
}

TEST(Schedules, RefuseInvalidSchedules) {
  const double nan = std::nan("");
  for (const Schedule& bad :
       {Schedule{.peak = nan}, Schedule{.peak = -1}, Schedule{.lowest = nan}, Schedule{.lowest = -1},
        Schedule{.lowest = 1}, Schedule{.warmup = -1}, Schedule{.steps = 0}, Schedule{.decay = static_cast<Decay>(9)}})
    EXPECT_TRUE(contains(error_of([&] { bad.at(3); }), "schedule: "));
  EXPECT_TRUE(contains(error_of([] { Schedule{}.at(-1); }), "schedule: step -1"));
}

// linear() saved the weight, so the gradient must not use the weight after the step.
TEST(Optimizer, AStepBetweenForwardAndBackwardIsAnError) {
  Tensor x = Tensor::full({1, 2}, 1), w = Tensor::full({1, 2}, 1);
  for (Tensor* t : {&x, &w}) t->set_requires_grad(true);
  const std::vector<NamedTensor> trained = {{"weight", w, ParamRole::kMatrix}};
  AdamW adamw(trained, {});
  Sgd sgd(trained, {});
  Muon muon(trained, {});
  for (Optimizer* optimizer : std::initializer_list<Optimizer*>{&adamw, &sgd, &muon}) {
    const auto pass = [&](bool step_before) {
      Tape tape;
      const Tensor y = sum(linear(x, w));
      if (step_before) optimizer->step(0.1);
      tape.backward(y);
    };
    w.zero_grad();
    pass(false);
    optimizer->step(0.1);
    pass(false);  // a step between two passes is the normal case
    const std::string message = error_of([&] { pass(true); });
    EXPECT_NE(message.find("linear: input 1 was changed in place"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace headlight::tests
