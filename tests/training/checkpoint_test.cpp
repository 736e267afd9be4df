// Tests of storing tensors and loading parameters: shapes, types, prefixes and errors.
#include "headlight/training/checkpoint.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace headlight {
namespace {

NamedTensor filled(const char* name, const Shape& shape, double first, DType type = DType::kFloat32) {
  Tensor t = Tensor::zeros(shape, type);
  for (Index i = 0; i < t.numel(); ++i) {
    if (type == DType::kFloat32) t.data<float>()[i] = static_cast<float>(first + static_cast<double>(i));
    else t.data<double>()[i] = first + static_cast<double>(i);
  }
  return {name, t};
}

class Checkpoint : public testing::Test {
 protected:
  SafeTensors saved(std::span<const TensorView> views) {
    save_safetensors(path_, views);
    return SafeTensors::load(path_);
  }
  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "file";
};

TEST_F(Checkpoint, BringsBackEveryShapeAndType) {
  const std::vector<NamedTensor> out = {filled("a", {2, 3}, 1), filled("b", {5}, -2.5), filled("c", {}, 7),
                                        filled("d", {2, 2}, 0.1, DType::kFloat64), filled("e", {0, 4}, 0)};
  std::vector<TensorView> views;
  for (const NamedTensor& p : out) views.push_back(stored("m." + p.name, p.value));
  const SafeTensors file = saved(views);
  const std::vector<NamedTensor> in = {filled("a", {2, 3}, 0), filled("b", {5}, 0), filled("c", {}, 0),
                                       filled("d", {2, 2}, 0, DType::kFloat64), filled("e", {0, 4}, 0)};
  load_parameters(file, in, "m.");
  for (std::size_t i = 0; i < in.size(); ++i) {
    const Tensor &x = in[i].value, &y = out[i].value;
    for (Index k = 0; k < x.numel(); ++k) {
      if (x.dtype() == DType::kFloat32) EXPECT_EQ(x.data<float>()[k], y.data<float>()[k]) << in[i].name;
      else EXPECT_EQ(x.data<double>()[k], y.data<double>()[k]) << in[i].name;
    }
  }
}

TEST_F(Checkpoint, ConvertsFloatingTypes) {
  const NamedTensor wide = filled("w", {3}, 0.1, DType::kFloat64), narrow = filled("w", {3}, 0);
  load_parameters(saved(std::vector{stored("w", wide.value)}), std::vector{narrow});
  EXPECT_EQ(narrow.value.data<float>()[1], 1.1f);
  const NamedTensor back = filled("w", {3}, 0, DType::kFloat64);
  load_parameters(saved(std::vector{stored("w", narrow.value)}), std::vector{back});
  EXPECT_EQ(back.value.data<double>()[1], static_cast<double>(1.1f));
}

TEST_F(Checkpoint, RefusesWhatDoesNotFitAndChangesNothing) {
  const NamedTensor a = filled("a", {2, 3}, 1), b = filled("b", {4}, 1);
  const std::vector<std::int32_t> whole(4, 1);
  struct Case {
    std::vector<TensorView> views;
    const char* prefix;
    const char* message;
  };
  const Tensor turned = filled("x", {3, 2}, 9).value, four = filled("x", {4}, 9).value,
               six = filled("x", {2, 3}, 9).value;
  const std::vector<Case> cases = {
      {{stored("a", six)}, "", "\"b\""},
      {{stored("a", six), stored("b", turned)}, "", "b is [3,2], but this model needs [4]"},
      {{stored("a", six), tensor_view<std::int32_t>("b", {4}, whole)},
       "",
       "b holds I32, but this model needs a floating"},
      {{stored("a", six), stored("b", four), stored("c", four)},
       "",
       "c is not a part of this model; restore the file that belongs to config.json"},
      {{stored("p.a", six), stored("p.b", four), stored("p.c", four)},
       "p.",
       "p.c is not a part of this model; restore the file that belongs to config.json"},
      {{stored("p.a", six), stored("p.b", four), stored("p.aa", four)},
       "p.",
       "p.aa is not a part of this model; restore the file that belongs to config.json"},
      {{stored("a", six), stored("b", four)}, "p.", "p.a"},
  };
  for (const Case& c : cases) {
    const SafeTensors file = saved(c.views);
    const std::string line = error_of([&] { load_parameters(file, std::vector{a, b}, c.prefix); });
    EXPECT_TRUE(contains(line, c.message));
    EXPECT_TRUE(contains(line, path_));
    EXPECT_EQ(a.value.data<float>()[0], 1.0f) << c.message;
    EXPECT_EQ(b.value.data<float>()[0], 1.0f) << c.message;
  }
}

TEST_F(Checkpoint, TensorsOfAnotherPrefixAreIgnored) {
  const NamedTensor a = filled("a", {2}, 0);
  const Tensor value = filled("x", {2}, 5).value;
  load_parameters(saved(std::vector{stored("p.a", value), stored("q.b", value)}), std::vector{a}, "p.");
  EXPECT_EQ(a.value.data<float>()[1], 6.0f);
}

}  // namespace
}  // namespace headlight
