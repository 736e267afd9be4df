// The README's recipes: their code is compiled here, works, and stands in the README as it is here.
#include <gtest/gtest.h>

#include "headlight/base/file.h"
#include "headlight/nn/gradcheck.h"
#include "recipes/gated_feed_forward.h"

namespace headlight::tests {
namespace {

TEST(Recipes, TheLayersGradientIsRight) {
  DTypeScope doubles(DType::kFloat64);
  Rng rng(1);
  const GatedFeedForward layer(6, 10);
  const auto run = [&](std::span<const Tensor> in) { return layer(in[0]); };
  const GradcheckResult r = gradcheck(layer, run, {Tensor::normal({2, 3, 6}, 0, 1, rng)});  // its parameters too
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

TEST(Recipes, StandInTheReadmeAsTheyAreHere) {
  const std::string readme = read_file(HEADLIGHT_SOURCE_DIR "/README.md");
  for (const char* file : {"softplus.cpp", "gated_feed_forward.h"})
    EXPECT_NE(readme.find(read_file(cat(HEADLIGHT_SOURCE_DIR "/tests/recipes/", file))), std::string::npos)
        << "README.md does not show tests/recipes/" << file << " as it is";
  // The case: from its declaration to its end.
  const std::string code = read_file(HEADLIGHT_SOURCE_DIR "/tests/recipes/softplus_case.cpp");
  const std::size_t begin = code.find("      {.declaration"), end = code.find("  };\n  return cases;");
  ASSERT_LT(begin, end);
  EXPECT_NE(readme.find(code.substr(begin, end - begin)), std::string::npos)
      << "README.md does not show the case in tests/recipes/softplus_case.cpp as it is";
}

}  // namespace
}  // namespace headlight::tests
