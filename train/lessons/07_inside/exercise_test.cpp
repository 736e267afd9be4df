// The facts of exercise 7.
#include <algorithm>

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
  // Weight [row, column] of qkv is row + column / 100, that of out row + 1 + column / 100, so that a wrong value shows where it came from.
  AttentionLayer layer() const {
    AttentionLayer a{C, H, D, {}, {}, {}, {}};
    for (std::size_t r = 0; r < 3 * H * D; ++r) {
      for (std::size_t c = 0; c < C; ++c) a.qkv.push_back(static_cast<float>(r) + static_cast<float>(c) / 100);
      a.qkv_bias.push_back(-static_cast<float>(r));
    }
    for (std::size_t r = 0; r < C; ++r) {
      for (std::size_t c = 0; c < H * D; ++c) a.out.push_back(static_cast<float>(r + 1) + static_cast<float>(c) / 100);
      a.out_bias.push_back(static_cast<float>(10 * (r + 1)));
    }
    return a;
  }
  Floats mean() const {
    Floats m(H * D, 0.0f);
    for (std::size_t i = 0; i < m.size() && with_mean; ++i) m[i] = static_cast<float>(i + 1) / 2;
    return m;
  }
  AttentionLayer pruned() const { return prune_heads(layer(), kept, mean()); }
};

std::string sizes(const Case& k) {
  const AttentionLayer p = k.pruned();
  const std::size_t K = k.kept.size();
  if (p.D != k.D) return cat(k.text(), ": D is ", p.D, "; the heads that stay keep their size ", k.D);
  if (p.C != k.C) return cat(k.text(), ": C is ", p.C, "; the width of the model stays ", k.C);
  if (p.H != K) return cat(k.text(), ": H is ", p.H, "; expected the number of kept heads, ", K);
  const auto wrong = [&](const char* name, std::size_t size, std::size_t expected, const char* shape) {
    return size == expected ? ""
                            : cat(k.text(), ": ", name, " has ", size, " numbers; expected ", shape, " = ", expected);
  };
  std::string text = wrong("qkv", p.qkv.size(), 3 * K * k.D * k.C, "[3KD, C]");
  if (text.empty()) text = wrong("out", p.out.size(), k.C * K * k.D, "[C, KD]");
  if (text.empty()) text = wrong("qkv_bias", p.qkv_bias.size(), 3 * K * k.D, "[3KD]");
  if (text.empty()) text = wrong("out_bias", p.out_bias.size(), k.C, "[C]");
  return text;
}

std::string rows(const Case& k) {
  const AttentionLayer p = k.pruned();
  if (std::string text = sizes(k); !text.empty()) return text;
  const char* parts[] = {"query", "key", "value"};
  for (std::size_t part = 0; part < 3; ++part)
    for (std::size_t i = 0; i < k.kept.size(); ++i)
      for (std::size_t d = 0; d < k.D; ++d) {
        const std::size_t to = (part * k.kept.size() + i) * k.D + d, from = (part * k.H + k.kept[i]) * k.D + d;
        for (std::size_t c = 0; c < k.C; ++c) {
          const float value = p.qkv[to * k.C + c], expected = static_cast<float>(from) + static_cast<float>(c) / 100;
          if (close(value, expected)) continue;
          std::string hint;
          const auto row = static_cast<std::size_t>(std::max(0.0f, value + 0.005f));
          if (row == k.kept[i] + d * k.H + part * k.H * k.D)
            hint = "; the rows of a head are neighbors: hD .. hD + D-1";
          else if (part > 0 && row == (part * k.kept.size() + k.kept[i]) * k.D + d)
            hint = cat("; in the full layer the ", parts[part], " part begins at row ", part, " HD, not ", part, " KD");
          return cat(k.text(), ": row ", to, " of qkv, the ", parts[part], " of kept head ", k.kept[i],
                     ", begins like row ", row, " of the full qkv; expected row ", from, hint);
        }
      }
  return "";
}

std::string biases(const Case& k) {
  const AttentionLayer p = k.pruned();
  for (std::size_t part = 0; part < 3; ++part)
    for (std::size_t i = 0; i < k.kept.size(); ++i)
      for (std::size_t d = 0; d < k.D; ++d) {
        const std::size_t to = (part * k.kept.size() + i) * k.D + d, from = (part * k.H + k.kept[i]) * k.D + d;
        if (p.qkv_bias[to] != -static_cast<float>(from))
          return cat(k.text(), ": qkv_bias[", to, "] is ", p.qkv_bias[to], "; expected the full layer's qkv_bias[",
                     from, "] = ", -static_cast<float>(from), ": the bias loses the same rows as qkv");
      }
  return "";
}

std::string columns(const Case& k) {
  const AttentionLayer p = k.pruned(), full = k.layer();
  const std::size_t width = k.kept.size() * k.D;
  Floats by_rows;
  for (const std::size_t h : k.kept)
    for (std::size_t i = h * k.D * k.C; i < (h + 1) * k.D * k.C; ++i) by_rows.push_back(full.out[i]);
  const Floats first(full.out.begin(), full.out.begin() + static_cast<std::ptrdiff_t>(p.out.size()));
  for (std::size_t r = 0; r < k.C; ++r)
    for (std::size_t i = 0; i < width; ++i) {
      const std::size_t from = k.kept[i / k.D] * k.D + i % k.D;
      const float value = p.out[r * width + i], expected = full.out[r * k.H * k.D + from];
      if (close(value, expected)) continue;
      std::string hint;
      if (p.out == by_rows) hint = "; out loses columns, not rows: a head is a group of columns of out";
      else if (p.out == first) hint = "; these are the first numbers of out, whose rows have HD numbers";
      return cat(k.text(), ": out[", r, ",", i, "] is ", value, "; expected the full layer's out[", r, ",", from,
                 "] = ", expected, hint);
    }
  return "";
}

// The reference: y of one position from z, with and without pruning.
std::string folded(const Case& k) {
  const AttentionLayer p = k.pruned(), full = k.layer();
  const Floats mean = k.mean();
  for (std::size_t c = 0; c < k.C; ++c) {
    double expected = static_cast<double>(full.out_bias[c]), other = expected, sum = expected;
    for (std::size_t i = 0; i < k.H * k.D; ++i) {
      const double part = static_cast<double>(full.out[c * k.H * k.D + i]) * static_cast<double>(mean[i]);
      (k.keeps(i / k.D) ? other : expected) += part;
      if (!k.keeps(i / k.D)) sum += static_cast<double>(mean[i]);
    }
    const auto value = static_cast<double>(p.out_bias[c]);
    if (close(value, expected)) continue;
    std::string hint;
    if (close(value, static_cast<double>(full.out_bias[c])))
      hint = "; out_bias did not change: add out[c, hD + d] mean[hD + d] of every removed head";
    else if (close(value, other)) hint = "; these are the means of the kept heads: their outputs are still computed";
    else if (close(value, expected + other - static_cast<double>(full.out_bias[c])))
      hint = "; these are the means of all heads: only the removed ones are replaced by their means";
    else if (close(value, sum)) hint = "; the means must pass through the columns of out, as the outputs did";
    return cat(k.text(), ": out_bias[", c, "] is ", value, "; expected ", expected, hint);
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
  const AttentionLayer pruned = prune_heads(full, k.kept, mean);
  if (full.qkv != before.qkv || full.out != before.out) return "the full layer changed: work on a copy";
  Heads all(pruned.H);
  for (std::size_t h = 0; h < all.size(); ++h) all[h] = h;
  const Floats y = attend(pruned, x, all, {}), expected = attend(full, x, k.kept, mean);
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (!close(static_cast<double>(y[i]), static_cast<double>(expected[i])))
      return cat(k.text(), ": y[", i / k.C, ",", i % k.C, "] of the pruned layer is ", y[i], "; with the heads ",
                 k.with_mean ? "replaced by their means" : "masked", " it is ", expected[i]);
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
  return check_facts("Exercise 7: remove heads from an attention layer",
                     {{"the sizes of the pruned layer", [] { return each(sizes, kCases); }},
                      {"qkv has the rows of the kept heads, in three parts", [] { return each(rows, kCases); }},
                      {"qkv_bias loses the same rows", [] { return each(biases, kCases); }},
                      {"out has the columns of the kept heads", [] { return each(columns, kCases); }},
                      {"outputs equal those of the layer with masked heads", [] { return each(same_outputs, kCases); }},
                      {"the means of removed heads are in out_bias", [] { return each(folded, with_means()); }},
                      {"outputs equal those with means", [] { return each(same_outputs, with_means()); }},
                      {"all heads removed: y is a constant", [] {
                         const std::vector<Case> none = {{4, 3, 2, {}, true}};
                         std::string text = each(sizes, none);
                         if (text.empty()) text = each(folded, none);
                         return text.empty() ? each(same_outputs, none) : text;
                       }}});
}
