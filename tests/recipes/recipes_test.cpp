// Compiles and tests the recipes in src/ops/README.md and src/nn/README.md, and compares the READMEs with these files.
#include <gtest/gtest.h>

#include "headlight/autograd/gradcheck.h"
#include "headlight/nn/gradcheck.h"
#include "os/file.h"
#include "recipes/gated_feed_forward.h"

namespace headlight::tests {
namespace {

TEST(Recipes, TheLayersGradientIsRight) {
  DTypeScope doubles(DType::kFloat64);
  Rng rng(1);
  const GatedFeedForward layer(6, 10);
  const auto run = [&](std::span<const Tensor> in) { return layer(in[0]); };
  const GradcheckResult r =
      gradcheck(layer, run, {Tensor::normal({2, 3, 6}, 0, 1, rng)});  // also checks its parameters
  EXPECT_TRUE(r) << r.message;
}

TEST(Recipes, TheLayersParametersHaveNames) {
  const GatedFeedForward layer(6, 10);
  std::string names;
  for (const NamedTensor& p : layer.parameters()) names += p.name + " ";
  EXPECT_EQ(names, "gate.weight gate.bias up.weight up.bias down.weight down.bias ");
}

TEST(Recipes, ErrorsNameTheInnerLayer) {
  const GatedFeedForward layer(6, 10);
  try {
    layer(Tensor::zeros({2, 3, 5}));
    FAIL() << "nothing was thrown";
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()).rfind("gate: linear: ", 0), 0u) << e.what();
  }
}

void expect_shown(const std::string& readme, const std::string& code) {
  EXPECT_NE(read_file(cat(HEADLIGHT_SOURCE_DIR "/", readme)).find(code), std::string::npos)
      << readme << " does not show this code of tests/recipes:\n"
      << code;
}

TEST(Recipes, EqualTheCodeInTheReadmes) {
  const std::string recipes = HEADLIGHT_SOURCE_DIR "/tests/recipes/";
  expect_shown("src/ops/README.md", read_file(recipes + "softplus.cpp"));
  expect_shown("src/nn/README.md", read_file(recipes + "gated_feed_forward.h"));
  expect_shown("src/nn/README.md", read_file(recipes + "node_classifier.h"));  // trained in tests/nn
  // The case: from its declaration to its end.
  const std::string code = read_file(recipes + "softplus_case.cpp");
  const std::size_t begin = code.find("      {.declaration"), end = code.find("  };\n  return cases;");
  ASSERT_LT(begin, end);
  expect_shown("src/ops/README.md", code.substr(begin, end - begin));
}

}  // namespace
}  // namespace headlight::tests
