// The facts of exercise 3. Each function gets inputs that do not depend on the functions before it.
#include "lessons/exercise_check.h"

#include <functional>
#include <limits>

#include HEADLIGHT_EXERCISE

using namespace headlight;
using namespace headlight::exercise;
using namespace headlight::lessons;

namespace {

// The next number of a fixed sequence between -2 and 2.
double next_number() {
  static unsigned state = 7;
  state = state * 1664525u + 1013904223u;
  return static_cast<double>(state >> 8) / 4194304.0 - 2;
}
Matrix numbers(int rows, int columns) {
  Matrix m(rows, columns);
  for (double& value : m.values) value = next_number();
  return m;
}

// A matrix from a formula of its indices.
template <class F>
Matrix made(int rows, int columns, const F& f) {
  Matrix m(rows, columns);
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) m(i, j) = f(i, j);
  return m;
}
double sum(int count, const std::function<double(int)>& f) {
  double total = 0;
  for (int i = 0; i < count; ++i) total += f(i);
  return total;
}
double root(int n) { return std::sqrt(static_cast<double>(n)); }

std::string shape(const Matrix& m) { return cat("[", m.rows, ",", m.columns, "]"); }
bool same(const Matrix& a, const Matrix& b) {
  if (a.rows != b.rows || a.columns != b.columns || a.values.size() != b.values.size()) return false;
  for (std::size_t i = 0; i < a.values.size(); ++i)
    if (!close(a.values[i], b.values[i], 1e-6)) return false;
  return true;
}

// The result of a known mistake, and the hint about it.
struct Mistake {
  Matrix result;
  std::string hint;
};
std::string compare(const std::string& name, const Matrix& is, const Matrix& expected, const std::string& axes,
                    const std::vector<Mistake>& mistakes = {}) {
  const std::string sizes = sizes_now().empty() ? "" : sizes_now() + ": ";
  if (is.rows != expected.rows || is.columns != expected.columns)
    return cat(sizes, name, " has shape ", shape(is), "; expected ", shape(expected), ": ", axes);
  if (is.values.size() != expected.values.size())
    return cat(sizes, name, " has ", is.values.size(), " values for shape ", shape(is), ": do not resize .values");
  for (int i = 0; i < is.rows; ++i)
    for (int j = 0; j < is.columns; ++j) {
      if (close(is(i, j), expected(i, j), 1e-6)) continue;
      std::string hint;
      for (const Mistake& mistake : mistakes)
        if (hint.empty() && same(is, mistake.result)) hint = ": " + mistake.hint;
      return cat(sizes, name, "(", i, ",", j, ") is ", is(i, j), "; expected ", expected(i, j), hint);
    }
  return "";
}

// Stores the names and shapes of a fact's matrices, so that an index error shows which matrix it concerns.
struct Named {
  const char* name;
  const Matrix& m;
};
void show(const std::vector<Named>& inputs, const char* result, int rows, int columns) {
  std::string& text = sizes_now();
  text.clear();
  for (const Named& input : inputs) text += cat(input.name, " ", shape(input.m), ", ");
  text += cat(result, " [", rows, ",", columns, "]");
}
Matrix transposed(const Matrix& m) {
  return made(m.columns, m.rows, [&](int i, int j) { return m(j, i); });
}

// ---- forward ----
const char* const kScoreAxes = "one row per query, one column per key";

Matrix right_scores(const Matrix& q, const Matrix& k, double divisor) {
  return made(q.rows, k.rows,
              [&](int t, int s) { return sum(q.columns, [&](int d) { return q(t, d) * k(s, d); }) / divisor; });
}
Matrix right_softmax(const Matrix& x) {
  return made(x.rows, x.columns, [&](int t, int s) {
    double largest = x(t, 0);
    for (int i = 1; i < x.columns; ++i) largest = std::max(largest, x(t, i));
    return std::exp(x(t, s) - largest) / sum(x.columns, [&](int i) { return std::exp(x(t, i) - largest); });
  });
}
Matrix right_output(const Matrix& p, const Matrix& v) {
  return made(p.rows, v.columns, [&](int t, int e) { return sum(v.rows, [&](int s) { return p(t, s) * v(s, e); }); });
}

std::string scores() {
  const Matrix q = numbers(6, 5), k = numbers(3, 5);
  show({{"q", q}, {"k", k}}, "scores", 6, 3);
  return compare(
      "scores", attention_scores(q, k), right_scores(q, k, root(5)), kScoreAxes,
      {{right_scores(q, k, 1), "the dot product is not divided by sqrt(D)"},
       {right_scores(q, k, 5), "divided by D; divide by the square root of D"},
       {right_scores(q, k, root(3)), "divided by the root of S, the number of keys; D is the size of a query"},
       {right_scores(q, k, root(6)), "divided by the root of T, the number of queries; D is the size of a query"},
       {right_scores(q, k, 2), "divided by 2 = the integer part of sqrt(5); compute the root in double"},
       {right_scores(q, k, 1 / root(5)), "multiplied by sqrt(D); divide by it"}});
}

std::string rows_sum_to_one() {
  const Matrix x = numbers(3, 4);
  show({{"scores", x}}, "weights", 3, 4);
  const Matrix p = softmax_rows(x);
  if (p.rows != 3 || p.columns != 4)
    return cat("weights have shape ", shape(p), "; expected [3,4], the shape of the scores");
  const auto column = [&](int s) { return sum(3, [&](int t) { return p(t, s); }); };
  for (int t = 0; t < 3; ++t) {
    const double total = sum(4, [&](int s) { return p(t, s); });
    if (close(total, 1, 1e-6)) continue;
    std::string hint;
    if (close(column(0), 1, 1e-6) && close(column(1), 1, 1e-6))
      hint = ": the columns sum to 1, so the softmax runs over queries, not keys";
    else if (close(sum(12, [&](int i) { return p(i / 4, i % 4); }), 1, 1e-6))
      hint = ": the whole matrix sums to 1; each row needs a sum of its own";
    else if (t > 0 && total < 1) hint = ": does the sum start at 0 for each row?";
    else if (p(t, 0) > 0 && total > 1) hint = ": divide by the sum of the exponentials of this row";
    return cat("row ", t, " sums to ", total, "; expected 1", hint);
  }
  return "";
}

std::string softmax_values() {
  const Matrix x = numbers(3, 4);
  const std::string wrong = compare(
      "weights", softmax_rows(x), right_softmax(x), "the shape of the scores",
      {{right_softmax(made(3, 4, [&](int t, int s) { return -x(t, s); })), "the sign of the scores is reversed"},
       {right_softmax(made(3, 4, [&](int t, int s) { return x(t, s) / 2; })),
        "the scores are scaled once more; attention_scores did it already"}});
  return wrong.empty() ? compare("weights of the example", softmax_rows(Matrix(2, 2, {0, 0, std::log(3.0), 0})),
                                 Matrix(2, 2, {0.5, 0.5, 0.75, 0.25}), "the shape of the scores")
                       : wrong;
}

std::string softmax_of(const Matrix& x, const std::string& hint) {
  sizes_now().clear();
  const Matrix p = softmax_rows(x);
  const std::string wrong = compare("weights", p, right_softmax(x), "the shape of the scores");
  return wrong.empty() ? "" : cat("for the scores ", x(0, 0), ", ", x(0, 1), ", ...: ", wrong, ": ", hint);
}
std::string large_scores() {
  if (const std::string wrong =
          softmax_of(Matrix(1, 3, {1000, 1001, 999}), "e^1000 overflows; subtract the row's largest score first");
      !wrong.empty())
    return wrong;
  for (int largest = 0; largest < 3; ++largest) {
    Matrix x(1, 3, {-1, 0, 1});
    x(0, largest) = 2000;
    const std::string wrong =
        softmax_of(x, cat("key ", largest, " has the row's largest score, 2000, but your maximum ",
                          "is not the row's largest: does the search include every key?"));
    if (!wrong.empty()) return wrong;
  }
  return "";
}
std::string low_scores() {
  return softmax_of(Matrix(1, 3, {-1000, -1001, -1e4}),
                    "the largest score here is -1000; start the search with a score of the row, not with 0 or -1 "
                    "(numeric_limits<double>::min() is above 0, too)");
}
std::string rows_far_apart() {
  for (const Matrix& x : {Matrix(2, 2, {1, 2, 2001, 2000}), Matrix(2, 2, {2001, 2000, 1, 2})})
    if (const std::string wrong = softmax_of(x, "each row needs its own largest score, and nothing from other rows");
        !wrong.empty())
      return wrong;
  return "";
}
std::string masked_keys() {
  constexpr double kMasked = -std::numeric_limits<double>::infinity();
  return softmax_of(Matrix(2, 3, {kMasked, 1, 2, 0, kMasked, 0}),
                    "a key with score -infinity is masked: its weight is 0, and the other weights sum to 1");
}

std::string output() {
  const char* const axes = "one row per query, one column per channel of v";
  // First with T = S = E, where exchanged indices give a wrong value instead of an index outside the matrix.
  const Matrix square = right_softmax(numbers(3, 3)), u = numbers(3, 3);
  show({{"weights", square}, {"v", u}}, "z", 3, 3);
  const std::string wrong = compare(
      "z", attention_output(square, u), right_output(square, u), axes,
      {{right_output(square, transposed(u)), "v(e,s) instead of v(s,e): v has one row per key"},
       {right_output(transposed(square), u), "weights(s,t) instead of weights(t,s): one row per query"},
       {made(3, 3, [&](int t, int e) { return right_output(square, u)(t, e) / 3; }),
        "divided by the number of keys; the weights sum to 1 already"},
       {made(3, 3, [&](int t, int e) { return square(t, 2) * u(2, e); }), "only the last key counts; add up with +="}});
  if (!wrong.empty()) return wrong;
  const Matrix p = right_softmax(numbers(2, 3)), v = numbers(3, 5);
  show({{"weights", p}, {"v", v}}, "z", 2, 5);
  return compare("z", attention_output(p, v), right_output(p, v), axes);
}

// ---- backward ----
std::string values_gradient() {
  const char* const axes = "the shape of v: one row per key";
  const auto expected = [](const Matrix& w, const Matrix& g) {
    return made(w.columns, g.columns,
                [&](int s, int e) { return sum(w.rows, [&](int t) { return w(t, s) * g(t, e); }); });
  };
  // First with T = S.
  const Matrix square = right_softmax(numbers(3, 3)), u = numbers(3, 2);
  show({{"weights", square}, {"dz", u}}, "dv", 3, 2);
  const std::string wrong =
      compare("dv", grad_values(square, u), expected(square, u), axes,
              {{expected(transposed(square), u), "row s of dv collects column s of the weights: dv = weights^T dz"},
               {made(3, 2, [&](int s, int e) { return square(2, s) * u(2, e); }),
                "only the last query counts; add up with +="}});
  if (!wrong.empty()) return wrong;
  const Matrix p = right_softmax(numbers(3, 4)), dz = numbers(3, 2);
  show({{"weights", p}, {"dz", dz}}, "dv", 4, 2);
  return compare("dv", grad_values(p, dz), expected(p, dz), axes);
}

std::string weights_gradient() {
  const char* const axes = "the shape of the weights, one row per query";
  const auto expected = [](const Matrix& g, const Matrix& w) {
    return made(g.rows, w.rows, [&](int t, int s) { return sum(g.columns, [&](int e) { return g(t, e) * w(s, e); }); });
  };
  // First with S = E.
  const Matrix u = numbers(2, 3), square = numbers(3, 3);
  show({{"dz", u}, {"v", square}}, "dweights", 2, 3);
  const std::string wrong =
      compare("dweights", grad_weights(u, square), expected(u, square), axes,
              {{expected(u, transposed(square)), "v(e,s) instead of v(s,e): v has one row per key"},
               {made(2, 3, [&](int t, int s) { return u(t, 2) * square(s, 2); }),
                "only the last channel counts; add up with +="}});
  if (!wrong.empty()) return wrong;
  const Matrix dz = numbers(3, 2), v = numbers(4, 2);
  show({{"dz", dz}, {"v", v}}, "dweights", 3, 4);
  return compare("dweights", grad_weights(dz, v), expected(dz, v), axes);
}

std::string scores_gradient() {
  const Matrix p = right_softmax(numbers(3, 4)), dp = numbers(3, 4);
  show({{"weights", p}, {"dweights", dp}}, "dscores", 3, 4);
  const auto with = [&](const std::function<double(int, int)>& subtracted) {
    return made(3, 4, [&](int t, int s) { return p(t, s) * (dp(t, s) - subtracted(t, s)); });
  };
  const auto dot = [&](int t, int) { return sum(4, [&](int s) { return p(t, s) * dp(t, s); }); };
  const Matrix expected = with(dot);
  return compare(
      "dscores", softmax_backward(p, dp), expected, "the shape of the weights",
      {{dp, "this is dweights; the softmax has a derivative of its own"},
       {with([](int, int) { return 0; }),
        "weights(t,s) dweights(t,s) only: raising one score also lowers all other weights of its row"},
       {with([&](int t, int s) { return p(t, s) * dp(t, s); }),
        "only the diagonal p (1 - p) of the Jacobian; the other weights of the row depend on this score too"},
       {with([&](int, int s) { return sum(3, [&](int t) { return p(t, s) * dp(t, s); }); }),
        "the dot product runs over queries; it runs over the keys of one row"},
       {with([&](int, int) { return sum(12, [&](int i) { return p(i / 4, i % 4) * dp(i / 4, i % 4); }); }),
        "one dot product for the whole matrix, or one that is not reset to 0; each row has its own"},
       {with([&](int t, int) { return sum(4, [&](int s) { return dp(t, s); }); }),
        "the sum lacks the weights: dot = sum_s weights(t,s) dweights(t,s)"},
       {with([&](int t, int s) { return 2 * dp(t, s) - dot(t, s); }),
        "the sign is reversed: weights (dweights - dot), not (dot - dweights)"},
       {made(3, 4, [&](int t, int s) { return p(t, s) * dp(t, s) - dot(t, s); }),
        "parentheses: weights(t,s) multiplies the difference"},
       {made(3, 4, [&](int t, int s) { return dp(t, s) - dot(t, s); }), "multiply the difference by weights(t,s)"},
       {made(3, 4,
             [&](int t, int s) {
               const double all = sum(3, [&](int r) { return r > t ? 0 : dot(r, s); });
               return p(t, s) * (dp(t, s) - all);
             }),
        "the dot product is not reset to 0 at the start of each row"}});
}

const char* const kScaledToo = "the scores were divided by sqrt(D), so their derivative is, too";

Matrix right_dq(const Matrix& ds, const Matrix& k, double divisor) {
  return made(ds.rows, k.columns,
              [&](int t, int d) { return sum(k.rows, [&](int s) { return ds(t, s) * k(s, d); }) / divisor; });
}
// D = 5 here. The number of queries or keys is 6 or 3, so that all wrong divisors differ.
std::string queries_gradient() {
  const Matrix ds = numbers(3, 6), k = numbers(6, 5);
  show({{"dscores", ds}, {"k", k}}, "dq", 3, 5);
  return compare("dq", grad_queries(ds, k), right_dq(ds, k, root(5)), "the shape of q: one row per query",
                 {{right_dq(ds, k, 1), kScaledToo},
                  {right_dq(ds, k, 5), "divided by D; divide by sqrt(D), once"},
                  {right_dq(ds, k, 1 / root(5)), "multiplied by sqrt(D); divide by it"},
                  {right_dq(ds, k, 2), "divided by 2, the integer part of sqrt(5); compute the root in double"},
                  {right_dq(ds, k, root(6)), "divided by the root of S, the number of keys; D is k.columns"},
                  {right_dq(ds, k, root(3)), "divided by the root of T, the number of queries; D is k.columns"}});
}

std::string keys_gradient() {
  const char* const axes = "the shape of k: one row per key";
  // First with T = S.
  const Matrix square = numbers(3, 3), u = numbers(3, 5), down = transposed(square);
  show({{"dscores", square}, {"q", u}}, "dk", 3, 5);
  std::string wrong =
      compare("dk", grad_keys(square, u), right_dq(down, u, root(5)), axes,
              {{right_dq(square, u, root(5)), "row s of dk collects column s of dscores: dk = dscores^T q / sqrt(D)"},
               {right_dq(square, u, 1), "row s of dk collects column s of dscores; and divide by sqrt(D)"},
               {right_dq(down, u, 1), kScaledToo},
               {right_dq(down, u, 5), "divided by D; divide by sqrt(D), once"},
               {right_dq(down, u, 1 / root(5)), "multiplied by sqrt(D); divide by it"},
               {right_dq(down, u, 2), "divided by 2, the integer part of sqrt(5); compute the root in double"},
               {right_dq(down, u, root(3)), "divided by the root of the number of rows; D is q.columns"}});
  if (!wrong.empty()) return wrong;
  const Matrix ds = numbers(3, 6), q = numbers(3, 5), back = transposed(ds);
  show({{"dscores", ds}, {"q", q}}, "dk", 6, 5);
  return compare("dk", grad_keys(ds, q), right_dq(back, q, root(5)), axes);
}

// ---- all together ----
struct Gradients {
  Matrix dq, dk, dv;
};
Gradients gradients(const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& dz) {
  const Matrix p = softmax_rows(attention_scores(q, k));
  const Matrix ds = softmax_backward(p, grad_weights(dz, v));
  return {grad_queries(ds, k), grad_keys(ds, q), grad_values(p, dz)};
}
// L = sum of dz z.
double loss(const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& dz) {
  const Matrix z = right_output(right_softmax(right_scores(q, k, root(q.columns))), v);
  return sum(static_cast<int>(z.values.size()),
             [&](int i) { return z.values[static_cast<std::size_t>(i)] * dz.values[static_cast<std::size_t>(i)]; });
}
std::string differences(int t_count, int s_count, int d_count, int e_count) {
  Matrix q = numbers(t_count, d_count), k = numbers(s_count, d_count), v = numbers(s_count, e_count);
  const Matrix dz = numbers(t_count, e_count);
  sizes_now() = cat("T = ", t_count, ", S = ", s_count, ", D = ", d_count, ", E = ", e_count);
  const Gradients g = gradients(q, k, v, dz);
  struct Part {
    const char* name;
    Matrix* input;
    const Matrix* gradient;
  };
  for (const Part& part : {Part{"dq", &q, &g.dq}, Part{"dk", &k, &g.dk}, Part{"dv", &v, &g.dv}}) {
    const Matrix numeric = made(part.input->rows, part.input->columns, [&](int i, int j) {
      double& x = (*part.input)(i, j);
      const double before = x;
      x = before + 1e-5;
      const double above = loss(q, k, v, dz);
      x = before - 1e-5;
      const double below = loss(q, k, v, dz);
      x = before;
      return (above - below) / 2e-5;
    });
    const std::string wrong = compare(part.name, *part.gradient, numeric, "the shape of its input");
    if (!wrong.empty()) return wrong;
  }
  return "";
}
std::string against_differences() { return differences(3, 5, 2, 4); }
std::string small_sizes() {
  for (const int queries : {1, 4, 0})
    for (const int keys : {1, 3})
      if (const std::string wrong = differences(queries, keys, 1, 2); !wrong.empty()) return wrong;
  return "";
}

}  // namespace

int main() {
  return check_facts("Exercise 3: attention, forward and backward",
                     {{"scores are q k^T / sqrt(D)", scores},
                      {"each row of the weights sums to 1", rows_sum_to_one},
                      {"weights are the softmax of the scores", softmax_values},
                      {"scores of 1000 do not overflow", large_scores},
                      {"scores of -1000 do not underflow", low_scores},
                      {"rows of very different scores", rows_far_apart},
                      {"masked keys get weight 0", masked_keys},
                      {"the output is the weighted sum of the values", output},
                      {"dv = weights^T dz", values_gradient},
                      {"dweights = dz v^T", weights_gradient},
                      {"dscores is the softmax's backward pass", scores_gradient},
                      {"dq = dscores k / sqrt(D)", queries_gradient},
                      {"dk = dscores^T q / sqrt(D)", keys_gradient},
                      {"dq, dk and dv agree with finite differences", against_differences},
                      {"one key, one query, no queries", small_sizes}});
}
