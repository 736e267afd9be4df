// Tests of the family conv: its receptive field, and its single-token reader beyond the context.
#include <gtest/gtest.h>

#include <map>

#include "headlight/autograd/tape.h"
#include "headlight/models/registry.h"
#include "headlight/nn/module.h"
#include "nn/layers.h"
#include "support/expect_error.h"

namespace headlight::tests {
namespace {

constexpr Index kVocabulary = 7;

std::unique_ptr<LanguageModel> make(Index layers, Index kernel, Index context) {
  const ModelOptions options(
      {{"layers", cat(layers)}, {"kernel", cat(kernel)}, {"context", cat(context)}, {"width", "8"}, {"dropout", "0"}});
  std::unique_ptr<LanguageModel> model = find_model("conv")->make(options, kVocabulary);
  randomize(*model, 5);
  return model;
}

// The number of tokens that a prediction depends on, measured with the reader, which has no length limit.
Index field(Index layers, Index kernel, Index context) {
  const auto model = make(layers, kernel, context);
  const NoGrad no_recording;
  const auto ids = random_ids(60, kVocabulary, 1);
  const auto read = [&](std::int32_t first) {
    const auto reader = model->reader(WeightFormat::kFloat32);
    std::vector<std::vector<float>> all;
    for (std::size_t t = 0; t < ids.size(); ++t) {
      const auto logits = reader->next(t == 0 ? first : ids[t]);
      all.emplace_back(logits.begin(), logits.end());
    }
    return all;
  };
  const auto a = read(1), b = read(2);
  Index last = 0;
  for (std::size_t t = 0; t < ids.size(); ++t)
    if (a[t] != b[t]) last = static_cast<Index>(t) + 1;
  return last;
}

TEST(Conv, DilationsDoubleAndRestartBeforeTheContextIsExceeded) {
  EXPECT_EQ(field(1, 2, 32), 2);
  EXPECT_EQ(field(3, 2, 32), 8);   // 1, 2, 4
  EXPECT_EQ(field(2, 3, 32), 7);   // 1, 2
  EXPECT_EQ(field(3, 2, 8), 8);    // 1, 2, 4 sees exactly the context
  EXPECT_EQ(field(3, 2, 7), 5);    // 1, 2, 1
  EXPECT_EQ(field(5, 2, 4), 8);    // 1, 2, 1, 2, 1
  EXPECT_EQ(field(3, 4, 4), 10);   // 1, 1, 1
  EXPECT_EQ(field(5, 2, 16), 17);  // 1, 2, 4, 8, 1
}

// Over three times the context, the reader equals a model with a longer context and the same dilations.
TEST(Conv, ReaderGoesOnBeyondTheContext) {
  const auto model = make(2, 3, 8), longer = make(2, 3, 24);
  const NoGrad no_recording;
  const auto ids = random_ids(24, kVocabulary, 2);
  const Tensor want = (*longer)(ids, 1);
  for (const std::size_t prompt : {std::size_t{1}, std::size_t{5}, std::size_t{8}}) {
    const auto reader = model->reader(WeightFormat::kFloat32);
    reader->next(3);  // start() discards this token
    std::span<const float> logits = reader->start(std::span(ids).first(prompt));
    for (std::size_t t = prompt;; ++t) {
      EXPECT_EQ(reader->length(), static_cast<Index>(t));
      for (Index i = 0; i < kVocabulary; ++i)
        EXPECT_NEAR(logits[static_cast<std::size_t>(i)], want.at({0, static_cast<Index>(t) - 1, i}), 2e-5) << t;
      if (t == ids.size()) break;
      logits = reader->next(ids[t]);
    }
  }
}

TEST(Conv, RefusesWhatIsImpossible) {
  EXPECT_EQ(error_of([] { make(2, 5, 4); }),
            "model: kernel 5 exceeds the context of 4; use a smaller --kernel or a larger --context");
  const auto model = make(2, 2, 4);
  EXPECT_FALSE(model->reader(WeightFormat::kInt8));
  const auto reader = model->reader(WeightFormat::kFloat32);
  EXPECT_TRUE(contains(error_of([&] { reader->start({}); }), "conv reader: no tokens"));
  EXPECT_TRUE(contains(error_of([&] { reader->start(random_ids(5, kVocabulary, 1)); }), "exceed the context of 4"));
}

// The matrices inside the layers are those that Muon updates; a convolution's matrix is two stacked matrices.
TEST(Conv, DeclaresItsMatrices) {
  const auto model = make(2, 3, 8);
  Index matrices = 0;
  for (const NamedTensor& p : model->parameters()) {
    if (p.role != ParamRole::kMatrix) continue;
    matrices += p.value.numel();
    EXPECT_EQ(p.stacked, p.name.find("conv") != std::string::npos ? 2 : 1) << p.name;
  }
  EXPECT_EQ(matrices, 2 * (2 * 3 + 1) * 8 * 8);
}

}  // namespace
}  // namespace headlight::tests
