// Tests of Muon: the orthogonalized update, stacked and empty matrices, roles, and options.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "headlight/autograd/tape.h"
#include "headlight/models/transformer.h"
#include "headlight/ops/ops.h"
#include "headlight/optim/optimizer.h"
#include "ops/compare.h"
#include "support/expect_error.h"

namespace headlight::tests {
namespace {

using Columns = std::vector<std::vector<double>>;  // equally long

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// `count` orthonormal columns of length n, by Gram-Schmidt on random columns.
Columns orthonormal(Index n, Index count, Rng& rng) {
  Columns all;
  while (static_cast<Index>(all.size()) < count) {
    std::vector<double> c(static_cast<std::size_t>(n));
    for (double& v : c) v = rng.normal();
    for (int twice = 0; twice < 2; ++twice)
      for (const auto& other : all) {
        const double part = dot(c, other);
        for (std::size_t i = 0; i < c.size(); ++i) c[i] -= part * other[i];
      }
    const double length = std::sqrt(dot(c, c));
    for (double& v : c) v /= length;
    all.push_back(c);
  }
  return all;
}

void give_gradient(const Tensor& p, const Tensor& gradient) {
  Tensor value = p;
  value.zero_grad();
  Tape tape;
  tape.backward(sum(mul(value, gradient)));
}

NamedTensor matrix(const Tensor& value, Index stacked = 1) {
  Tensor leaf = value.clone();
  leaf.set_requires_grad(true);
  return {"weight", leaf, ParamRole::kMatrix, stacked};
}

double polynomial(double x, const std::vector<double>& coefficients) {
  double sum = 0, power = x / 1.02;  // 1.02: the safety factor
  for (const double c : coefficients) {
    sum += c * power;
    power *= (x / 1.02) * (x / 1.02);
  }
  return sum;
}

// Muon's two polynomial steps, applied to one singular value.
double mapped(double x) {
  x = polynomial(x, {8.25301546, -23.4985199, 17.2289986});
  return polynomial(x, {6.92518588, -16.0515541, 13.2872128, -4.29592447, 0.472143679});
}

// A gradient A diag(s) B^T with known singular vectors. The update must be A diag(mapped(s)) B^T. A mapped
// value must differ from 1 by at most 0.9 if s / |s| lies in [0.002 * 1.02, 1].
TEST(Muon, OrthogonalizesTheUpdate) {
  Rng rng(1);
  const Index shapes[][2] = {{40, 40}, {96, 96}, {130, 50}, {50, 130}, {7, 1}, {1, 7}, {1, 1}, {30, 31}};
  for (const auto& [rows, cols] : shapes) {
    const Index n = std::min(rows, cols);
    const Columns a = orthonormal(rows, n, rng), b = orthonormal(cols, n, rng);
    std::vector<double> s;
    for (Index i = 0; i < n; ++i)
      s.push_back(n == 1 ? 1 : std::pow(3e-3, static_cast<double>(i) / static_cast<double>(n - 1)));
    std::vector<double> squares;
    for (const double v : s) squares.push_back(v * v);
    const double norm = std::pow(dot(squares, squares), 0.25);
    std::vector<double> gradient(static_cast<std::size_t>(rows * cols), 0);
    for (Index k = 0; k < n; ++k)
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < cols; ++j) {
          const auto at = [](const Columns& c, Index column, Index row) {
            return c[static_cast<std::size_t>(column)][static_cast<std::size_t>(row)];
          };
          gradient[static_cast<std::size_t>(i * cols + j)] +=
              at(a, k, i) * s[static_cast<std::size_t>(k)] * at(b, k, j);
        }
    const NamedTensor w = matrix(Tensor::zeros({rows, cols}));
    Muon optimizer({w}, {.matrix_rate = 2, .weight_decay = 0});
    give_gradient(w.value, Tensor::of({rows, cols}, gradient));
    optimizer.step(0.5);
    const double scale = std::sqrt(std::max(1.0, static_cast<double>(rows) / static_cast<double>(cols)));
    const std::vector<double> update = w.value.to_vector();
    for (Index k = 0; k < n; ++k)
      for (Index l = 0; l < n; ++l) {
        double middle = 0;  // element (k, l) of A^T O B
        for (Index i = 0; i < rows; ++i)
          for (Index j = 0; j < cols; ++j)
            middle -= a[static_cast<std::size_t>(k)][static_cast<std::size_t>(i)] *
                      update[static_cast<std::size_t>(i * cols + j)] *
                      b[static_cast<std::size_t>(l)][static_cast<std::size_t>(j)] / scale;
        const double right = k == l ? mapped(s[static_cast<std::size_t>(k)] / norm) : 0;
        ASSERT_NEAR(middle, right, 2e-3) << rows << " x " << cols << ", singular values " << k << ", " << l;
        if (k == l && s[static_cast<std::size_t>(k)] / norm >= 2.04e-3) {
          EXPECT_NEAR(middle, 1, 0.9);
        }
      }
  }
}

TEST(Muon, StackedMatricesAreSeparate) {
  Rng rng(2);
  const Tensor start = Tensor::normal({12, 6}, 0, 1, rng), gradient = Tensor::normal({12, 6}, 0, 1, rng);
  const NamedTensor together = matrix(start, 3);
  Muon stacked({together}, {});
  give_gradient(together.value, gradient);
  stacked.step(0.01);
  for (Index part = 0; part < 3; ++part) {
    const NamedTensor alone = matrix(slice(start, 0, 4 * part, 4 * part + 4));
    Muon single({alone}, {});
    give_gradient(alone.value, slice(gradient, 0, 4 * part, 4 * part + 4));
    single.step(0.01);
    EXPECT_TRUE(same_bits(alone.value, slice(together.value, 0, 4 * part, 4 * part + 4).clone())) << part;
  }
}

// A layer whose heads were all pruned has matrices without rows or without columns. A gradient of zeros has norm 0.
TEST(Muon, EmptyAndZeroMatricesWork) {
  const NamedTensor no_rows = matrix(Tensor::zeros({0, 8}), 3), no_cols = matrix(Tensor::zeros({8, 0}));
  const NamedTensor zero = matrix(Tensor::full({4, 4}, 2));
  Muon optimizer({no_rows, no_cols, zero}, {.matrix_rate = 1, .weight_decay = 0.5});
  for (int step = 0; step < 2; ++step) {
    for (const NamedTensor& p : optimizer.parameters()) give_gradient(p.value, Tensor::zeros(p.value.shape()));
    EXPECT_NO_THROW(optimizer.step(0.1));
  }
  for (const double v : zero.value.to_vector()) EXPECT_NEAR(v, 2 * 0.95 * 0.95, 1e-6) << "decay alone";
}

TEST(Muon, TinyAndLargeGradientsStayFinite) {
  Rng rng(3);
  for (const double size : {1e-20, 1e-3, 1e12}) {
    const NamedTensor w = matrix(Tensor::zeros({30, 20}));
    Muon optimizer({w}, {.matrix_rate = 1});
    give_gradient(w.value, Tensor::normal({30, 20}, 0, size, rng));
    optimizer.step(1);
    for (const double v : w.value.to_vector()) ASSERT_TRUE(std::abs(v) < 2) << size;
  }
}

TEST(Muon, ChoosesByRole) {
  TransformerConfig c;
  c.vocabulary = 11, c.layers = 1, c.heads = 2, c.width = 8, c.context = 4, c.tied = false;
  const TransformerLM model(c);
  std::string names;
  for (const NamedTensor& s : Muon(model.parameters(), {}).state())
    if (s.name.ends_with(".momentum")) names += s.name + " ";
    else EXPECT_TRUE(s.name.ends_with(".m") || s.name.ends_with(".v")) << s.name;
  EXPECT_EQ(names,
            "blocks.0.attn.qkv.weight.momentum blocks.0.attn.out.weight.momentum blocks.0.ff.up.weight.momentum "
            "blocks.0.ff.down.weight.momentum ");
  for (const NamedTensor& p : model.parameters()) {
    EXPECT_EQ(p.stacked, p.name == "blocks.0.attn.qkv.weight" ? 3 : 1) << p.name;
    const bool table = p.name == "tokens.weight" || p.name == "position.weight";
    EXPECT_EQ(p.role == ParamRole::kEmbedding, table) << p.name;
    EXPECT_EQ(p.role == ParamRole::kOutput, p.name == "head.weight") << p.name;
  }
}

TEST(Muon, ARoleThatDoesNotFitTheShapeIsAnError) {
  const auto muon = [](const Shape& shape, Index stacked) {
    return error_of([&] { Muon({matrix(Tensor::zeros(shape), stacked)}, {}); });
  };
  EXPECT_NO_THROW(Muon({matrix(Tensor::zeros({6, 4}), 3)}, {}));
  EXPECT_EQ(muon({6, 4}, 4), "optimizer: weight [6,4] does not consist of 4 matrices; correct its role or `stacked`");
  EXPECT_TRUE(contains(muon({6, 4}, 0), "optimizer: weight [6,4] does not consist of 0 matrices;"));
  EXPECT_TRUE(contains(muon({6}, 1), "optimizer: weight [6] does not consist of 1 matrices;"));
}

TEST(Muon, RefusesOptionsThatCannotTrain) {
  const auto muon = [](const Muon::Options& o) { return error_of([&] { Muon({matrix(Tensor::zeros({2, 2}))}, o); }); };
  for (const double bad : {-0.1, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_TRUE(contains(muon({.matrix_rate = bad}), "muon: matrix_rate ")) << bad;
    EXPECT_TRUE(contains(muon({.momentum_start = bad}), "muon: momentum_start ")) << bad;
    EXPECT_TRUE(contains(muon({.momentum = bad}), "muon: momentum ")) << bad;
    EXPECT_TRUE(contains(muon({.weight_decay = bad}), "muon: weight decay ")) << bad;
    EXPECT_TRUE(contains(muon({.others = {.beta1 = bad}}), "adamw: beta1 ")) << bad;
  }
  EXPECT_TRUE(contains(muon({.momentum_steps = 0}), "muon: momentum_steps 0"));
}

}  // namespace
}  // namespace headlight::tests
