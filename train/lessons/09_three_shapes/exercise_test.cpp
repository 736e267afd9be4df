// The facts of exercise 9.
#include "lessons/exercise_check.h"

#include HEADLIGHT_EXERCISE

#include <algorithm>
#include <limits>

using namespace headlight;
using namespace headlight::exercise;

namespace {

using Vec = std::vector<float>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::size_t at(int row, int columns, int column) { return static_cast<std::size_t>(row * columns + column); }

// Numbers between -1.5 and 1.5 that look random.
Vec numbers(int count, int seed) {
  Vec values;
  for (int i = 0; i < count; ++i)
    values.push_back(static_cast<float>(1.5 * std::sin(12.9898 * (i + 1) + 78.233 * seed)));
  return values;
}

std::string sizes_text(const Sizes& n, int length) {
  return cat("T = ", n.T, ", S = ", n.S, ", D = ", n.D, ", length = ", length);
}

// The true scores [T,S] without a mask; `divisor` replaces sqrt(D) if it is positive.
std::vector<double> scores(const Vec& q, const Vec& k, const Sizes& n, double divisor = 0) {
  std::vector<double> x(static_cast<std::size_t>(n.T * n.S), 0);
  for (int t = 0; t < n.T; ++t)
    for (int s = 0; s < n.S; ++s) {
      for (int d = 0; d < n.D; ++d) x[at(t, n.S, s)] += static_cast<double>(q[at(t, n.D, d)]) * k[at(s, n.D, d)];
      x[at(t, n.S, s)] /= divisor > 0 ? divisor : std::sqrt(static_cast<double>(n.D));
    }
  return x;
}

// The softmax of each row over the first `length` keys; the others get 0.
std::vector<double> softmax(std::vector<double> x, int T, int S, int length) {
  for (int t = 0; t < T; ++t) {
    double largest = -1e300, sum = 0;
    for (int s = 0; s < length; ++s) largest = std::max(largest, x[at(t, S, s)]);
    for (int s = 0; s < S; ++s) sum += x[at(t, S, s)] = s < length ? std::exp(x[at(t, S, s)] - largest) : 0;
    for (int s = 0; s < length; ++s) x[at(t, S, s)] /= sum;
  }
  return x;
}

// The same over the queries: each column sums to 1.
std::vector<double> column_softmax(std::vector<double> x, int T, int S) {
  for (int s = 0; s < S; ++s) {
    double sum = 0;
    for (int t = 0; t < T; ++t) sum += x[at(t, S, s)] = std::exp(x[at(t, S, s)]);
    for (int t = 0; t < T; ++t) x[at(t, S, s)] /= sum;
  }
  return x;
}

std::vector<double> transposed(const std::vector<double>& x, int T, int S) {
  std::vector<double> y;
  for (int s = 0; s < S; ++s)
    for (int t = 0; t < T; ++t) y.push_back(x[at(t, S, s)]);
  return y;
}

bool same(const Vec& values, const std::vector<double>& right) {
  if (values.size() != right.size()) return false;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!close(values[i], right[i])) return false;
  return true;
}

// The weights with the mask on the wrong axis: the rows t >= length are 0.
std::vector<double> query_mask(std::vector<double> weights, int T, int S, int length) {
  for (int t = length; t < T; ++t)
    for (int s = 0; s < S; ++s) weights[at(t, S, s)] = 0;
  return weights;
}

std::string diagnosis(const Vec& w, const Vec& q, const Vec& k, const Sizes& n, int length) {
  const std::vector<double> x = scores(q, k, n), all = softmax(x, n.T, n.S, n.S), right = softmax(x, n.T, n.S, length);
  std::vector<double> late = all, zero = x;
  for (int t = 0; t < n.T; ++t)
    for (int s = length; s < n.S; ++s) late[at(t, n.S, s)] = zero[at(t, n.S, s)] = 0;
  if (same(w, softmax(scores(q, k, n, 1), n.T, n.S, length))) return ": the division by sqrt(D) is missing";
  if (same(w, softmax(scores(q, k, n, n.D), n.T, n.S, length))) return ": this divides by D; divide by sqrt(D)";
  if (n.T != n.D && same(w, softmax(scores(q, k, n, std::sqrt(n.T)), n.T, n.S, length)))
    return ": this divides by sqrt(T), the root of the number of queries; D is the number of channels";
  if (n.S != n.D && same(w, softmax(scores(q, k, n, std::sqrt(n.S)), n.T, n.S, length)))
    return ": this divides by sqrt(S), the root of the number of keys; D is the number of channels";
  if (n.T > 1 && same(w, transposed(right, n.T, n.S)))
    return ": these are the weights transposed, [S,T]; row t belongs to query t, so write weights[t * S + s]";
  if (length < n.S) {
    if (same(w, all)) return ": no key is masked; leave the keys s >= length out of the sum";
    if (same(w, late))
      return ": the mask came after the softmax, so the real keys share less than 1; leave padding out of the sum, too";
    if (same(w, softmax(zero, n.T, n.S, n.S)))
      return ": a masked score became 0, and e^0 = 1 is not nothing; a masked score is -infinity";
    if (same(w, softmax(x, n.T, n.S, length + 1)))
      return ": one padded key is visible; the real keys are s = 0 .. length - 1";
    if (length > 1 && same(w, softmax(x, n.T, n.S, length - 1)))
      return ": the last real key is masked; the real keys are s = 0 .. length - 1";
  }
  if (length < n.S) {
    bool packed = true;
    for (int t = 0; t < n.T; ++t)
      for (int s = 0; s < length; ++s) packed = packed && close(w[at(t, length, s)], right[at(t, n.S, s)]);
    if (packed && n.T > 1) return ": rows of `length` weights lie one after the other; row t begins at t * S";
  }
  if (length < n.T && same(w, query_mask(all, n.T, n.S, length)))
    return ": the mask sits on the queries (t >= length) instead of the keys; padding is in the source, which has the "
           "keys";
  std::vector<double> causal = x;
  for (int t = 0; t < n.T; ++t)
    for (int s = t + 1; s < n.S; ++s) causal[at(t, n.S, s)] = -1e30;
  if (same(w, softmax(causal, n.T, n.S, length)))
    return ": keys s > t are masked; cross-attention has no causal mask, since the whole source is known";
  return "";
}

std::string check_weights(const Sizes& n, int length, int seed, float size = 1) {
  Vec q = numbers(n.T * n.D, seed);
  const Vec k = numbers(n.S * n.D, seed + 1);
  for (float& value : q) value *= size;
  const Vec w = cross_weights(q, k, n, length);
  if (w.size() != at(n.T, n.S, 0))
    return cat(sizes_text(n, length), ": there are ", w.size(), " weights; expected T * S = ", n.T * n.S);
  const std::vector<double> right = softmax(scores(q, k, n), n.T, n.S, length);
  for (int t = 0; t < n.T; ++t)
    for (int s = 0; s < n.S; ++s)
      if (!close(w[at(t, n.S, s)], right[at(t, n.S, s)]))
        return cat(sizes_text(n, length), ": the weight of query ", t, " on key ", s, " is ", w[at(t, n.S, s)],
                   "; expected ", right[at(t, n.S, s)], diagnosis(w, q, k, n, length));
  return "";
}

std::string rows_sum_to_one() {
  const Sizes n{3, 4, 2, 2};
  const Vec w = cross_weights(numbers(6, 1), numbers(8, 2), n, 4);
  if (w.size() != 12) return cat("T = 3, S = 4: there are ", w.size(), " weights; expected T * S = 12");
  const std::vector<double> x = scores(numbers(6, 1), numbers(8, 2), n);
  for (int t = 0; t < 3; ++t) {
    double sum = 0;
    for (int s = 0; s < 4; ++s) sum += w[at(t, 4, s)];
    if (close(sum, 1)) continue;
    std::string hint;
    const std::vector<double> columns = column_softmax(x, 3, 4);
    if (same(w, columns)) hint = ": each column sums to 1, so the softmax runs over queries, not keys";
    else if (same(w, transposed(softmax(x, 3, 4, 4), 3, 4)))
      hint = ": these are the weights transposed, [S,T]; row t belongs to query t, so write weights[t * S + s]";
    else if (same(w, x)) hint = ": these are the scores; the softmax is missing";
    return cat("row ", t, " of the weights sums to ", sum, "; expected 1", hint);
  }
  return "";
}

std::string no_padding() { return check_weights({3, 4, 5, 2}, 4, 3); }
std::string square() { return check_weights({4, 4, 3, 2}, 4, 5); }
std::string one_query() { return check_weights({1, 5, 2, 2}, 5, 7); }
std::string more_queries() { return check_weights({6, 2, 3, 2}, 2, 9); }

std::string padding() {
  for (const int length : {3, 4, 1})
    if (const std::string wrong = check_weights({6, 5, 3, 2}, length, 11); !wrong.empty()) return wrong;
  return check_weights({2, 6, 3, 2}, 4, 13);
}

std::string large_scores() {
  for (const float size : {1000.0F, -1000.0F})
    if (const std::string wrong = check_weights({3, 5, 2, 2}, 4, 15, size); !wrong.empty())
      return wrong + ": scores are near 1000; subtract the row's largest score before std::exp";
  const Sizes n{1, 3, 1, 1};
  const Vec w = cross_weights({-1}, {900, 901, -2000}, n, 2);
  if (close(w[0], 1 / (1 + std::exp(-1.0))) && w[2] == 0) return "";
  return cat("real scores -900 and -901, and a padded key with score 2000: weights are ", w[0], ", ", w[1], ", ", w[2],
             "; expected 0.731, 0.269, 0: subtract -900, the largest score among the REAL keys. With 2000, "
             "or with 0 where the search began, all exponentials underflow to 0");
}

std::string very_negative() {
  const Vec w = cross_weights({1}, {-1e12F, -1e12F, 0}, {1, 3, 1, 1}, 2);
  if (close(w[0], 0.5) && close(w[1], 0.5) && w[2] == 0) return "";
  return cat("real scores -1e12 and a padded key: weights are ", w[0], ", ", w[1], ", ", w[2],
             "; expected 0.5, 0.5, 0: a masked score of -1e9 is not low enough; use -infinity or leave the key out");
}

std::string garbage() {
  Vec k = numbers(8, 18);
  for (std::size_t i = 4; i < 8; ++i) k[i] = i % 2 == 0 ? kNan : std::numeric_limits<float>::infinity();
  const Vec w = cross_weights(numbers(6, 17), k, {3, 4, 2, 2}, 2);
  for (int t = 0; t < 3; ++t)
    for (int s = 0; s < 4; ++s)
      if (std::isnan(w[at(t, 4, s)]) || (s >= 2 && w[at(t, 4, s)] != 0))
        return cat("keys 2 and 3 are padding and hold NaN: the weight of query ", t, " on key ", s, " is ",
                   w[at(t, 4, s)], "; do not compute with padded keys (0 * NaN is NaN)");
  return "";
}

std::string all_padding() {
  const Vec w = cross_weights(numbers(6, 19), numbers(8, 20), {3, 4, 2, 2}, 0);
  if (w.size() != 12) return cat("length = 0: there are ", w.size(), " weights; expected T * S = 12, all 0");
  for (std::size_t i = 0; i < w.size(); ++i) {
    if (w[i] == 0) continue;
    std::string hint = ": no key is real, so no weight is above 0";
    if (std::isnan(w[i])) hint = ": 0 / 0, or -infinity minus -infinity; treat a row without real keys apart";
    else if (close(w[i], 0.25))
      hint = ": all keys are padding, but they share the weight equally (as equally low masked scores do)";
    return cat("length = 0: the weight of query ", i / 4, " on key ", i % 4, " is ", w[i], "; expected 0", hint);
  }
  return "";
}

// z against the definition, for weights from the definition.
std::string check_output(const Sizes& n, int length, bool bad_padding) {
  const std::vector<double> right =
      softmax(scores(numbers(n.T * n.D, 21), numbers(n.S * n.D, 22), n), n.T, n.S, length);
  const Vec w(right.begin(), right.end());
  Vec v = numbers(n.S * n.E, 23);
  if (bad_padding)
    for (int i = length * n.E; i < n.S * n.E; ++i) v[static_cast<std::size_t>(i)] = kNan;
  const Vec z = cross_output(w, v, n, length);
  if (z.size() != at(n.T, n.E, 0))
    return cat("T = ", n.T, ", E = ", n.E, ": z has ", z.size(), " numbers; expected T * E = ", n.T * n.E);
  for (int t = 0; t < n.T; ++t)
    for (int e = 0; e < n.E; ++e) {
      double sum = 0;
      for (int s = 0; s < length; ++s) sum += right[at(t, n.S, s)] * v[at(s, n.E, e)];
      const float value = z[at(t, n.E, e)];
      if (close(value, sum)) continue;
      std::string hint;
      if (std::isnan(value) && bad_padding) hint = ": padded values are NaN, and 0 * NaN is NaN; stop at s < length";
      else if (n.D != n.E)
        hint = ": row s of v begins at v[s * E], row t of z at z[t * E], row t of the weights at t * S";
      return cat("S = ", n.S, ", E = ", n.E, ", length = ", length, ": z of query ", t, ", channel ", e, " is ", value,
                 "; expected ", sum, hint);
    }
  return "";
}
std::string output() {
  if (const std::string wrong = check_output({3, 4, 2, 5}, 4, false); !wrong.empty()) return wrong;
  return check_output({5, 3, 4, 1}, 2, false);
}
std::string output_padding() {
  if (const std::string wrong = check_output({3, 4, 2, 5}, 2, true); !wrong.empty()) return wrong;
  return check_output({2, 3, 2, 2}, 0, true);
}

std::string padding_is_invisible() {
  const Sizes shorter{3, 2, 4, 3}, longer{3, 6, 4, 3};
  const Vec q = numbers(12, 24);
  Vec k = numbers(8, 25), v = numbers(6, 26);
  const Vec z = cross_output(cross_weights(q, k, shorter, 2), v, shorter, 2);
  k.resize(24, 3);
  v.resize(18, 100);
  const Vec padded = cross_output(cross_weights(q, k, longer, 2), v, longer, 2);
  for (std::size_t i = 0; i < z.size(); ++i)
    if (!close(padded[i], z[i]))
      return cat("z of query ", i / 3, ", channel ", i % 3, " is ", z[i], " without padding and ", padded[i],
                 " with four padded keys");
  return "";
}

}  // namespace

int main() {
  return check_facts("Exercise 9: cross-attention with a padding mask",
                     {{"each row of the weights sums to 1", rows_sum_to_one},
                      {"without padding: the softmax of q k^T / sqrt(D)", no_padding},
                      {"as many queries as keys", square},
                      {"a single query", one_query},
                      {"more queries than keys", more_queries},
                      {"padded keys get weight 0, and the real keys share 1", padding},
                      {"large scores do not overflow", large_scores},
                      {"very negative scores are still above padding", very_negative},
                      {"NaN in padded keys does not matter", garbage},
                      {"if all keys are padding, all weights are 0", all_padding},
                      {"the output is the weighted sum of the values", output},
                      {"NaN in padded values does not matter", output_padding},
                      {"padding changes nothing", padding_is_invisible}});
}
