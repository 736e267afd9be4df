// The facts of exercise 1.
#include <limits>

#include "lessons/exercise_check.h"

#include HEADLIGHT_EXERCISE

using namespace headlight;
using namespace headlight::exercise;

namespace {

using Matrix = std::vector<float>;
constexpr float kInf = std::numeric_limits<float>::infinity(), kNaN = std::numeric_limits<float>::quiet_NaN();

std::string mask_error(int queries, int keys) {
  const Matrix mask = causal_mask(queries, keys);
  const std::string call = cat("causal_mask(", queries, ", ", keys, ")");
  if (mask.size() != static_cast<std::size_t>(queries * keys))
    return cat(call, " has ", mask.size(), " entries; expected queries * keys = ", queries * keys);
  const auto at = [&](int t, int s) { return mask[static_cast<std::size_t>(t * keys + s)]; };
  const int shift = keys - queries;
  bool transposed = queries == keys, swapped = true, negative = false, other_sign = shift > 0;
  for (int t = 0; t < queries; ++t)
    for (int s = 0; s < keys; ++s) {
      transposed = transposed && at(t, s) == (t <= s ? 1.0f : 0.0f);
      swapped = swapped && at(t, s) == (s <= t + shift ? 0.0f : 1.0f);
      negative = negative || at(t, s) < 0;
      other_sign = other_sign && at(t, s) == (s <= t - shift ? 1.0f : 0.0f);
    }
  const std::string where = queries == keys ? "" : cat(", which stands at position t + S - T =");
  for (int t = 0; t < queries; ++t)
    for (int s = 0; s < keys; ++s) {
      const int own = t + shift;
      if (at(t, s) == (s <= own ? 1.0f : 0.0f)) continue;
      std::string hint;
      if (negative) hint = ": the mask holds 1 and 0, not numbers to add to the scores";
      else if (queries > 1 && transposed) hint = ": rows and columns are swapped; a row belongs to a query";
      else if (queries * keys > 1 && swapped) hint = ": 1 means visible; you marked what is hidden";
      else if (other_sign)
        hint = ": query t stands at position t + S - T; you took t + T - S, which is before the first key for query 0";
      else if (s == own) hint = ": a query may read its own position, because it predicts the symbol after that";
      else if (shift > 0 && s > t && s < own)
        hint = ": the queries are the last T of the S positions; t <= s is right only for T = S";
      else if (s == own + 1) hint = ": key s is the very symbol that query t must predict";
      return cat(call, ": query ", t, where.empty() ? "" : cat(where, " ", own), ", key ", s, " is ", at(t, s),
                 "; expected ", s <= own ? 1 : 0, hint);
    }
  return "";
}

std::string square_masks() {
  for (const int size : {3, 1, 2, 7})
    if (const std::string wrong = mask_error(size, size); !wrong.empty()) return wrong;
  return "";
}

std::string wide_masks() {
  const int sizes[][2] = {{2, 4}, {1, 5}, {3, 4}, {4, 9}};
  for (const auto& [queries, keys] : sizes)
    if (const std::string wrong = mask_error(queries, keys); !wrong.empty()) return wrong;
  return "";
}

// The mask of the contract, so that the facts about the softmax do not depend on the student's mask.
Matrix past(int queries, int keys) {
  Matrix mask;
  for (int t = 0; t < queries; ++t)
    for (int s = 0; s < keys; ++s) mask.push_back(s <= t + keys - queries ? 1 : 0);
  return mask;
}

// Scores that differ in every place.
Matrix some_scores(int queries, int keys) {
  Matrix scores;
  for (int i = 0; i < queries * keys; ++i) scores.push_back(static_cast<float>(std::sin(1.7 * i + 0.3) * 2));
  return scores;
}

double expected_weight(const Matrix& scores, const Matrix& mask, int keys, int t, int s) {
  double sum = 0;
  const auto index = [&](int key) { return static_cast<std::size_t>(t * keys + key); };
  if (mask[index(s)] == 0) return 0;
  for (int j = 0; j < keys; ++j)  // the difference cannot overflow to a wrong weight: e^inf gives 1 / inf = 0
    if (mask[index(j)] != 0)
      sum += std::exp(static_cast<double>(scores[index(j)]) - static_cast<double>(scores[index(s)]));
  return 1 / sum;
}

struct Case {
  Matrix scores, mask;
  int queries, keys;
};

std::string size_error(const Matrix& weights, const Case& c) {
  const std::size_t expected = c.scores.size();
  return weights.size() == expected ? "" : cat("the result has ", weights.size(), " entries; expected ", expected);
}

// The first weight that differs; `hint` may explain it.
std::string weight_error(const Case& c, const std::string& hint = "") {
  const Matrix weights = masked_softmax(c.scores, c.mask, c.queries, c.keys);
  if (const std::string wrong = size_error(weights, c); !wrong.empty()) return wrong;
  for (int t = 0; t < c.queries; ++t)
    for (int s = 0; s < c.keys; ++s) {
      const double weight = weights[static_cast<std::size_t>(t * c.keys + s)];
      const double expected = expected_weight(c.scores, c.mask, c.keys, t, s);
      if (!close(weight, expected, 1e-5))
        return cat("weight of query ", t, " on key ", s, " is ", weight, "; expected ", expected,
                   hint.empty() ? "" : ": ", hint);
    }
  return "";
}

std::string visible_everywhere() {
  const Case c{some_scores(2, 3), Matrix(6, 1), 2, 3};
  const std::string wrong = weight_error(c, "the softmax of the row's 3 scores, none of them masked");
  if (wrong.empty()) return "";
  const Matrix weights = masked_softmax(c.scores, c.mask, 2, 3);
  if (weights.size() != 6) return wrong;
  double row = 0, column = 0, all = 0;
  for (std::size_t s = 0; s < 3; ++s) row += weights[s], all += weights[s] + weights[3 + s];
  for (std::size_t t = 0; t < 2; ++t) column += weights[3 * t];
  if (close(column, 1, 1e-5))
    return cat("row 0 sums to ", row, " and column 0 to 1: the softmax runs over queries, not keys");
  if (close(all, 1, 1e-5)) return cat("row 0 sums to ", row, " and the whole matrix to 1: each row has its own sum");
  if (close(row, 1, 1e-5) && !close(all, 2, 1e-5))
    return cat(wrong, ". Row 0 sums to 1 and row 1 to ", all - row,
               ": does the sum (or the largest score) of row 1 begin with that of row 0? Start each row anew");
  return wrong;
}

std::string rows_sum_to_1() {
  const Case c{some_scores(4, 4), past(4, 4), 4, 4};
  const Matrix weights = masked_softmax(c.scores, c.mask, 4, 4);
  if (const std::string wrong = size_error(weights, c); !wrong.empty()) return wrong;
  for (int t = 0; t < 4; ++t) {
    double row = 0, hidden = 0;
    for (int s = 0; s < 4; ++s) {
      const double weight = weights[static_cast<std::size_t>(4 * t + s)];
      row += weight;
      if (s > t) hidden += std::abs(weight);
    }
    if (hidden > 0)
      return cat("row ", t, " gives ", hidden, " of its weight to masked keys: ",
                 masked_softmax(c.scores, Matrix(16, 1), 4, 4) == weights
                     ? "the mask has no effect"
                     : "a score of 0 still has the weight e^0 = 1; leave masked keys out of the sum");
    if (!close(row, 1, 1e-5))
      return cat("row ", t, " sums to ", row,
                 row < 1 ? ": the sum includes masked keys; leave them out before you divide" : "");
  }
  return "";
}

std::string causal_weights() { return weight_error({some_scores(5, 5), past(5, 5), 5, 5}); }

std::string other_shapes() {
  if (std::string wrong = weight_error({some_scores(2, 6), past(2, 6), 2, 6}); !wrong.empty())
    return cat("2 queries, 6 keys: ", wrong);
  if (std::string wrong = weight_error({some_scores(1, 4), {0, 1, 0, 1}, 1, 4}); !wrong.empty())
    return cat("mask 0 1 0 1: ", wrong, ": visible keys need not come first; read the mask");
  const std::string wrong = weight_error({{7}, {1}, 1, 1});
  return wrong.empty() ? "" : cat("1 query, 1 key: ", wrong);
}

std::string large_scores() {
  for (const float size : {1000.0f, -1000.0f})
    if (std::string wrong = weight_error({{size, size + 1, size, size + 2, size, size + 1}, Matrix(6, 1), 2, 3});
        !wrong.empty())
      return cat("scores near ", size, ": ", wrong,
                 size > 0
                     ? ": e^1000 overflows; subtract the row's largest visible score first"
                     : ": e^-1000 is 0, so the sum is 0; subtract the row's largest visible score first. A search for "
                       "it that starts at 0 (or at the smallest positive number) does not find -1000");
  // Rows of different size: a largest score that remains from the row before is visible here.
  if (std::string wrong = weight_error({{500, 501, -500, -501}, Matrix(4, 1), 2, 2}); !wrong.empty())
    return cat("row 0 has scores near 500, row 1 near -500: ", wrong, ": each row has its own largest score");
  return "";
}

std::string masked_scores_do_not_matter() {
  const auto hidden_are = [](float hidden) {
    return Case{{0.5f, hidden, hidden, 0.25f, -1, hidden}, {1, 0, 0, 1, 1, 0}, 2, 3};
  };
  // e^95 overflows a float, but e^-95 does not vanish: if 95 enters the maximum only, the weights stay finite.
  const Case telling = hidden_are(95);
  const Matrix weights = masked_softmax(telling.scores, telling.mask, 2, 3);
  const bool only_in_maximum = !weights.empty() && std::isfinite(weights[0]);
  for (const float hidden : {1000.0f, -1e30f, kInf, -kInf, kNaN}) {
    const std::string hint =
        hidden == 1000.0f && only_in_maximum
            ? "the maximum must not include masked scores: it makes every visible e^(score - max) 0"
            : "a masked score must not enter any exponential, sum or maximum, not even times 0: 0 * inf is NaN";
    if (std::string wrong = weight_error(hidden_are(hidden), hint); !wrong.empty())
      return cat("masked scores of ", hidden, ": ", wrong);
  }
  return "";
}

std::string rows_without_keys() {
  const Case c{{1, 2, 3, 4}, {0, 0, 1, 1}, 2, 2};
  const Matrix weights = masked_softmax(c.scores, c.mask, 2, 2);
  const bool stopped = weights == Matrix(4, 0);
  return weight_error(c, stopped ? "row 0 sees no key, but row 1 does: go on with the next row"
                                 : "row 0 sees no key, so its sum is 0; do not divide by it");
}

std::string input_unchanged_and_pure() {
  const Case c{some_scores(3, 3), past(3, 3), 3, 3};
  const Matrix first = masked_softmax(c.scores, c.mask, 3, 3), again = masked_softmax(c.scores, c.mask, 3, 3);
  return first == again ? "" : "two calls with the same arguments give different weights: no state may remain";
}

// The property that the mask exists for.
std::string future_has_no_effect() {
  Matrix scores = some_scores(4, 4);
  const Matrix mask = causal_mask(4, 4), before = masked_softmax(scores, mask, 4, 4);
  for (int t = 0; t < 4; ++t)
    for (int s = t + 1; s < 4; ++s) scores[static_cast<std::size_t>(4 * t + s)] = 50;
  const Matrix after = masked_softmax(scores, mask, 4, 4);
  for (std::size_t i = 0; i < before.size(); ++i)
    if (before[i] != after[i])
      return cat("raising the scores of later keys changed the weight of query ", i / 4, " on key ", i % 4, " from ",
                 before[i], " to ", after[i]);
  return "";
}

}  // namespace

int main() {
  return check_facts("Exercise 1: the causal mask",
                     {{"the mask of T queries over T keys shows the past and the present", square_masks},
                      {"the mask fits queries that are the last T of S positions", wide_masks},
                      {"without masked keys the weights are a softmax over each row", visible_everywhere},
                      {"masked keys get no weight, and the rest of the row sums to 1", rows_sum_to_1},
                      {"the weights under a causal mask are right", causal_weights},
                      {"other shapes and masks work", other_shapes},
                      {"large scores do not overflow", large_scores},
                      {"masked scores do not matter", masked_scores_do_not_matter},
                      {"a row without visible keys is all 0", rows_without_keys},
                      {"the same arguments give the same weights", input_unchanged_and_pure},
                      {"later scores do not change the weights", future_has_no_effect}});
}
