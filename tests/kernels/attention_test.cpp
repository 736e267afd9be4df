// Compares attention, forward and backward, of every table with the double reference.
#include "kernels/tables.h"

namespace headlight::kernels {
namespace {

class AttentionTest : public KernelTest {};
INSTANTIATE_TEST_SUITE_P(Tables, AttentionTest, testing::ValuesIn(isas_under_test()), isa_test_name);

struct Setting {
  Index b, h, t, s, d, e;
  bool causal = false, masked = false, biased = false, dropped = false;
  Index window = 0, group = 1;
};

std::string text(const Setting& s) {
  return cat(s.b, "x", s.h, " T ", s.t, " S ", s.s, " D ", s.d, " E ", s.e, s.causal ? " causal" : "",
             s.masked ? " masked" : "", s.biased ? " biased" : "", s.dropped ? " dropout" : "", " window ", s.window,
             " group ", s.group);
}

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// Queries, keys and values packed in rows of [B, max(T,S), H (2 D + E)]; NaN where the kernel must not read.
template <class T>
struct Inputs {
  std::vector<T> qkv, dz, mask, bias;
};

Inputs<float> draw(const Setting& s) {
  Rng rng(5);
  const Index rows = std::max(s.t, s.s), row = s.h * (2 * s.d + s.e);
  Inputs<float> in{std::vector<float>(at(s.b * rows * row), kNaN), random_values(rng, s.b * s.t * s.h * s.e), {}, {}};
  for (Index b = 0; b < s.b; ++b)
    for (Index r = 0; r < rows; ++r)
      for (Index i = 0; i < row; ++i)
        if (i < s.h * s.d ? r < s.t : r < s.s) in.qkv[at((b * rows + r) * row + i)] = static_cast<float>(rng.normal());
  if (s.masked)
    for (Index i = 0; i < s.b * s.t * s.s; ++i) in.mask.push_back(rng.below(4) == 0 || i / s.s % 5 == 3 ? 0 : 1);
  if (s.biased) in.bias = random_values(rng, s.h * s.t * s.s);
  return in;
}

template <class T>
struct Outputs {
  std::vector<T> z, largest, inverse, dqkv, dbias;
};

template <class T>
Outputs<T> run(const Table<T>& table, const Setting& s, const Inputs<T>& in, float scale = 0.4f) {
  const Index rows = std::max(s.t, s.s), row = s.h * (2 * s.d + s.e);
  Outputs<T> out{std::vector<T>(in.dz.size(), T(kNaN)), std::vector<T>(at(s.b * s.h * s.t)),
                 std::vector<T>(at(s.b * s.h * s.t)), std::vector<T>(in.qkv.size(), T(kUntouched)),
                 std::vector<T>(at(s.b * s.h * s.t * s.s), T(kNaN))};
  AttentionBackward<T> g;
  Attention<T>& a = g.forward;
  a.batches = s.b, a.heads = s.h, a.queries = s.t, a.keys = s.s, a.size = s.d, a.value_size = s.e;
  a.q = {in.qkv.data(), rows * row, s.d, row};
  a.k = {in.qkv.data() + s.h * s.d, rows * row, s.d, row};
  a.v = {in.qkv.data() + 2 * s.h * s.d, rows * row, s.e, row};
  a.z = {out.z.data(), s.t * s.h * s.e, s.e, s.h * s.e};
  a.largest = out.largest.data(), a.inverse = out.inverse.data();
  a.scale = T(scale);
  a.causal = s.causal;
  a.window = s.window;
  a.group = s.group;
  if (s.masked) a.mask = {in.mask.data(), s.t * s.s, 0, s.s};
  if (s.biased) a.bias = {in.bias.data(), 0, s.t * s.s, s.s};
  if (s.dropped) a.dropout_key = 77, a.dropout_threshold = 1u << 22, a.dropout_scale = T(4.0f / 3);
  table.attention(a);
  g.dz = {in.dz.data(), s.t * s.h * s.e, s.e, s.h * s.e};
  g.dq = {out.dqkv.data(), rows * row, s.d, row};
  g.dk = {out.dqkv.data() + s.h * s.d, rows * row, s.d, row};
  g.dv = {out.dqkv.data() + 2 * s.h * s.d, rows * row, s.e, row};
  g.dbias = out.dbias.data();
  table.attention_backward(g);
  return out;
}

void expect_close(const std::vector<float>& got, const std::vector<double>& want, const std::string& what,
                  double tolerance = 2e-5) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_TRUE(near(got[i], want[i], tolerance * (1 + std::fabs(want[i]))))
        << what << " [" << i << "]: got " << got[i] << ", exact " << want[i];
}

void expect_right(const Table<float>& table, const Setting& s) {
  const Inputs<float> in = draw(s);
  const Inputs<double> wide{widen(in.qkv), widen(in.dz), widen(in.mask), widen(in.bias)};
  const Outputs<float> got = run(table, s, in);
  const Outputs<double> want = run(double_reference(), s, wide);
  expect_close(got.z, want.z, text(s) + ": z");
  expect_close(got.largest, want.largest, text(s) + ": largest");
  expect_close(got.inverse, want.inverse, text(s) + ": inverse");
  expect_close(got.dqkv, want.dqkv, text(s) + ": dq, dk, dv");  // the gaps must stay unchanged
  expect_close(got.dbias, want.dbias, text(s) + ": dbias");
}

TEST_P(AttentionTest, EveryOptionOnPartsOfTiles) {
  for (const int options : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15})
    for (const auto& [t, n] : {std::pair<Index, Index>{1, 1}, {7, 7}, {48, 48}, {49, 61}, {30, 300}}) {
      const bool causal = (options & 1) != 0, masked = (options & 2) != 0, biased = (options & 4) != 0,
                 dropped = (options & 8) != 0;
      expect_right(fast(), {2, 2, t, n, 8, 16, causal, masked, biased, dropped});
      if (HasFatalFailure()) return;
    }
}

TEST_P(AttentionTest, EveryHeadSize) {
  for (const Index d : {1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 32, 40})
    for (const Index e : {d, Index{1}, Index{8}, Index{19}}) {
      expect_right(fast(), {1, 3, 53, 53, d, e, true});
      if (HasFatalFailure()) return;
    }
}

TEST_P(AttentionTest, MoreQueriesThanKeysAndSeveralTiles) {
  expect_right(fast(), {1, 1, 110, 20, 8, 8});
  expect_right(fast(), {1, 1, 100, 600, 5, 9, true});
}

TEST_P(AttentionTest, Windows) {
  for (const Index window : {1, 2, 5, 31, 47, 48, 130, 255, 300, 700})
    for (const auto& [t, n] : {std::pair<Index, Index>{1, 1}, {49, 61}, {30, 300}, {600, 600}}) {
      const bool extras = window % 2 == 1;
      expect_right(fast(), {1, 2, t, n, 8, 16, true, extras, extras, extras, window});
      expect_right(fast(), {1, 1, t, n, 7, 9, true, false, false, false, window});
      if (HasFatalFailure()) return;
    }
}

// Heads that share keys and values; the packed test layout then leaves gaps, which must stay unchanged.
TEST_P(AttentionTest, GroupedQueries) {
  for (const auto& [h, group] : {std::pair<Index, Index>{2, 2}, {4, 2}, {6, 3}})
    for (const Index window : {0, 40})
      for (const bool causal : {true, false}) {
        if (window > 0 && !causal) continue;
        expect_right(fast(), {2, h, 100, 120, 8, 12, causal, true, true, true, window, group});
        if (HasFatalFailure()) return;
      }
  expect_right(fast(), {1, 4, 0, 5, 4, 4, false, false, false, false, 0, 2});
}

TEST_P(AttentionTest, AWindowAsLongAsTheKeysHasTheBitsOfNone) {
  const Setting none{2, 2, 300, 300, 16, 16, true}, all{2, 2, 300, 300, 16, 16, true, false, false, false, 300};
  const Inputs<float> in = draw(none);
  const Outputs<float> a = run(fast(), none, in), b = run(fast(), all, in);
  EXPECT_TRUE(same_bits(a.z, b.z));
  EXPECT_TRUE(same_bits(a.dqkv, b.dqkv));
}

TEST_P(AttentionTest, NothingAtAll) {
  expect_right(fast(), {1, 2, 5, 0, 4, 4});
  expect_right(fast(), {1, 2, 0, 5, 4, 4});
  expect_right(fast(), {0, 2, 3, 3, 4, 4, true});
  expect_right(fast(), {2, 2, 3, 3, 0, 4, true});
}

// Scores so large that their exponentials would overflow without subtracting the maximum.
TEST_P(AttentionTest, LargeScoresStayFinite) {
  const Setting s{1, 1, 60, 300, 8, 8};
  Inputs<float> in = draw(s);
  for (float& x : in.qkv) x *= 20;
  const Outputs<float> got = run(fast(), s, in);
  for (const std::vector<float>* values : {&got.z, &got.largest, &got.inverse, &got.dqkv})
    for (const float x : *values) ASSERT_TRUE(std::isfinite(x));
}

// Scores around 2^13 that float32 represents exactly: rounding log sum exp to their precision would cost an error of
// 5e-4.
TEST_P(AttentionTest, ScoresFarFromZeroKeepTheirSums) {
  for (const float far : {8192.0f, -8192.0f}) {
    const Setting s{1, 2, 60, 300, 2, 8, false, false, true};
    Inputs<float> in = draw(s);
    for (Index r = 0; r < 300; ++r)
      for (Index i = 0; i < s.h * 2 * s.d; ++i) {
        float& x = in.qkv[at(r * s.h * (2 * s.d + s.e) + i)];
        x = std::round(x);  // keeps NaN
      }
    for (float& x : in.bias) x = std::round(x) + far;
    const Inputs<double> wide{widen(in.qkv), widen(in.dz), {}, widen(in.bias)};
    const Outputs<float> got = run(fast(), s, in, 0.5f);
    const Outputs<double> want = run(double_reference(), s, wide, 0.5f);
    expect_close(got.z, want.z, "z", 3e-6);
    expect_close(got.dqkv, want.dqkv, "dq, dk, dv", 3e-6);
    expect_close(got.dbias, want.dbias, "dbias", 3e-6);
  }
}

// Rows whose bias is -inf for all keys, or for the first of two key blocks: the same as a mask that excludes those
// keys.
TEST_P(AttentionTest, MinusInfinityInTheBiasIsAMask) {
  for (const Index keys : {1, 20, 300}) {
    const Setting masked{1, 1, 50, keys, 4, 8, false, true}, biased{1, 1, 50, keys, 4, 8, false, false, true};
    Inputs<float> in = draw(masked);
    for (Index t = 0; t < 50; ++t)
      for (Index s = 0; s < keys; ++s)
        if (t % 3 == 1 || (t % 3 == 2 && s < 260)) in.mask[at(t * keys + s)] = 0;
    const Outputs<float> want = run(fast(), masked, in);
    for (const float m : in.mask) in.bias.push_back(m == 0 ? -kInf : 0);
    const Outputs<float> got = run(fast(), biased, in);
    expect_close(got.z, widen(want.z), "z", 0);
    expect_close(got.dqkv, widen(want.dqkv), "dq, dk, dv", 0);
    expect_close(got.dbias, widen(want.dbias), "dbias", 0);
    for (Index e = 0; e < 8; ++e) EXPECT_EQ(got.z[at(8 + e)], 0);
  }
}

TEST_P(AttentionTest, SameBitsForEveryNumberOfThreads) {
  const Setting s{3, 2, 70, 70, 16, 16, true, true, true, true, 50, 2};
  const Inputs<float> in = draw(s);
  const Outputs<float> one = run(fast(), s, in);
  for (const int threads : {2, 3, 5}) {
    set_thread_count(threads);
    const Outputs<float> many = run(fast(), s, in);
    EXPECT_TRUE(same_bits(one.z, many.z)) << threads;
    EXPECT_TRUE(same_bits(one.dqkv, many.dqkv)) << threads;
    EXPECT_TRUE(same_bits(one.dbias, many.dbias)) << threads;
  }
}

}  // namespace
}  // namespace headlight::kernels
