// Tests of RematScope and of gradients that overwrite their inputs: the same bits in less memory.
#include <gtest/gtest.h>

#include <optional>

#include "headlight/autograd/operation.h"
#include "headlight/base/threads.h"
#include "headlight/models/transformer.h"
#include "headlight/ops/ops.h"
#include "nn/layers.h"
#include "tensor/sanitized.h"
#include "training/head_dropout.h"

namespace headlight::tests {
namespace {

struct Step {
  std::vector<std::vector<double>> gradients;
  Index peak = 0;  // bytes of tensors above those of the model
};

Step step_of(const TransformerConfig& config, Index batch, bool remat, double head_dropout = 0) {
  seed_generator(5);
  const TransformerLM model(config);
  std::optional<HeadDropout> hook;
  if (head_dropout > 0) hook.emplace(head_dropout);
  std::vector<std::int32_t> ids, targets;
  Rng rng(2);
  for (Index i = 0; i < batch * config.context; ++i) {
    ids.push_back(static_cast<std::int32_t>(rng.below(config.vocabulary)));
    targets.push_back(static_cast<std::int32_t>(rng.below(config.vocabulary)));
  }
  const Index before = pool_stats().bytes_in_use;
  pool_reset_peak();
  {
    const RematScope scope(remat);
    Tape tape;
    tape.backward(cross_entropy(model(ids, batch), targets));
  }
  Step step{{}, pool_stats().bytes_peak - before};
  for (const NamedTensor& p : model.parameters()) step.gradients.push_back(p.value.grad().to_vector());
  return step;
}

TEST(Remat, AttentionOutputsAreNotStored) {
  const EngineScope restore;
  const DTypeScope floats(DType::kFloat32);
  TransformerConfig c{.vocabulary = 20, .context = 64, .layers = 4, .heads = 4, .width = 64, .hidden = 0};
  c.dropout = 0.1;
  constexpr Index kBatch = 16;
  for (const char* attention : {"full", "window:20", "linear"})
    for (const char* position : {"learned", "rotary"})
      for (const Index key_heads : {0, 2})
        for (const double head_dropout : {0.0, 0.2}) {
          const std::string what = cat(attention, " ", position, " ", key_heads, " ", head_dropout);
          c.attention = attention;
          c.position = position;
          c.kv_heads = key_heads;
          const Step stored = step_of(c, kBatch, false, head_dropout), again = step_of(c, kBatch, true, head_dropout);
          EXPECT_EQ(stored.gradients, again.gradients) << what;
          if (kAddressSanitizer) continue;
          // RematScope saves the norm's result and z in each layer. The limit allows two tensors more, because the last
          // layer's z is needed at the peak.
          const Index one = kBatch * c.context * c.width * 4;
          EXPECT_LT(again.peak, stored.peak - (2 * c.layers - 2) * one) << what;
        }
}

// Blocks of rows, rows that fill no block, biases, residuals, and products that threads divide.
TEST(Remat, TheFeedForwardPartComputesTheSameBitsInBlocks) {
  const EngineScope restore;
  const DTypeScope floats(DType::kFloat32);
  for (const char* activation : {"gelu", "gelu-erf", "silu", "relu"})
    for (const Precision precision : {Precision::kFloat32, Precision::kBf16})
      for (const Index rows : {3, 384, 385, 900, 2000})
        for (const double dropout : {0.0, 0.3}) {
          std::vector<std::vector<double>> first;
          for (const bool blocks : {false, true})
            for (const int threads : {1, 2}) {
              set_thread_count(threads);
              seed_generator(9);
              const PrecisionScope products(precision);
              const Mlp mlp({.width = 24, .hidden = 72, .activation = activation, .dropout = dropout});
              Rng rng(4);
              Tensor x = Tensor::normal({1, rows, 24}, 0, 1, rng), dy = Tensor::normal(x.shape(), 0, 1, rng);
              x.set_requires_grad(true);
              const RematScope remat(blocks);
              Tape tape;
              const Tensor y = mlp(x, x);
              tape.backward(y, dy);
              std::vector<std::vector<double>> all = {y.to_vector(), x.grad().to_vector()};
              for (const NamedTensor& p : mlp.parameters()) all.push_back(p.value.grad().to_vector());
              if (first.empty()) first = all;
              EXPECT_EQ(all, first) << activation << " " << rows << " rows, " << threads << " threads";
            }
        }
}

// z is recomputed once, by the first reader.
TEST(Remat, ReadersShareOneResult) {
  const DTypeScope floats(DType::kFloat32);
  Rng rng(6);
  Tensor qkv = Tensor::normal({2, 9, 24}, 0, 1, rng);
  qkv.set_requires_grad(true);
  const RematScope remat;
  Tape tape;
  const Tensor z = attention_packed(scale(qkv, 2), 2);
  const Saved one(z), two(z);
  const Tensor first = one.get();
  EXPECT_FALSE(first.same_storage(z));
  EXPECT_TRUE(first.same_storage(two.get()));
  EXPECT_EQ(first.to_vector(), z.to_vector());
  tape.backward(sum(z));
  EXPECT_FALSE(is_recomputed(z)) << "the gradient may have overwritten q, k and v";
  EXPECT_EQ(one.get().to_vector(), z.to_vector()) << "overwrote q, k and v although a reader is left";
}

// Gradients of q, k and v overwrite them only if no other tensor reads them.
TEST(Remat, GradientsOverwriteOnlyUnsharedInputs) {
  const EngineScope restore;
  const DTypeScope floats(DType::kFloat32);
  for (const Index size : {16, 5})
    for (const Index window : {0, 30})
      for (const bool packed : {true, false}) {
        std::vector<double> first;
        for (const bool shared : {true, false})
          for (const bool remat : {false, true}) {
            Rng rng(7);
            const Index length = 200, heads = 4, key_heads = 2;
            Tensor x = Tensor::normal(packed ? Shape{2, length, (heads + 2 * key_heads) * size}
                                             : Shape{2, heads + 2 * key_heads, length, size},
                                      0, 1, rng);
            x.set_requires_grad(true);
            AttentionOptions o;
            o.causal = true;
            o.window = window;
            const RematScope scope(remat);
            Tape tape;
            Tensor q, k, v, z;
            if (packed) {
              q = scale(x, 2);
              z = attention_packed(q, heads, o, key_heads);
            } else {
              q = slice(x, 1, 0, heads);
              k = slice(x, 1, heads, heads + key_heads);
              v = slice(x, 1, heads + key_heads, heads + 2 * key_heads);
              z = attention(q, k, v, o);
            }
            const Tensor dz = Tensor::normal(z.shape(), 0, 1, rng), before = q.clone();
            if (!shared) q = k = v = Tensor();
            tape.backward(z, dz);
            if (shared) {
              EXPECT_EQ(q.to_vector(), before.to_vector()) << "overwrote a tensor in use";
            }
            if (first.empty()) first = x.grad().to_vector();
            EXPECT_EQ(x.grad().to_vector(), first) << size << " " << window << " " << shared << remat;
          }
      }
}

}  // namespace
}  // namespace headlight::tests
