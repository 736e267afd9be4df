// int8 and bfloat16 weights: their error bounds, and that a decoder equals a model rounded by round_weights().
#include "models/quantize.h"

#include <gtest/gtest.h>

#include <cmath>

#include "headlight/autograd/tape.h"
#include "models/decoder.h"
#include "nn/layers.h"
#include "support/expect_error.h"

namespace headlight::tests {
namespace {

TEST(Quantize, MovesNoWeightByMoreThanHalfAStepOfItsGroup) {
  Rng rng(1);
  for (const Index columns : {1, 63, 64, 65, 200}) {
    const Tensor w = Tensor::normal({5, columns}, 0, 0.3, rng);
    const Tensor rounded = dequantize(quantize(w));
    ASSERT_EQ(to_text(rounded.shape()), to_text(w.shape()));
    for (Index r = 0; r < 5; ++r)
      for (Index begin = 0; begin < columns; begin += 64) {
        const Index end = std::min<Index>(begin + 64, columns);
        double largest = 0, error = 0;
        for (Index i = begin; i < end; ++i) {
          largest = std::max(largest, std::abs(w.at({r, i})));
          error = std::max(error, std::abs(w.at({r, i}) - rounded.at({r, i})));
        }
        EXPECT_LE(error, largest / 127 / 2 * (1 + 1e-5)) << columns << " row " << r;
        if (end - begin > 30) {
          EXPECT_GT(error, largest / 127 / 10) << "the bound is tight";
        }
      }
  }
}

TEST(Quantize, KeepsZerosAndTheLargestOfAGroup) {
  Tensor w = Tensor::zeros({2, 64});
  w.data<float>()[64 + 7] = -3.5f;
  const QuantizedMatrix q = quantize(w);
  EXPECT_EQ(q.values[64 + 7], -127);
  EXPECT_EQ(dequantize(q).to_vector(), w.to_vector());
}

TEST(Quantize, RoundingAgainChangesNothingButTheLastBit) {
  Rng rng(2);
  const Tensor once = dequantize(quantize(Tensor::normal({4, 130}, 0, 1, rng)));
  const Tensor twice = dequantize(quantize(once));
  for (Index r = 0; r < 4; ++r)
    for (Index i = 0; i < 130; ++i) EXPECT_NEAR(once.at({r, i}), twice.at({r, i}), 1e-6 * std::abs(once.at({r, i})));
}

TEST(Quantize, RefusesWhatIsNoFloatMatrix) {
  EXPECT_EQ(error_of([] { quantize(Tensor::zeros({3})); }), "quantize: got float32 [3]; pass a float32 matrix");
  EXPECT_EQ(error_of([] {
              quantize(Tensor::zeros({3, 4}, DType::kFloat64));
            }),
            "quantize: got float64 [3,4]; pass a float32 matrix");
}

// The decoder computes the same logits as the model after round_weights().
TEST(Quantize, TheDecoderReadsTheWeightsOfRoundWeights) {
  for (const auto& [format, tied] : {std::pair{WeightFormat::kInt8, false}, std::pair{WeightFormat::kInt8, true},
                                     std::pair{WeightFormat::kBf16, false}, std::pair{WeightFormat::kBf16, true}})
    for (const Index hidden : {0, 100}) {
      TransformerConfig c = tiny_config("rotary");
      c.width = 72;  // one whole group and a partial one
      c.hidden = hidden;
      c.tied = tied;
      TransformerLM model(c);
      randomize(model, 3);
      const std::vector<std::int32_t> ids = random_ids(6, 7, 4);
      const NoGrad no_recording;
      const Tensor before = model(ids, 1);
      // With tied weights, round_weights() also rounds the embedding, which the decoder reads unrounded.
      if (!tied) {
        Decoder rounded(model, format);
        std::span<const float> logits;
        for (const std::int32_t id : ids) logits = rounded.next(id);
        round_weights(model, format);
        const Tensor after = model(ids, 1);
        for (Index i = 0; i < 7; ++i)
          EXPECT_NEAR(logits[static_cast<std::size_t>(i)], after.at({0, 5, i}), 1e-4) << "hidden " << hidden;
      }
      round_weights(model, format);
      const Tensor after = model(ids, 1);
      EXPECT_GT(distance(before, after), 1e-3) << "rounding changes the logits";
      Decoder rounded(model, format);
      std::span<const float> logits;
      for (const std::int32_t id : ids) logits = rounded.next(id);
      for (Index i = 0; i < 7; ++i)
        EXPECT_NEAR(logits[static_cast<std::size_t>(i)], after.at({0, 5, i}), 1e-4) << "hidden " << hidden;
    }
}

TEST(Quantize, LeavesNormsBiasesAndPositions) {
  for (const WeightFormat format : {WeightFormat::kFloat32, WeightFormat::kBf16, WeightFormat::kInt8}) {
    TransformerLM model(tiny_config());
    randomize(model, 5);
    std::vector<Tensor> before;
    for (const NamedTensor& p : model.parameters()) before.push_back(p.value.clone());
    round_weights(model, format);
    std::size_t i = 0;
    for (const NamedTensor& p : model.parameters()) {
      const bool matrix = p.value.rank() == 2 && p.name != "position.weight";
      EXPECT_EQ(distance(p.value, before[i++]) > 0, matrix && format != WeightFormat::kFloat32) << p.name;
    }
  }
}

}  // namespace
}  // namespace headlight::tests
