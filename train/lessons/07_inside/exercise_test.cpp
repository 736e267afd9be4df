// The facts of exercise 7.
#include <algorithm>
#include <array>

#include "headlight/base/random.h"
#include "lessons/exercise_check.h"

#include HEADLIGHT_EXERCISE

using namespace headlight;
using namespace headlight::exercise;
using lessons::AttentionLayer;
using lessons::prune_heads;

namespace {

using Floats = std::vector<float>;
using Heads = std::vector<std::size_t>;

struct Case {
  std::size_t C, H, D;
  Heads kept;
  bool with_mean = false;

  bool keeps(std::size_t h) const { return std::find(kept.begin(), kept.end(), h) != kept.end(); }
  std::string text() const {
    std::string list;
    for (const std::size_t h : kept) list += cat(list.empty() ? "" : ", ", h);
    return cat("C = ", C, ", H = ", H, ", D = ", D, ", kept = {", list, "}");
  }
  // Element [r,c] of qkv and of out is r + c / 100, so that a wrong value shows where it came from.
  AttentionLayer layer() const {
    AttentionLayer a{C, H, D, {}, {}, {}, {}};
    for (std::size_t r = 0; r < 3 * H * D; ++r) {
      for (std::size_t c = 0; c < C; ++c) a.qkv.push_back(static_cast<float>(r) + static_cast<float>(c) / 100);
      a.qkv_bias.push_back(static_cast<float>(500 + r));
    }
    for (std::size_t r = 0; r < C; ++r) {
      for (std::size_t c = 0; c < H * D; ++c) a.out.push_back(static_cast<float>(r) + static_cast<float>(c) / 100);
      a.out_bias.push_back(static_cast<float>(10 * (r + 1)));
    }
    return a;
  }
  Floats mean() const {
    Floats m(H * D, 0.0f);
    for (std::size_t i = 0; i < m.size() && with_mean; ++i) m[i] = static_cast<float>(i + 1) / 2;
    return m;
  }
  AttentionLayer pruned() const {
    sizes_now() = text();
    return prune_heads(layer(), kept, mean());
  }
};

std::string sizes(const Case& k) {
  const AttentionLayer p = k.pruned();
  const std::size_t K = k.kept.size();
  if (p.D != k.D) return cat(k.text(), ": D is ", p.D, "; the heads that stay keep their size ", k.D);
  if (p.C != k.C) return cat(k.text(), ": C is ", p.C, "; the width of the model stays ", k.C);
  if (p.H != K) return cat(k.text(), ": H is ", p.H, "; expected the number of kept heads, ", K);
  const auto wrong = [&](const char* name, std::size_t size, std::size_t expected, const char* shape) {
    const std::size_t removed = K > 0 ? expected / K * (k.H - K) : 0, all = K > 0 ? expected / K * k.H : 0;
    const char* hint = K == 0 ? ""
                       : size == removed
                           ? "; this is the size for the heads that are not in `kept`: is the condition inverted?"
                       : size == all          ? "; this is the size of the full layer: nothing was removed"
                       : size * 3 == expected ? "; this is one of the three parts: queries, keys and values all count"
                                              : "";
    return size == expected
               ? ""
               : cat(k.text(), ": ", name, " has ", size, " numbers; expected ", shape, " = ", expected, hint);
  };
  std::string text = wrong("qkv", p.qkv.size(), 3 * K * k.D * k.C, "[3KD, C]");
  if (text.empty()) text = wrong("out", p.out.size(), k.C * K * k.D, "[C, KD]");
  if (text.empty()) text = wrong("qkv_bias", p.qkv_bias.size(), 3 * K * k.D, "[3KD]");
  if (text.empty()) text = wrong("out_bias", p.out_bias.size(), k.C, "[C]");
  return text;
}

// An order of qkv's rows or out's columns that a common mistake produces.
struct Order {
  std::string hint;
  std::vector<std::size_t> from;  // [row or column of the pruned matrix]: that of the full matrix
};

// The right rows of qkv come first.
std::vector<Order> row_orders(const Case& k) {
  const std::size_t H = k.H, D = k.D, K = k.kept.size();
  std::vector<Order> orders = {
      {"", {}},
      {"; the full qkv has the parts outermost, [3,H,D,C]; these are the rows of the order [H,3,D,C], see layer.h", {}},
      {"; the parts are outermost, [3,K,D,C]: all queries, then all keys, then all values; this is [K,3,D,C]", {}},
      {"; both matrices have the parts outermost, [3,H,D,C] and [3,K,D,C]; you used [H,3,D,C] and [K,3,D,C]", {}},
      {"; in the full layer the keys begin at row HD and the values at row 2 HD, not KD and 2 KD", {}},
      {"; the rows of a head are neighbors: hD .. hD + D-1", {}},
      {"; these are the rows of the first K heads: `kept` has the indices of the heads to keep", {}},
      {"; these are the first 3KD rows of the full qkv", {}},
      {"; these are the rows of the heads that are not in `kept`: is the condition inverted?", {}},
      {"; every kept head got the rows of head 0: the row depends on h, as hD + d in its part", {}},
      {"; all three parts are the queries: the keys begin at row HD, the values at row 2 HD", {}}};
  Heads removed;
  for (std::size_t h = 0; h < H; ++h)
    if (!k.keeps(h)) removed.push_back(h);
  for (std::size_t i = 0; i < 3 * K * D; ++i) {
    const std::size_t part = i / (K * D), head = k.kept[i / D % K], d = i % D;  // [3,K,D]
    const std::size_t inner_part = i / D % 3, outer_head = k.kept[i / D / 3];   // [K,3,D]
    orders[0].from.push_back((part * H + head) * D + d);
    orders[1].from.push_back((head * 3 + part) * D + d);
    orders[2].from.push_back((inner_part * H + outer_head) * D + d);
    orders[3].from.push_back((outer_head * 3 + inner_part) * D + d);
    orders[4].from.push_back((part * K + head) * D + d);
    orders[5].from.push_back(part * H * D + d * H + head);
    orders[6].from.push_back((part * H + i / D % K) * D + d);
    orders[7].from.push_back(i);
    if (removed.size() == K) orders[8].from.push_back((part * H + removed[i / D % K]) * D + d);
    orders[9].from.push_back(part * H * D + d);
    orders[10].from.push_back(head * D + d);
  }
  return orders;
}

// In this case, all orders above differ.
const Case kTelling = {4, 4, 3, {1, 3}};

std::string row_hint() {
  const AttentionLayer p = kTelling.pruned();
  for (const Order& order : row_orders(kTelling)) {
    bool same = !order.hint.empty() && p.qkv.size() == order.from.size() * kTelling.C;
    for (std::size_t i = 0; same && i < p.qkv.size(); ++i)
      same =
          close(p.qkv[i], static_cast<double>(order.from[i / kTelling.C]) + static_cast<double>(i % kTelling.C) / 100);
    if (same) return order.hint;
  }
  return "";
}

std::string rows(const Case& k) {
  const AttentionLayer p = k.pruned();
  if (std::string text = sizes(k); !text.empty()) return text;
  const std::size_t K = k.kept.size();
  const Order right = row_orders(k)[0];
  for (std::size_t i = 0; i < p.qkv.size(); ++i) {
    const std::size_t to = i / k.C, c = i % k.C, from = right.from[to];
    if (close(p.qkv[i], static_cast<double>(from) + static_cast<double>(c) / 100)) continue;
    return cat(k.text(), ": row ", to, " of qkv, ", std::array{"query", "key", "value"}[to / (K * k.D)], " ", to % k.D,
               " of kept head ", k.kept[to / k.D % K], ", has ", p.qkv[i], " in column ", c, "; expected row ", from,
               " of the full qkv (element [r,c] is r + c / 100 here)", row_hint());
  }
  return "";
}

std::string biases(const Case& k) {
  const AttentionLayer p = k.pruned();
  const Order right = row_orders(k)[0];
  for (std::size_t to = 0; to < p.qkv_bias.size(); ++to)
    if (p.qkv_bias[to] != static_cast<float>(500 + right.from[to]))
      return cat(k.text(), ": qkv_bias[", to, "] is ", p.qkv_bias[to], "; expected the full layer's qkv_bias[",
                 right.from[to], "] = ", 500 + right.from[to], ": qkv_bias keeps the same rows as qkv");
  return "";
}

std::vector<Order> column_orders(const Case& k) {
  const std::size_t H = k.H, D = k.D, K = k.kept.size();
  std::vector<Order> orders = {
      {"", {}},
      {"; these are the columns of the first K heads: `kept` has the indices of the heads to keep", {}},
      {"; the columns of a head are neighbors: hD .. hD + D-1", {}},
      {"; these are the columns of the heads that are not in `kept`: is the condition inverted?", {}}};
  Heads removed;
  for (std::size_t h = 0; h < H; ++h)
    if (!k.keeps(h)) removed.push_back(h);
  for (std::size_t i = 0; i < K * D; ++i) {
    orders[0].from.push_back(k.kept[i / D] * D + i % D);
    orders[1].from.push_back(i);
    orders[2].from.push_back(i % D * H + k.kept[i / D]);
    if (removed.size() == K) orders[3].from.push_back(removed[i / D] * D + i % D);
  }
  return orders;
}

std::string column_hint() {
  const AttentionLayer p = kTelling.pruned(), full = kTelling.layer();
  const std::size_t HD = kTelling.H * kTelling.D, KD = kTelling.kept.size() * kTelling.D, C = kTelling.C;
  for (const Order& order : column_orders(kTelling)) {
    Floats out, transposed(C * KD);
    for (std::size_t r = 0; r < C; ++r)
      for (std::size_t i = 0; i < order.from.size(); ++i)
        out.push_back(full.out[r * HD + order.from[i]]), transposed[i * C + r] = out.back();
    if (p.out == out) return order.hint;
    if (p.out == transposed) return cat(order.hint, "; out is [C, KD]: this is its transpose [KD, C]");
  }
  Floats by_rows;
  for (const std::size_t h : kTelling.kept)
    for (std::size_t i = h * kTelling.D * C; i < (h + 1) * kTelling.D * C; ++i) by_rows.push_back(full.out[i]);
  if (p.out == by_rows) return "; out loses columns, not rows: a head is a group of columns of out";
  // The right columns, read or written with a wrong index.
  const std::vector<std::size_t> from = column_orders(kTelling)[0].from;
  Floats turned, stride_c, stride_kd, written(C * KD);
  for (std::size_t r = 0; r < C; ++r)
    for (std::size_t i = 0; i < KD; ++i) {
      turned.push_back(full.out[from[i] * C + r]);
      stride_c.push_back(full.out[r * C + from[i]]);
      stride_kd.push_back(full.out[r * KD + from[i]]);
      written[r * C + i] = full.out[r * HD + from[i]];
    }
  if (p.out == turned) return "; the full out was read as its transpose [HD, C]: it is [C, HD], row c begins at c HD";
  if (p.out == stride_c) return "; row c of the full out begins at c HD, not at c C: HD need not equal C";
  if (p.out == stride_kd) return "; row c of the full out begins at c HD; only in the pruned out it begins at c KD";
  if (p.out == written) return "; row c of the pruned out begins at c KD, not at c C";
  if (p.out == Floats(full.out.begin(), full.out.begin() + static_cast<std::ptrdiff_t>(p.out.size())))
    return "; these are the first numbers of out, whose rows have HD numbers";
  return "";
}

std::string columns(const Case& k) {
  const AttentionLayer p = k.pruned(), full = k.layer();
  const std::size_t width = k.kept.size() * k.D;
  const Order right = column_orders(k)[0];
  for (std::size_t r = 0; r < k.C; ++r)
    for (std::size_t i = 0; i < width; ++i) {
      const float value = p.out[r * width + i], expected = full.out[r * k.H * k.D + right.from[i]];
      if (close(value, expected)) continue;
      return cat(k.text(), ": out[", r, ",", i, "] is ", value, "; expected the full layer's out[", r, ",",
                 right.from[i], "] = ", expected, " (element [r,c] is r + c / 100 here)", column_hint());
    }
  return "";
}

// out_bias if the constants mean_of(h, d) of the heads in `which` are added with the factor `sign`.
template <class Which, class MeanOf>
std::vector<double> bias_with(const Case& k, double sign, const Which& which, const MeanOf& mean_of) {
  const AttentionLayer full = k.layer();
  std::vector<double> bias;
  for (std::size_t c = 0; c < k.C; ++c) {
    bias.push_back(static_cast<double>(full.out_bias[c]));
    for (std::size_t h = 0; h < k.H; ++h)
      for (std::size_t d = 0; d < k.D && which(h); ++d)
        bias.back() += sign * static_cast<double>(full.out[(c * k.H + h) * k.D + d]) * mean_of(h, d);
  }
  return bias;
}

// The hint of the mistake that gives the out_bias of kTelling with means.
std::string bias_hint() {
  Case k = kTelling;
  k.with_mean = true;
  const AttentionLayer p = k.pruned(), full = k.layer();
  const Floats mean = k.mean();
  const auto at = [&](std::size_t i) { return static_cast<double>(mean[i]); };
  const auto right = [&](std::size_t h, std::size_t d) { return at(h * k.D + d); };
  const auto gone = [&](std::size_t h) { return !k.keeps(h); };
  const auto is = [&](const std::vector<double>& bias) {
    for (std::size_t c = 0; c < k.C; ++c)
      if (!close(static_cast<double>(p.out_bias[c]), bias[c])) return false;
    return true;
  };
  const std::vector<double> expected = bias_with(k, 1, gone, right);
  std::vector<double> without = expected, sum;
  for (std::size_t c = 0; c < k.C; ++c) {
    const auto bias = static_cast<double>(full.out_bias[c]);
    without[c] -= bias;
    sum.push_back(bias);
    for (std::size_t h = 0; h < k.H; ++h)
      for (std::size_t d = 0; d < k.D && gone(h); ++d) sum.back() += right(h, d);
  }
  if (is(bias_with(k, 0, gone, right)))
    return "; out_bias did not change: add out[c, hD + d] mean[hD + d] of every pruned head";
  if (is(bias_with(
          k, 1, [&](std::size_t h) { return k.keeps(h); }, right)))
    return "; these are the means of the kept heads: their outputs are still computed";
  if (is(bias_with(
          k, 1, [](std::size_t) { return true; }, right)))
    return "; these are the means of all heads: only the pruned ones are replaced by their means";
  if (is(sum)) return "; the means must pass through the columns of out, as the outputs did";
  if (is(bias_with(k, -1, gone, right))) return "; the constants are subtracted: add them";
  if (is(bias_with(k, 1, gone, [&](std::size_t, std::size_t d) { return at(d); })))
    return "; mean[d] belongs to head 0: element d of head h has the mean mean[hD + d]";
  if (is(bias_with(k, 1, gone, [&](std::size_t h, std::size_t) { return at(h); })))
    return "; mean[h] is one number for the whole head: element d of head h has the mean mean[hD + d]";
  if (is(without)) return "; the full layer's out_bias is missing: begin with it, and add with +=";
  return "";
}

// The reference: out_bias with the constants of the pruned heads.
std::string folded(const Case& k) {
  const AttentionLayer p = k.pruned();
  const Floats mean = k.mean();
  const std::vector<double> expected = bias_with(
      k, 1, [&](std::size_t h) { return !k.keeps(h); },
      [&](std::size_t h, std::size_t d) { return static_cast<double>(mean[h * k.D + d]); });
  for (std::size_t c = 0; c < k.C; ++c) {
    const auto value = static_cast<double>(p.out_bias[c]);
    if (close(value, expected[c])) continue;
    const std::string hint = k.with_mean ? bias_hint()
                                         : "; all means are 0 here, so out_bias must be that of the full layer: begin "
                                           "with a copy of it, and add with +=";
    return cat(k.text(), ": out_bias[", c, "] is ", value, "; expected ", expected[c], hint);
  }
  return "";
}

// Causal attention over x [T,C]. The outputs of heads that are not in `kept` are replaced by `mean`.
Floats attend(const AttentionLayer& a, const Floats& x, const Heads& kept, const Floats& mean) {
  const std::size_t T = a.C > 0 ? x.size() / a.C : 0, HD = a.H * a.D;
  std::vector<double> p(T * 3 * HD);
  for (std::size_t t = 0; t < T; ++t)
    for (std::size_t r = 0; r < 3 * HD; ++r) {
      p[t * 3 * HD + r] = static_cast<double>(a.qkv_bias[r]);
      for (std::size_t c = 0; c < a.C; ++c)
        p[t * 3 * HD + r] += static_cast<double>(a.qkv[r * a.C + c]) * static_cast<double>(x[t * a.C + c]);
    }
  Floats y;
  for (std::size_t t = 0; t < T; ++t) {
    std::vector<double> z(HD);
    for (std::size_t h = 0; h < a.H; ++h) {
      if (std::find(kept.begin(), kept.end(), h) == kept.end()) {
        for (std::size_t d = 0; d < a.D; ++d) z[h * a.D + d] = static_cast<double>(mean[h * a.D + d]);
        continue;
      }
      double total = 0;
      for (std::size_t s = 0; s <= t; ++s) {
        double score = 0;
        for (std::size_t d = 0; d < a.D; ++d) score += p[t * 3 * HD + h * a.D + d] * p[s * 3 * HD + HD + h * a.D + d];
        const double weight = std::exp(score / std::sqrt(static_cast<double>(a.D)));
        total += weight;
        for (std::size_t d = 0; d < a.D; ++d) z[h * a.D + d] += weight * p[s * 3 * HD + 2 * HD + h * a.D + d];
      }
      for (std::size_t d = 0; d < a.D; ++d) z[h * a.D + d] /= total;
    }
    for (std::size_t c = 0; c < a.C; ++c) {
      double sum = static_cast<double>(a.out_bias[c]);
      for (std::size_t i = 0; i < HD; ++i) sum += static_cast<double>(a.out[c * HD + i]) * z[i];
      y.push_back(static_cast<float>(sum));
    }
  }
  return y;
}

std::string same_outputs(const Case& k) {
  Rng rng(7);
  const auto fill = [&](std::size_t n) {
    Floats v(n);
    for (float& number : v) number = static_cast<float>(0.5 * rng.normal());
    return v;
  };
  const std::size_t HD = k.H * k.D, T = 6;
  const AttentionLayer full{k.C, k.H, k.D, fill(3 * HD * k.C), fill(3 * HD), fill(k.C * HD), fill(k.C)};
  const AttentionLayer before = full;
  const Floats x = fill(T * k.C), mean = k.with_mean ? fill(HD) : Floats(HD, 0.0f);
  sizes_now() = k.text();
  const AttentionLayer pruned = prune_heads(full, k.kept, mean);
  if (full.qkv != before.qkv || full.out != before.out) return "the full layer changed: work on a copy";
  Heads all(pruned.H);
  for (std::size_t h = 0; h < all.size(); ++h) all[h] = h;
  const Floats y = attend(pruned, x, all, {}), expected = attend(full, x, k.kept, mean);
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (!close(static_cast<double>(y[i]), static_cast<double>(expected[i])))
      return cat(k.text(), ": y[", i / k.C, ",", i % k.C, "] of the pruned layer is ", y[i],
                 "; in the full layer with the other heads ", k.with_mean ? "set to their means" : "set to 0",
                 " it is ", expected[i], "; the weights are random here, some below 0");
  return "";
}

template <class Check>
std::string each(const Check& check, const std::vector<Case>& cases) {
  for (const Case& k : cases)
    if (std::string text = check(k); !text.empty()) return text;
  return "";
}

const std::vector<Case> kCases = {{1, 2, 1, {0}}, {4, 3, 2, {0, 2}}, {6, 4, 3, {1, 3}},   {5, 4, 2, {2}},
                                  {3, 2, 4, {1}}, {4, 2, 2, {0, 1}}, {3, 5, 1, {1, 2, 4}}};

std::vector<Case> with_means() {
  std::vector<Case> cases = kCases;
  for (Case& k : cases) k.with_mean = true;
  return cases;
}

}  // namespace

int main() {
  return check_facts(
      "Exercise 7: prune the heads of an attention layer",
      {{"the sizes of the pruned layer", [] { return each(sizes, kCases); }},
       {"qkv has the rows of the kept heads, in three parts", [] { return each(rows, kCases); }},
       {"qkv_bias loses the same rows", [] { return each(biases, kCases); }},
       {"out has the columns of the kept heads", [] { return each(columns, kCases); }},
       {"out_bias stays as it is if all means are 0", [] { return each(folded, kCases); }},
       {"outputs equal those of the full layer with pruned heads set to 0", [] { return each(same_outputs, kCases); }},
       {"the means of pruned heads are in out_bias", [] { return each(folded, with_means()); }},
       {"outputs equal those of the full layer with pruned heads set to their means",
        [] { return each(same_outputs, with_means()); }},
       {"all heads pruned: y is a constant", [] {
          const std::vector<Case> none = {{4, 3, 2, {}, true}};
          std::string text = each(sizes, none);
          if (text.empty()) text = each(folded, none);
          return text.empty() ? each(same_outputs, none) : text;
        }}});
}
