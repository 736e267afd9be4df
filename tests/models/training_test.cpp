// Tests of whole training steps: bit-identical for every thread count, and without allocations after the first steps.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "cli/allocations.h"
#include "headlight/autograd/tape.h"
#include "headlight/optim/optimizer.h"
#include "headlight/optim/schedule.h"
#include "nn/layers.h"
#include "tensor/sanitized.h"

namespace headlight::tests {
namespace {

// A training step as the trainer performs it: loss, gradients, clipping, AdamW or another optimizer.
template <class Rule = AdamW>
class Steps {
 public:
  Steps(const TransformerConfig& config, Index batch)
      : model_(config),
        optimizer_(model_.parameters(), {}),
        batch_(batch),
        ids_(static_cast<std::size_t>(batch * config.context)),
        targets_(ids_.size()) {}

  double step() {
    const Index vocabulary = model_.config().vocabulary;
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      ids_[i] = static_cast<std::int32_t>(data_.below(vocabulary));
      targets_[i] = static_cast<std::int32_t>((ids_[i] + 1) % vocabulary);
    }
    double value = 0;
    {
      Tape tape;
      const Tensor loss = cross_entropy(model_(ids_, batch_), targets_);
      tape.backward(loss);
      value = loss.item();
    }
    const double norm = gradient_norm(optimizer_.parameters());
    optimizer_.step(schedule_.at(optimizer_.steps()), norm > 1 ? 1 / norm : 1);
    model_.zero_grad();
    return value;
  }
  const TransformerLM& model() const { return model_; }
  std::vector<NamedTensor> state() const { return optimizer_.state(); }

 private:
  TransformerLM model_;
  Rule optimizer_;
  Schedule schedule_{.peak = 1e-2, .lowest = 1e-3, .warmup = 2, .steps = 50};
  Rng data_{9};
  Index batch_;
  std::vector<std::int32_t> ids_, targets_;
};

TEST(Training, BitsDoNotDependOnTheNumberOfThreads) {
  const EngineScope restore;
  TransformerConfig c;  // large enough that every kind of loop is split into several chunks
  c.vocabulary = 40;
  c.context = 32;
  c.layers = 2;
  c.width = 64;
  c.dropout = 0.2;
  std::vector<double> losses;
  std::vector<NamedTensor> parameters, state;
  for (int threads = 1; threads <= 4; ++threads) {
    set_thread_count(threads);
    seed_generator(6);
    Steps<> steps(c, 9);
    std::vector<double> mine;
    for (int i = 0; i < 3; ++i) mine.push_back(steps.step());
    if (threads == 1) {
      EXPECT_NE(mine[0], mine[2]);
      losses = mine;
      for (const NamedTensor& p : steps.model().parameters()) parameters.push_back({p.name, p.value.clone()});
      state = steps.state();
      continue;
    }
    EXPECT_EQ(std::memcmp(mine.data(), losses.data(), sizeof(double) * losses.size()), 0) << threads << " threads";
    const std::vector<NamedTensor> walk = steps.model().parameters(), own = steps.state();
    for (std::size_t i = 0; i < walk.size(); ++i)
      EXPECT_TRUE(same_bits(walk[i].value, parameters[i].value)) << walk[i].name << ", " << threads << " threads";
    for (std::size_t i = 0; i < own.size(); ++i)
      EXPECT_TRUE(same_bits(own[i].value, state[i].value)) << own[i].name << ", " << threads << " threads";
  }
}

TEST(Training, ASmallModelLearns) {
  const DTypeScope floats(DType::kFloat32);
  for (const char* kind : kPositionKinds) {
    seed_generator(7);
    Steps<> steps(tiny_config(kind), 4);
    const double first = steps.step();
    double last = 0;
    for (int i = 0; i < 300; ++i) last = steps.step();
    EXPECT_LT(last, 0.7 * first) << kind;  // the next id is a function of the present one
  }
}

template <class Rule>
void expect_no_allocations(const TransformerConfig& config, const std::string& what) {
  Steps<Rule> steps(config, 8);
  steps.step();
  steps.step();
  const Index system = pool_stats().system_allocations;
  const Index bytes = cli::allocated_bytes();
  for (int k = 0; k < 3; ++k) steps.step();
  EXPECT_EQ(cli::allocated_bytes(), bytes) << "operator new was called: " << what;
  EXPECT_EQ(pool_stats().system_allocations, system) << what;
}

TEST(Training, NothingIsAllocatedAfterTheSecondStep) {
  if (kAddressSanitizer) GTEST_SKIP() << "under AddressSanitizer the pool allocates every time";
  const EngineScope restore;
  std::vector<TransformerConfig> configs;
  for (const char* kind : kPositionKinds) configs.push_back(tiny_config(kind));
  configs.push_back(tiny_config());
  configs.back().tied = configs.back().pre_norm = configs.back().bias = false;
  configs.back().norm = "rms";
  configs.push_back(tiny_config());
  configs.back().hidden = 0;
  configs.push_back(tiny_config());
  configs.back().layers = 12;  // names such as "blocks.10"
  configs.push_back({.vocabulary = 40, .context = 32, .layers = 2, .width = 64});
  for (std::size_t i = 0; i < configs.size(); ++i) {
    TransformerConfig c = configs[i];
    c.dropout = 0.1;
    for (const int threads : {1, 2}) {
      set_thread_count(threads);
      const std::string what = cat("model ", i, ", ", threads, " threads");
      expect_no_allocations<AdamW>(c, what);
      expect_no_allocations<Muon>(c, what + ", Muon");
    }
  }
}

TEST(Training, NothingIsAllocatedInRepeatedInference) {
  if (kAddressSanitizer) GTEST_SKIP() << "under AddressSanitizer the pool allocates every time";
  for (const char* kind : kPositionKinds) {
    const TransformerLM model(tiny_config(kind));
    const std::vector<std::int32_t> ids = random_ids(12, 7, 1);
    model(ids, 2);
    const Index system = pool_stats().system_allocations;
    const Index bytes = cli::allocated_bytes();
    for (int i = 0; i < 3; ++i) model(ids, 2);
    EXPECT_EQ(cli::allocated_bytes(), bytes) << kind;
    EXPECT_EQ(pool_stats().system_allocations, system) << kind;
  }
}

}  // namespace
}  // namespace headlight::tests
