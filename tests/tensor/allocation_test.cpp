// Tests that a training step allocates nothing after the second step, neither from the pool nor with operator new.
#include <gtest/gtest.h>

#include <cmath>
#include <new>
#include <vector>

#include "cli/allocations.h"
#include "headlight/autograd/tape.h"
#include "headlight/base/threads.h"
#include "headlight/ops/ops.h"
#include "tensor/sanitized.h"

namespace headlight {
namespace {

using cli::allocated_bytes;

constexpr Index kBatch = 3, kTime = 24, kWidth = 32, kHeads = 4, kVocabulary = 20;

// A small network with one of each layer that a transformer or a recurrent model trains.
struct Network {
  Rng rng{1};
  std::vector<Tensor> all;

  Tensor parameter(const Shape& shape, double mean = 0) {
    Tensor p = Tensor::normal(shape, mean, 0.1, rng);
    p.set_requires_grad(true);
    all.push_back(p);
    return p;
  }
  Tensor table = parameter({kVocabulary, kWidth}), position = parameter({kTime, kWidth});
  Tensor gain = parameter({kWidth}, 1), shift = parameter({kWidth}), gain2 = parameter({kWidth}, 1);
  Tensor qkv = parameter({3 * kWidth, kWidth}), qkv_bias = parameter({3 * kWidth});
  Tensor up = parameter({4 * kWidth, kWidth}), up_bias = parameter({4 * kWidth}),
         down = parameter({kWidth, 4 * kWidth});
  Tensor slope = parameter({kHeads, 1, 1});
  Tensor recurrent = parameter({4 * kWidth, kWidth});
  Tensor filter = parameter({4 * kWidth, 3 * kWidth}), class_weights = Tensor::ones({kVocabulary});

  // Each head's part [B,H,T,D] of the packed projection.
  static Tensor heads(const Tensor& packed, Index which) {
    const Tensor part = slice(packed, -1, which * kWidth, (which + 1) * kWidth);
    return permute(reshape(part, {kBatch, kTime, kHeads, -1}), {0, 2, 1, 3});
  }
  Tensor loss(std::span<const std::int32_t> ids, std::span<const std::int32_t> targets) const {
    Tensor x = add(embedding(table, ids, {kBatch, kTime}), position);  // [B,T,C]
    const Tensor packed = linear(layer_norm(x, gain, shift), qkv, qkv_bias);
    AttentionOptions options;
    options.causal = true;
    options.bias = slope;
    const Tensor z = attention(rotate(heads(packed, 0)), rotate(heads(packed, 1)), heads(packed, 2), options);
    x = add(x, dropout(reshape(transpose(z, 1, 2), {kBatch, kTime, kWidth}), 0.1));
    const Tensor hidden = linear(rms_norm(x, gain2), up, up_bias);
    x = add(
        x, linear(concat({slice(gelu(hidden), -1, 0, 2 * kWidth), silu(slice(hidden, -1, 2 * kWidth, 4 * kWidth))}, -1),
                  down));
    Tensor cell;
    const Tensor h = lstm(linear(x, up, up_bias), recurrent, up_bias, {}, {}, &cell);
    const Tensor state = gru(linear(h, qkv), qkv, qkv_bias, cell);
    x = add(x, add(state, rnn(x, slice(qkv, 0, 0, kWidth))));
    const Tensor gate = gated_tanh(conv1d(x, filter, up_bias, {.dilation = 2}));  // [B,T,2C]
    const PoolVector<Tensor> halves = split(gate, -1, kWidth);
    x = add(x, maximum(clamp(halves[0], -0.5, 0.5), minimum(abs(halves[1]), pow(halves[1], 2))));
    x = add(x, scale(pad(slice(sum(stack({sin(cumsum(x, 1)), x}, 0), {0}), 1, 1, kTime), 1, 1, 0), 0.01));
    const Tensor logits = linear(x, table);  // [B,T,V], the table tied
    const Tensor size = mean(mul(logits, logits));
    const Tensor smooth = cross_entropy(logits, targets, {.weights = class_weights, .label_smoothing = 0.1});
    return add(add(cross_entropy(logits, targets), scale(mul(smooth, mean(logsumexp(logits, -1))), 1e-2)),
               scale(sqrt(add(size, Tensor::scalar(1))), 1e-3));
  }
};

TEST(Allocation, NoneAfterTheSecondTrainingStep) {
  const int threads = thread_count();
  for (const int used : {1, 2}) {
    set_thread_count(used);
    Network network;
    std::vector<std::int32_t> ids(kBatch * kTime), targets(kBatch * kTime);
    double first = 0, last = 0;
    Index system = 0;
    Index bytes = 0;
    for (int step = 1; step <= 6; ++step) {
      for (std::size_t i = 0; i < ids.size(); ++i) {
        ids[i] = static_cast<std::int32_t>(network.rng.below(kVocabulary));
        targets[i] = static_cast<std::int32_t>((ids[i] + 1) % kVocabulary);
      }
      if (step == 3) {
        system = pool_stats().system_allocations;
        bytes = allocated_bytes();
      }
      {
        Tape tape;
        const Tensor loss = network.loss(ids, targets);
        tape.backward(loss);
        last = loss.item();
      }
      if (step == 1) first = last;
      for (Tensor& p : network.all) {
        ASSERT_TRUE(p.grad().defined());
        const float* g = p.grad().data<float>();
        float* w = p.data<float>();
        for (Index i = 0; i < p.numel(); ++i) w[i] -= 0.5f * g[i];
        p.zero_grad();
      }
    }
    const Index after = allocated_bytes();
    EXPECT_LT(last, 0.9 * first);  // the network learns
    if (tests::kAddressSanitizer) continue;
    EXPECT_EQ(pool_stats().system_allocations, system) << used << " threads";
    EXPECT_EQ(after, bytes) << "operator new was called, " << used << " threads";
  }
  set_thread_count(threads);
  if (tests::kAddressSanitizer) GTEST_SKIP() << "under AddressSanitizer the pool allocates every time";
}

// Evaluation without a tape allocates nothing either.
TEST(Allocation, NoneInRepeatedInference) {
  if (tests::kAddressSanitizer) GTEST_SKIP() << "under AddressSanitizer the pool allocates every time";
  const Network network;
  const std::vector<std::int32_t> ids(kBatch * kTime, 3);
  static_cast<void>(network.loss(ids, ids));
  const Index system = pool_stats().system_allocations;
  const Index bytes = allocated_bytes();
  for (int i = 0; i < 3; ++i) static_cast<void>(network.loss(ids, ids).item());
  EXPECT_EQ(allocated_bytes(), bytes);
  EXPECT_EQ(pool_stats().system_allocations, system);
}

// The test's own counter works.
TEST(Allocation, OperatorNewIsSeen) {
  if (tests::kAddressSanitizer) GTEST_SKIP() << "AddressSanitizer has an operator new of its own";
  const Index before = allocated_bytes();
  // Call operator new by name: compilers such as clang may remove the allocation of a new expression or an unused
  // vector.
  void* block = ::operator new(10);
  EXPECT_EQ(allocated_bytes(), before + 10);
  ::operator delete(block);
}

}  // namespace
}  // namespace headlight
