// The facts of exercise 10.
#include "lessons/exercise_check.h"

#include HEADLIGHT_EXERCISE

using namespace headlight;
using namespace headlight::exercise;

namespace {

using Vec = std::vector<float>;

std::size_t at(int t, int j, int T) { return static_cast<std::size_t>(t * T + j); }

// A [T,T] with the weight 1 on key `key(t)` of each query.
template <class Key>
Vec one_key(int T, Key key) {
  Vec values(static_cast<std::size_t>(T * T), 0);
  for (int t = 0; t < T; ++t)
    if (key(t) >= 0) values[at(t, key(t), T)] = 1;
  return values;
}
int previous(int t) { return t - 1; }
int itself(int t) { return t; }

Vec uniform(int T) {
  Vec values(static_cast<std::size_t>(T * T), 0);
  for (int t = 0; t < T; ++t)
    for (int j = 0; j <= t; ++j) values[at(t, j, T)] = 1 / static_cast<float>(t + 1);
  return values;
}

// Causal attention that looks random; rows sum to 1.
Vec attention(int T, int seed) {
  Vec values(static_cast<std::size_t>(T * T), 0);
  for (int t = 0; t < T; ++t) {
    double sum = 0;
    for (int j = 0; j <= t; ++j)
      sum += values[at(t, j, T)] = static_cast<float>(1.1 + std::sin(7.0 * t + 3.0 * j + seed));
    for (int j = 0; j <= t; ++j) values[at(t, j, T)] = static_cast<float>(values[at(t, j, T)] / sum);
  }
  return values;
}

std::string differs(const std::string& call, double value, double expected, const std::string& hint) {
  return close(value, expected, 1e-5) ? "" : cat(call, " is ", value, "; expected ", expected, hint);
}

std::string perfect_head() {
  constexpr int T = 5;
  Vec a = one_key(T, previous);
  a[0] = 1;  // query 0 has no previous token; its row must sum to 1
  const double value = score(a, one_key(T, previous), T);
  std::string hint;
  if (close(value, 4.0 / 5)) hint = ": you divided by all 5 queries; query 0 has no previous token and is not eligible";
  else if (close(value, 4)) hint = ": this is the sum over queries; return the mean";
  else if (close(value, 4.0 / 25)) hint = ": you divided by T * T; divide by the number of eligible queries";
  return differs("the score of a head with all attention on the previous token (T = 5)", value, 1, hint);
}

std::string part_of_attention() {
  const double value = score({1, 0, 0.8F, 0.2F}, {0, 0, 1, 0}, 2);
  std::string hint;
  if (close(value, 1)) hint = ": add the weights, not the number of queries whose largest weight lies on the role";
  else if (close(value, 0.4)) hint = ": divide by the eligible queries, of which there is one";
  return differs("the score of the example, A = {1, 0, 0.8, 0.2}, R = {0, 0, 1, 0}", value, 0.8, hint);
}

std::string several_keys() {
  // Query 3 of T = 4 has the role keys 0 and 2.
  Vec a = uniform(4), r(16, 0);
  a[at(3, 0, 4)] = 0.5F, a[at(3, 1, 4)] = 0.1F, a[at(3, 2, 4)] = 0.3F, a[at(3, 3, 4)] = 0.1F;
  r[at(3, 0, 4)] = r[at(3, 2, 4)] = 1;
  const double value = score(a, r, 4);
  std::string hint;
  if (close(value, 0.4)) hint = ": a query with two role keys counts once; divide by queries, not by role keys";
  else if (close(value, 0.5)) hint = ": add the weights of all role keys of the query, not of one";
  return differs("the score with weights 0.5 and 0.3 on the two role keys of the only eligible query", value, 0.8,
                 hint);
}

std::string later_keys() {
  // Query 0's only role key lies in the future: the query is not eligible.
  Vec a = one_key(3, itself), r(9, 0);
  r[at(0, 2, 3)] = 1;
  r[at(2, 2, 3)] = 1;
  const double value = score(a, r, 3);
  if (const std::string wrong =
          differs("the score where query 0 has only the later key 2 as its role, and query 2 has key 2", value, 1,
                  close(value, 0.5) ? ": key 2 is masked for query 0, which is not eligible" : "");
      !wrong.empty())
    return wrong;
  const double s0 = chance(r, 3);
  return differs("chance for the same role", s0, 1.0 / 3,
                 ": key 2 is masked for query 0, so only query 2 counts, with 1 of 3 keys");
}

std::string chance_previous() {
  constexpr int T = 4;
  const Vec r = one_key(T, previous);
  const double value = chance(r, T), right = (1.0 / 2 + 1.0 / 3 + 1.0 / 4) / 3;
  std::string hint;
  if (close(value, 1.0 / 4)) hint = ": this is 1 / T; query t has only t + 1 keys, so it gives 1 / (t + 1) to each";
  else if (close(value, (1.0 + 1.0 / 2 + 1.0 / 3) / 3)) hint = ": query t has t + 1 keys, itself included, not t";
  else if (close(value, (1.0 / 2 + 1.0 / 3 + 1.0 / 4) / 4))
    hint = ": query 0 has no previous token and is not eligible";
  else if (close(value, 3.0 / 10))
    hint = ": this is role keys over all keys; average over queries, each with its own t + 1";
  return differs("chance for the previous token with T = 4", value, right, hint);
}

std::string chance_is_uniform() {
  for (const int T : {1, 2, 7}) {
    Vec r(static_cast<std::size_t>(T * T), 0);
    for (int t = 0; t < T; ++t)
      for (int j = 0; j < T; ++j) r[at(t, j, T)] = (t * 5 + j * 3) % 4 == 0 ? 1 : 0;
    if (const std::string wrong = differs(cat("chance for a role with T = ", T), chance(r, T), score(uniform(T), r, T),
                                          ", the score of uniform attention: a query whose role has n visible keys "
                                          "gives them n / (t + 1)");
        !wrong.empty())
      return wrong;
  }
  return "";
}

std::string kappa_scale() {
  constexpr int T = 6;
  const Vec r = one_key(T, previous);
  Vec perfect = r;
  perfect[0] = 1;
  const double s0 = score(uniform(T), r, T);
  double value = kappa(perfect, r, T);
  std::string hint = close(value, 1 - s0) ? ": S - S0 alone; divide by 1 - S0" : close(value, 1 / s0) ? ": S / S0" : "";
  if (const std::string wrong = differs("kappa of a perfect head", value, 1, hint); !wrong.empty()) return wrong;
  if (const std::string wrong = differs("kappa of uniform attention", kappa(uniform(T), r, T), 0, ""); !wrong.empty())
    return wrong;
  value = kappa(one_key(T, itself), r, T);
  hint = close(value, 0)     ? ": a head that avoids the role is below chance; do not cut kappa off at 0"
         : std::isnan(value) ? ": queries are eligible here, although the head's score is 0; S0 is 0 only if none is"
                             : "";
  if (const std::string wrong = differs("kappa of a head that never attends to the role", value, -s0 / (1 - s0), hint);
      !wrong.empty())
    return wrong;
  const Vec a = attention(T, 1);
  return differs("kappa of an ordinary head", kappa(a, r, T), (score(a, r, T) - s0) / (1 - s0), "");
}

std::string kappa_undefined() {
  const Vec none(9, 0), all(9, 1);
  if (const double value = score(uniform(3), none, 3); value != 0)
    return cat("the score of a role without keys is ", value, "; expected 0");
  if (const double value = kappa(uniform(3), none, 3); !std::isnan(value))
    return cat("kappa of a role without keys is ", value, "; expected NaN: no query is eligible");
  if (const double value = kappa(uniform(3), all, 3); !std::isnan(value))
    return cat("kappa of a role that contains every key is ", value,
               "; expected NaN: every head has S = S0 = 1 (allow for rounding: S0 may be 0.9999999)");
  const double value = kappa({1}, {1}, 1);
  return std::isnan(value) ? "" : cat("kappa with T = 1 is ", value, "; expected NaN: S0 is 1");
}

// ---- mean-ablation ----
Vec outputs(int count) {
  Vec z;
  for (int i = 0; i < count; ++i) z.push_back(static_cast<float>(std::sin(1.7 * i) + 0.01 * i));
  return z;
}

std::string ablated_values() {
  constexpr int B = 3, H = 2, T = 4, D = 5, h = 1;
  const Vec z = outputs(B * H * T * D), y = mean_ablate(z, B, H, T, D, h);
  if (y.size() != z.size()) return cat("the result has ", y.size(), " numbers; expected ", z.size());
  const auto index = [&](int b, int head, int t, int d) {
    return static_cast<std::size_t>(((b * H + head) * T + t) * D + d);
  };
  for (int b = 0; b < B; ++b)
    for (int t = 0; t < T; ++t)
      for (int d = 0; d < D; ++d) {
        double mean = 0, over_all = 0;
        for (int i = 0; i < B; ++i) {
          mean += z[index(i, h, t, d)] / static_cast<double>(B);
          for (int s = 0; s < T; ++s) over_all += z[index(i, h, s, d)] / static_cast<double>(B * T);
        }
        const double value = y[index(b, h, t, d)];
        if (close(value, mean)) continue;
        std::string hint;
        if (value == 0) hint = ": this is zero-ablation, which moves the model to inputs that it never had in training";
        else if (close(value, over_all)) hint = ": this is the mean over positions too; each position has its own mean";
        else if (close(value, z[index(b, h, t, d)])) hint = ": the head still has its own output";
        else if (close(value, (mean * B - z[index(b, h, t, d)]) / (B - 1)))
          hint = ": this is the mean over the other sequences; its own output belongs to the mean";
        else if (close(value, mean * B)) hint = ": this is the sum over the sequences; divide by B";
        else if (b > 0)
          hint =
              ": sequence 0 is right, so the mean was taken over numbers already overwritten; or b is missing in the "
              "index";
        return cat("z[", b, ",", h, ",", t, ",", d, "] is ", value, "; expected ", mean, ", the mean over the ", B,
                   " sequences", hint);
      }
  return "";
}

std::string other_heads() {
  constexpr int B = 2, H = 3, T = 2, D = 4, h = 0;
  const Vec z = outputs(B * H * T * D), y = mean_ablate(z, B, H, T, D, h);
  if (y.size() != z.size()) return cat("the result has ", y.size(), " numbers; expected ", z.size());
  for (std::size_t i = 0; i < z.size(); ++i) {
    const int head = static_cast<int>(i) / (T * D) % H;
    if (head != h && y[i] != z[i])
      return cat("head ", head, " changed: element ", i, " was ", z[i], " and is ", y[i], "; only head ", h,
                 " is ablated (B = 2, H = 3, T = 2, D = 4), and element [b,h,t,d] is at ((b * H + h) * T + t) * D + d");
  }
  return "";
}

std::string single_sequence() {
  const Vec z = outputs(12), y = mean_ablate(z, 1, 2, 3, 2, 1);
  for (std::size_t i = 0; i < z.size(); ++i)
    if (!close(y[i], z[i]))
      return cat("with B = 1 the mean is the value itself, but element ", i, " was ", z[i], " and is ", y[i]);
  return "";
}

std::string twice() {
  const Vec once = mean_ablate(outputs(48), 4, 2, 3, 2, 1), again = mean_ablate(once, 4, 2, 3, 2, 1);
  for (std::size_t i = 0; i < once.size(); ++i)
    if (!close(again[i], once[i]))
      return cat("ablating again changed element ", i, " from ", once[i], " to ", again[i]);
  return "";
}

}  // namespace

int main() {
  return check_facts("Exercise 10: score a head against chance and ablate it",
                     {{"all attention on the role scores 1", perfect_head},
                      {"the score adds attention", part_of_attention},
                      {"all role keys of a query count, the query once", several_keys},
                      {"masked keys do not count", later_keys},
                      {"chance: query t spreads its attention over t + 1 keys", chance_previous},
                      {"chance is the score of uniform attention", chance_is_uniform},
                      {"kappa: 0 is chance, 1 is perfect", kappa_scale},
                      {"kappa is NaN where it is undefined", kappa_undefined},
                      {"the other heads keep their outputs", other_heads},
                      {"the ablated head has its mean at each position", ablated_values},
                      {"a single sequence is its own mean", single_sequence},
                      {"ablating twice is ablating once", twice}});
}
