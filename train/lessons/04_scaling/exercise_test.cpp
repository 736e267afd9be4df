// The facts of exercise 4.
#include "lessons/exercise_check.h"

#include "headlight/base/random.h"

#include HEADLIGHT_EXERCISE

using namespace headlight;
using namespace headlight::exercise;
using namespace headlight::lessons;

namespace {

struct Hint {
  double value;
  const char* text;
};
std::string compare(const std::string& what, double is, double expected, const std::vector<Hint>& hints) {
  if (close(is, expected, 1e-6)) return "";
  for (const Hint& hint : hints)
    if (close(is, hint.value, 1e-6)) return cat(what, " is ", is, "; expected ", expected, ": ", hint.text);
  return cat(what, " is ", is, "; expected ", expected);
}
std::string text(const Entries& x) { return cat("{mean ", x.mean, ", variance ", x.variance, "}"); }

// ---- the variance ----
// x and y take the values mean +- stddev, so that all four products are equally likely and the variance is exact.
double exact_variance(const Entries& x, const Entries& y) {
  double first = 0, second = 0;
  for (const int i : {-1, 1})
    for (const int j : {-1, 1}) {
      const double product = (x.mean + i * std::sqrt(x.variance)) * (y.mean + j * std::sqrt(y.variance));
      first += product / 4;
      second += product * product / 4;
    }
  return second - first * first;
}
std::string product_of(const Entries& x, const Entries& y) {
  const double vx = x.variance, vy = y.variance, mx = x.mean * x.mean, my = y.mean * y.mean;
  return compare(
      cat("product_variance(", text(x), ", ", text(y), ")"), product_variance(x, y), exact_variance(x, y),
      {{vx + vy, "variances add up for a sum; this is a product"},
       {std::sqrt(vx * vy), "this is the standard deviation, not its square"},
       {vx * vy, "right for means of 0 only; E[x²] is variance + mean²"},
       {(vx + mx) * (vy + my), "this is E[x²y²]; subtract E[xy]² = mean_x² mean_y²"},
       {vx * vy + mx * my, "multiply out (v_x + m_x²)(v_y + m_y²): the mixed terms v_x m_y² and v_y m_x² remain"},
       {vx * vy + vx * mx + vy * my,
        "the mixed terms are v_x m_y² and v_y m_x²: each mean belongs to the other factor"},
       {vx * vy + vx * y.mean + vy * x.mean, "the means must be squared"}});
}
std::string centered_products() {
  const std::string wrong = product_of({0, 2}, {0, 3});
  return wrong.empty() ? product_of({0, 0.25}, {0, 5}) : wrong;
}
std::string products() {
  for (const auto& [x, y] : {std::pair{Entries{1.5, 2}, Entries{0, 3}},
                             {Entries{0, 2}, Entries{-3, 0.5}},
                             {Entries{2, 0.5}, Entries{-1.5, 3}},
                             {Entries{2, 0}, Entries{3, 0}}})
    if (const std::string wrong = product_of(x, y); !wrong.empty()) return wrong;
  return "";
}
std::string sums() {
  for (const int d : {1, 4, 64, 0}) {
    const Entries q{0.5, 2}, k{-1, 3};
    const double one = exact_variance(q, k), expected = d * one;
    const std::string wrong = compare(
        cat("score_variance(", d, ", ", text(q), ", ", text(k), ")"), score_variance(d, q, k), expected,
        {{d * expected, "multiplied by d²; the d products are independent, so their variances add up: d terms"},
         {std::sqrt(static_cast<double>(d)) * one, "the standard deviation grows like sqrt(d), the variance like d"},
         {std::sqrt(expected), "this is the standard deviation, not its square"},
         {one, "this is the variance of one product; the score is a sum of d products"},
         {d * q.variance * k.variance, "right for means of 0 only; use product_variance"}});
    if (!wrong.empty()) return wrong;
  }
  return "";
}
std::string divisors() {
  for (const int d : {16, 64}) {
    const Entries q{0, 1}, k{0, 1};
    const std::string wrong = compare(
        cat("score_divisor(", d, ", means 0, variances 1)"), score_divisor(d, q, k), std::sqrt(static_cast<double>(d)),
        {{static_cast<double>(d),
          "this is the variance; divide by the standard deviation, since Var(x / c) = Var(x) / c²"},
         {1 / std::sqrt(static_cast<double>(d)), "this is the factor; the divisor is its inverse"}});
    if (!wrong.empty()) return wrong;
  }
  const Entries q{0.5, 2}, k{-1, 3};
  return compare("score_divisor(9, {mean 0.5, variance 2}, {mean -1, variance 3})", score_divisor(9, q, k),
                 std::sqrt(9 * exact_variance(q, k)), {{3, "sqrt(d) is right for variances of 1 only"}});
}

Matrix normal(int rows, int columns, Rng& rng) {
  Matrix m(rows, columns);
  for (double& value : m.values) value = rng.normal();
  return m;
}
double dot(const Matrix& q, int t, const Matrix& k, int s) {
  double sum = 0;
  for (int d = 0; d < q.columns; ++d) sum += q(t, d) * k(s, d);
  return sum;
}
std::string measured() {
  Rng rng(1);
  double squares = 0;
  const Matrix q = normal(400, 64, rng), k = normal(400, 64, rng);
  const double divisor = score_divisor(64, {0, 1}, {0, 1});
  for (int t = 0; t < 400; ++t)
    for (int s = 0; s < 400; ++s) squares += dot(q, t, k, s) * dot(q, t, k, s);
  const double variance = squares / (400 * 400) / (divisor * divisor);
  return std::abs(variance - 1) < 0.05
             ? ""
             : cat("160,000 random scores of d = 64 have variance ", variance, " after your divisor; expected 1");
}

// ---- the weights ----
// The softmax over the keys of f(score), computed with differences of scores, so nothing overflows.
template <class F>
Matrix softmax_of(const Matrix& q, const Matrix& k, const F& f) {
  Matrix w(q.rows, k.rows);
  for (int t = 0; t < q.rows; ++t)
    for (int s = 0; s < k.rows; ++s) {
      double sum = 0;
      for (int r = 0; r < k.rows; ++r) sum += std::exp(f(dot(q, t, k, r)) - f(dot(q, t, k, s)));
      w(t, s) = 1 / sum;
    }
  return w;
}
std::string wrong_weights(const Matrix& is, const Matrix& expected,
                          const std::vector<std::pair<Matrix, const char*>>& hints) {
  if (is.rows != expected.rows || is.columns != expected.columns)
    return cat("the weights have shape [", is.rows, ",", is.columns, "]; expected [", expected.rows, ",",
               expected.columns, "]: one row per query, one column per key");
  const auto differ = [&](const Matrix& m) {
    for (std::size_t i = 0; i < m.values.size(); ++i)
      if (!close(is.values[i], m.values[i], 1e-6)) return true;
    return false;
  };
  for (int t = 0; t < is.rows; ++t) {
    double sum = 0;
    for (int s = 0; s < is.columns; ++s) sum += is(t, s);
    for (int s = 0; s < is.columns; ++s) {
      if (close(is(t, s), expected(t, s), 1e-6)) continue;
      const std::string base = cat("weights(", t, ",", s, ") is ", is(t, s), "; expected ", expected(t, s));
      for (const auto& [matrix, hint] : hints)
        if (!differ(matrix)) return cat(base, ": ", hint);
      if (close(sum, 1, 1e-6)) return base;
      double column = 0;
      for (int r = 0; r < is.rows; ++r) column += is(r, s);
      return cat(
          base, ": row ", t, " sums to ", sum, ", not 1",
          close(column, 1, 1e-6) ? cat("; column ", s, " sums to 1: you divide by a sum over queries, not keys") : "");
    }
  }
  return "";
}
std::string weights() {
  Rng rng(2);
  const Matrix q = normal(2, 5, rng), k = normal(3, 5, rng);
  const auto scaled = [&](double factor) { return softmax_of(q, k, [&](double score) { return factor * score; }); };
  const auto changed = [](Matrix m, double factor) {
    for (double& value : m.values) value *= factor;
    return m;
  };
  Matrix columns(2, 3);
  const Matrix turned = softmax_of(k, q, [](double score) { return score / 4; });
  for (int t = 0; t < 2; ++t)
    for (int s = 0; s < 3; ++s) columns(t, s) = turned(s, t);
  return wrong_weights(
      attention_weights(q, k, 4), scaled(1.0 / 4),
      {{scaled(1), "the scores are not divided by the divisor"},
       {scaled(4), "the scores are multiplied by the divisor"},
       {scaled(1.0 / 2), "divided by sqrt(divisor); the divisor is a root already"},
       {scaled(1 / std::sqrt(5.0)), "divided by sqrt(D); use the divisor that is given"},
       {scaled(1 / (4 * std::sqrt(5.0))), "divided by sqrt(D), too; the divisor replaces it"},
       {changed(scaled(1), 1.0 / 4), "the weights are divided, not the scores: the rows sum to 1 / divisor"},
       {scaled(-1.0 / 4), "the sign is reversed: a larger score must give a larger weight"},
       {columns, "the softmax runs over queries, not keys: the columns sum to 1"}});
}
std::string one_score(const std::vector<double>& rows, const std::vector<double>& keys, const char* hint) {
  const Matrix q(static_cast<int>(rows.size()), 1, rows), k(static_cast<int>(keys.size()), 1, keys);
  const Matrix right = softmax_of(q, k, [](double score) { return score / 2; });
  const std::string wrong = wrong_weights(attention_weights(q, k, 2), right, {});
  if (!wrong.empty() && !std::isfinite(attention_weights(q, k, 2)(0, 0)) &&
      std::isfinite(attention_weights(q, k, 1)(0, 0)))
    hint = "the divisor 1 gives no NaN here; find the largest score among the scores divided by the divisor";
  return wrong.empty() ? "" : cat("queries ", rows.front(), ", ..., keys ", keys.front(), ", ...: ", wrong, ": ", hint);
}
std::string high() {
  return one_score({100}, {100, 99.99, 99.98}, "e^5000 overflows; subtract the row's largest score");
}
std::string low() {
  return one_score({100}, {-100, -100.01, -100.02},
                   "start the search for the largest score with a score of the row, not with 0");
}
std::string far_apart() {
  const std::string wrong = one_score({0, 100}, {100, 99.99}, "each row needs its own largest score");
  return wrong.empty() ? one_score({100, 0}, {100, 99.99}, "each row needs its own largest score") : wrong;
}
std::string sizes() {
  Rng rng(3);
  for (const int queries : {1, 5, 0})
    for (const int keys : {1, 2}) {
      const Matrix q = normal(queries, 3, rng), k = normal(keys, 3, rng);
      const std::string wrong =
          wrong_weights(attention_weights(q, k, 1), softmax_of(q, k, [](double score) { return score; }), {});
      if (!wrong.empty()) return cat("T = ", queries, ", S = ", keys, ": ", wrong);
    }
  return "";
}

// ---- the effective number ----
std::string effective() {
  double entropy = 0, squares = 0, binary = 0;
  const std::vector<double> w{0.5, 0.3, 0.15, 0.05};
  for (const double x : w) entropy -= x * std::log(x), squares += x * x, binary -= x * std::log2(x);
  return compare("effective_number({0.5, 0.3, 0.15, 0.05})", effective_number(w), std::exp(entropy),
                 {{entropy, "this is the entropy H; the effective number is e^H"},
                  {binary, "this is the entropy in bits; the effective number is e^H with H in nats"},
                  {std::exp(binary), "log2 and exp do not fit together; use std::log and std::exp"},
                  {std::exp(-entropy), "the sign of H is reversed"},
                  {1 / squares, "1 / (sum of squares) is another measure of spread; here it is e^H"}});
}
std::string uniform_and_single() {
  for (const int n : {1, 2, 64}) {
    const std::vector<double> w(static_cast<std::size_t>(n), 1.0 / n);
    if (const std::string wrong = compare(cat(n, " equal weights: effective_number"), effective_number(w), n, {});
        !wrong.empty())
      return wrong;
  }
  const double single = effective_number({0, 1, 0});
  if (std::isnan(single))
    return "effective_number({0, 1, 0}) is nan; expected 1: 0 · ln 0 is nan; a weight of 0 adds nothing to H";
  return compare("effective_number({0, 1, 0})", single, 1, {});
}
std::string lesson_table() {
  Rng rng(4);
  const Matrix q = normal(200, 256, rng), k = normal(64, 256, rng);
  const auto mean_number = [&](double divisor) {
    const Matrix w = attention_weights(q, k, divisor);
    double sum = 0;
    for (auto row = w.values.begin(); row != w.values.end(); row += 64) sum += effective_number({row, row + 64}) / 200;
    return sum;
  };
  const double without = mean_number(1), with = mean_number(score_divisor(256, {0, 1}, {0, 1}));
  if (without > 2)
    return cat("without a divisor, D = 256: the effective number is ", without, " of 64; expected less than 2");
  if (with < 35 || with > 45)
    return cat("with your divisor, D = 256: the effective number is ", with, " of 64; expected 35 to 45");
  return "";
}

}  // namespace

int main() {
  return check_facts("Exercise 4: the variance of a score, and scaled weights",
                     {{"the variance of a product, means 0", centered_products},
                      {"the variance of a product, any means", products},
                      {"variances add up over d products", sums},
                      {"the divisor is the standard deviation", divisors},
                      {"160,000 random scores have variance 1 after the division", measured},
                      {"weights are the softmax of score / divisor", weights},
                      {"scores of 5000 do not overflow", high},
                      {"scores of -5000 do not underflow", low},
                      {"rows of very different scores", far_apart},
                      {"one key, one query, no queries", sizes},
                      {"the effective number is e^H", effective},
                      {"n equal weights count n, a single one 1", uniform_and_single},
                      {"D = 256: about 40 of 64 with the divisor, one without", lesson_table}});
}
