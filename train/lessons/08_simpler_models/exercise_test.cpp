// The facts of exercise 8. Every output is compared with masked full attention, computed in double from all tokens.
#include "lessons/exercise_check.h"

#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <new>

#include HEADLIGHT_EXERCISE

using namespace headlight;
using namespace headlight::exercise;

namespace {

// ---- memory: counts the bytes in use and detects writes past the end of a block ----
constexpr std::size_t kHeader = alignof(std::max_align_t), kGuard = 512;
constexpr int kFill = 0xFF;        // four such bytes are a NaN, so a read of an unwritten row gives NaN
std::size_t live_bytes = 0;        // allocated with new and not deleted yet
std::size_t overrun_of_bytes = 0;  // size of a block that was written past its end; 0: none

}  // namespace

void* operator new(std::size_t bytes) {
  unsigned char* block = static_cast<unsigned char*>(std::malloc(kHeader + bytes + kGuard));
  if (block == nullptr) throw std::bad_alloc();
  std::memcpy(block, &bytes, sizeof bytes);
  std::memset(block + kHeader, kFill, bytes + kGuard);
  live_bytes += bytes;
  return block + kHeader;
}
void operator delete(void* memory) noexcept {
  if (memory == nullptr) return;
  unsigned char* block = static_cast<unsigned char*>(memory) - kHeader;
  std::size_t bytes;
  std::memcpy(&bytes, block, sizeof bytes);
  for (std::size_t i = 0; i < kGuard; ++i)
    if (block[kHeader + bytes + i] != kFill) overrun_of_bytes = bytes;
  live_bytes -= bytes;
  std::free(block);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

namespace {

// ---- masked full attention ----
using Row = std::vector<double>;
using Rows = std::vector<Row>;

// The queries, keys and values of T tokens, [T,D] each.
struct Tokens {
  std::size_t size;  // D
  Rows q, k, v;
  std::size_t count() const { return q.size(); }
};

// The next number of a fixed sequence between -2 and 2, exact in float.
double next_number() {
  static unsigned state = 7;
  state = state * 1664525u + 1013904223u;
  return static_cast<double>(state >> 12) / 262144.0 - 2;
}
Tokens random_tokens(std::size_t count, std::size_t size) {
  Tokens x{size, Rows(count, Row(size)), Rows(count, Row(size)), Rows(count, Row(size))};
  for (Rows* rows : {&x.q, &x.k, &x.v})
    for (Row& row : *rows)
      for (double& value : row) value = next_number();
  return x;
}

double dot(const Row& a, const Row& b) {
  double total = 0;
  for (std::size_t i = 0; i < a.size(); ++i) total += a[i] * b[i];
  return total;
}
Row attend(const Row& q, const Rows& keys, const Rows& values, double divisor) {
  Row scores, z(q.size());
  for (const Row& k : keys) scores.push_back(dot(q, k) / divisor);
  double sum = 0;
  const double largest = scores.empty() ? 0 : *std::max_element(scores.begin(), scores.end());
  for (double& score : scores) sum += score = std::exp(score - largest);
  for (std::size_t s = 0; s < values.size(); ++s)
    for (std::size_t d = 0; d < z.size(); ++d) z[d] += scores[s] / sum * values[s][d];
  return z;
}
// Rows begin .. end - 1.
Rows part(const Rows& rows, std::size_t begin, std::size_t end) {
  Rows result;
  for (std::size_t i = begin; i < end; ++i) result.push_back(rows[i]);
  return result;
}
std::size_t first_visible(std::size_t t, std::size_t window) { return t + 1 > window ? t + 1 - window : 0; }
double root(std::size_t n) { return std::sqrt(static_cast<double>(n)); }
// Token t attends to the tokens begin .. end - 1.
Row attend_to(const Tokens& x, std::size_t t, std::size_t begin, std::size_t end) {
  return attend(x.q[t], part(x.k, begin, end), part(x.v, begin, end), root(x.size));
}
Row expected_output(const Tokens& x, std::size_t t, std::size_t window) {
  return attend_to(x, t, first_visible(t, window), t + 1);
}

// ---- mistakes ----
bool same(const std::vector<float>& a, const Row& b) {
  for (std::size_t d = 0; d < a.size(); ++d)
    if (!close(static_cast<double>(a[d]), b[d])) return false;
  return true;
}
std::string tokens_text(std::size_t begin, std::size_t end) {
  if (end == begin + 1) return cat("token ", begin);
  return cat("tokens ", begin, end == begin + 2 ? " and " : " to ", end - 1);
}

// The reason for a wrong output z of token t, if a known mistake gives z.
std::string reason(const std::vector<float>& z, const Tokens& x, std::size_t t, std::size_t window) {
  const std::size_t first = first_visible(t, window), size = x.size, rows = t + 1 - first;
  const Rows keys = part(x.k, first, t + 1), values = part(x.v, first, t + 1);
  const auto scaled = [&](double divisor) { return same(z, attend(x.q[t], keys, values, divisor)); };
  const auto sees = [&](std::size_t begin, std::size_t end) { return same(z, attend_to(x, t, begin, end)); };

  for (const float value : z)
    if (std::isnan(value))
      return "does the code read a row that no token has written, divide by an empty sum, or divide infinity by "
             "infinity?";
  if (scaled(1)) return "the dot product is not divided by sqrt(D)";
  if (scaled(static_cast<double>(size))) return "divided by D; divide by the square root of D";
  if (scaled(root(window))) return "divided by sqrt(W); D is the size of a key, W the number of rows";
  if (scaled(root(rows))) return "divided by the square root of the number of rows; divide by sqrt(D)";
  if (scaled(1 / root(size))) return "multiplied by sqrt(D); divide by it";
  if (scaled(std::floor(root(size))))
    return "divided by the integer part of sqrt(D); compute the root in floating point";
  if (scaled(-root(size))) return "the sign of the scores is reversed";

  if (t >= window) {
    if (sees(first - 1, t))
      return cat("token ", t, " itself is missing; overwrite the oldest row before you read the ring");
    if (sees(first - 1, t + 1)) return cat("token ", first - 1, " is still visible; W tokens with itself, not W + 1");
    if (sees(0, t + 1)) return cat("all ", t + 1, " tokens are visible");
    if (sees(t - t % window, t + 1))
      return cat("was only row 0 to row ", t % window, " of the ring read? After W tokens all W rows are in use");
    if (sees(0, window)) return "the first W tokens are visible; overwrite the oldest row";
  }
  if (rows > 1) {
    if (sees(first, t)) return cat("token ", t, " itself is missing; store its key and value before you read the ring");
    if (sees(t, t + 1))
      return cat("this is token ", t, "'s own value; does the ring hold copies of the rows before it?");
  }
  if (rows == window && window > 2 && sees(first + 1, t + 1))
    return cat("token ", first, " is missing; W tokens with itself, not W - 1");
  if (rows < window) {
    Rows padded_keys = keys, padded_values = values;
    padded_keys.resize(window, Row(size)), padded_values.resize(window, Row(size));
    if (same(z, attend(x.q[t], padded_keys, padded_values, root(size))))
      return cat("the softmax runs over all ", window, " rows; after ", t + 1,
                 " token(s) the other rows are empty, and e^0 = 1", " is not a weight of 0");
  }

  Rows ring_keys(rows), ring_values(rows);  // in ring order: token s in row s % W
  for (std::size_t s = first; s <= t; ++s)
    ring_keys[s % window % rows] = x.k[s], ring_values[s % window % rows] = x.v[s];
  if (same(z, attend(x.q[t], keys, ring_values, root(size))) || same(z, attend(x.q[t], ring_keys, values, root(size))))
    return "weights and values are in different orders: one by age, one by ring row; the weight of row r belongs to "
           "value r";
  if (t >= window) {
    Rows k = part(x.k, 0, window - 1), v = part(x.v, 0, window - 1);
    k.push_back(x.k[t]), v.push_back(x.v[t]);
    if (same(z, attend(x.q[t], k, v, root(size))))
      return cat("each token overwrites row ", window - 1, "; token ", t, " belongs into row t % W = ", t % window);
  }

  if (same(z, attend(x.q[t], keys, keys, root(size)))) return "the weighted sum runs over keys; sum the values";
  if (same(z, attend(x.q[t], values, values, root(size)))) return "the scores use values; use the keys";
  if (same(z, attend(x.k[t], part(x.q, first, t + 1), values, root(size))))
    return "the scores use old queries and the new key; use the new query and the stored keys";
  double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (const Row& k : keys) largest = std::max(largest, dot(x.q[t], k) / root(size));
  for (const Row& k : keys) sum += std::exp(dot(x.q[t], k) / root(size) - largest);
  Row raw = attend(x.q[t], keys, values, root(size)), exponentials = raw, linear(size);
  for (double& value : raw) value *= sum;
  for (double& value : exponentials) value *= sum * std::exp(largest);
  for (const Row& k : keys)
    for (std::size_t d = 0; d < size; ++d)
      linear[d] += dot(x.q[t], k) / root(size) * values[static_cast<std::size_t>(&k - keys.data())][d];
  if (same(z, raw) || same(z, exponentials))
    return "the weights do not sum to 1; divide by the sum of the exponentials";
  Row averaged = raw, added = expected_output(x, t, window);
  for (double& value : averaged) value /= static_cast<double>(rows);
  if (same(z, averaged)) return "divided by the number of rows; divide by the sum of the exponentials";
  for (std::size_t d = 0; t > 0 && d < size; ++d) added[d] += expected_output(x, t - 1, window)[d];
  if (same(z, added)) return "the output of the token before is included; start the sum at 0 for each token";
  if (same(z, linear)) return "the scores are the weights; apply the softmax first";
  return "";
}

// Compares the output of token t; empty if it is right.
std::string compare(const std::vector<float>& z, const Tokens& x, std::size_t t, std::size_t window) {
  if (z.size() != x.size)
    return cat("D = ", x.size, ", W = ", window, ": the output of token ", t, " has ", z.size(), " values; expected D");
  const Row expected = expected_output(x, t, window);
  for (std::size_t d = 0; d < x.size; ++d)
    if (!close(static_cast<double>(z[d]), expected[d])) {
      const std::string why = reason(z, x, t, window);
      return cat("D = ", x.size, ", W = ", window, ": token ", t, " attends to ",
                 tokens_text(first_visible(t, window), t + 1), ": channel ", d, " of its output is ", z[d],
                 "; expected ", expected[d], why.empty() ? "" : ": ", why);
    }
  return "";
}

// Feeds tokens one by one from the same three vectors, which each token overwrites.
class Feeder {
 public:
  Feeder(std::size_t size, std::size_t window) : q_(size), k_(size), v_(size), attention_(size, window) {}
  std::vector<float> next(const Tokens& x, std::size_t t) {
    for (std::size_t d = 0; d < x.size; ++d) {
      q_[d] = static_cast<float>(x.q[t][d]);
      k_[d] = static_cast<float>(x.k[t][d]);
      v_[d] = static_cast<float>(x.v[t][d]);
    }
    return attention_.next(q_, k_, v_);
  }
  std::size_t stored() const { return attention_.stored(); }

 private:
  std::vector<float> q_, k_, v_;
  WindowAttention attention_;
};
std::string check_all(const Tokens& x, std::size_t window) {
  Feeder feeder(x.size, window);
  for (std::size_t t = 0; t < x.count(); ++t)
    if (const std::string wrong = compare(feeder.next(x, t), x, t, window); !wrong.empty()) return wrong;
  return "";
}

// ---- facts ----
std::string first_token() {
  const Tokens x = random_tokens(1, 3);
  const std::vector<float> z = Feeder(3, 4).next(x, 0);
  if (z == std::vector<float>{0, 0, 0})
    return cat("D = 3, W = 4: the output of token 0 is 0, 0, 0; expected its own value ", x.v[0][0], ", ", x.v[0][1],
               ", ", x.v[0][2], ": store its key and its value, both in row 0, before you read the ring");
  return compare(z, x, 0, 4);
}

std::string two_tokens() {
  const Tokens x = random_tokens(2, 5);
  return check_all(x, 3);
}

std::string stored_rows() {
  const Tokens x = random_tokens(8, 2);
  for (const std::size_t window : {3u, 20u, 1u}) {
    Feeder feeder(2, window);
    if (feeder.stored() != 0)
      return cat("W = ", window, ": stored() of a new object is ", feeder.stored(),
                 "; expected 0: count tokens, in a member ", "that is not static");
    for (std::size_t t = 0; t < x.count(); ++t) {
      feeder.next(x, t);
      const std::size_t expected = std::min(t + 1, window);
      if (feeder.stored() != expected)
        return cat("W = ", window, ": stored() is ", feeder.stored(), " after ", t + 1, " token(s); expected ",
                   expected,
                   feeder.stored() > window ? ": the ring has only W rows"
                   : t >= window            ? ": the ring stays full once W tokens have come"
                                            : ": one row for each token until the ring is full");
    }
  }
  return "";
}

// The query 0 makes all scores 0, and the value of token s is 1 in channel s only: z[s] is the weight of token s.
std::string visible(std::size_t count, std::size_t window) {
  Tokens x = random_tokens(count, count);
  for (std::size_t t = 0; t < count; ++t)
    for (std::size_t d = 0; d < count; ++d) x.q[t][d] = 0, x.v[t][d] = d == t;
  Feeder feeder(count, window);
  for (std::size_t t = 0; t < count; ++t) {
    const std::vector<float> z = feeder.next(x, t);
    if (z.size() != count) return compare(z, x, t, window);
    const std::size_t first = first_visible(t, window), rows = t + 1 - first;
    for (std::size_t s = 0; s < count; ++s) {
      const double expected = s >= first && s <= t ? 1 / static_cast<double>(rows) : 0;
      if (close(static_cast<double>(z[s]), expected)) continue;
      const std::string why = reason(z, x, t, window);
      return cat("W = ", window, ", all scores equal: token ", t, " attends to ", tokens_text(first, t + 1),
                 " but gives token ", s, " the weight ", z[s], "; expected ", expected, why.empty() ? "" : ": ", why);
    }
  }
  return "";
}
std::string before_full() { return visible(3, 8); }
std::string full() { return visible(4, 4); }
std::string oldest_leaves() { return visible(6, 5); }
std::string wrapped() {
  if (const std::string wrong = visible(14, 4); !wrong.empty()) return wrong;
  return check_all(random_tokens(17, 5), 4);
}

std::string window_of_one() { return check_all(random_tokens(5, 3), 1); }
std::string wide_window() { return check_all(random_tokens(6, 3), 1000); }
std::string sizes() {
  for (const std::size_t size : {1u, 2u, 7u, 16u})
    for (const std::size_t window : {2u, 3u, 7u, 8u})
      if (const std::string wrong = check_all(random_tokens(3 * window + 2, size), window); !wrong.empty())
        return wrong;
  return "";
}

// D = 4 and queries (2, 0, 0, 0): the score of a token is the first element of its key.
std::string with_scores(const Row& scores, std::size_t window, const std::string& hint) {
  Tokens x = random_tokens(scores.size(), 4);
  for (std::size_t t = 0; t < scores.size(); ++t) x.q[t] = {2, 0, 0, 0}, x.k[t] = {scores[t], 0, 0, 0};
  const std::string wrong = check_all(x, window);
  if (wrong.empty()) return "";
  std::string list;
  for (const double score : scores) list += cat(list.empty() ? "" : ", ", score);
  return cat("tokens with scores ", list, ": ", hint, ". ", wrong);
}
std::string large_scores() {
  return with_scores({1000, 1001, 999, 1000.5}, 3, "e^1000 overflows; subtract the largest score of the ring first");
}
std::string low_scores() {
  return with_scores({-1000, -1001, -999, -1000.5}, 5,
                     "start the search for the largest score with a score of the ring, not with 0 or an empty row");
}
std::string old_maximum() {
  return with_scores({1000, 1, 2, 3, 1000, 0, 1}, 2,
                     "a score of 1000 has left the window; find the largest score anew for each token");
}

std::string two_objects() {
  const Tokens x = random_tokens(9, 3), y = random_tokens(9, 3);
  Feeder a(3, 4), b(3, 4);
  for (std::size_t t = 0; t < x.count(); ++t)
    for (const bool second : {false, true}) {
      const Tokens& tokens = second ? y : x;
      const std::vector<float> z = (second ? b : a).next(tokens, t);
      if (const std::string wrong = compare(z, tokens, t, 4); !wrong.empty())
        return cat("two objects a and b take turns, and each is right alone: ", second ? "b" : "a",
                   " reads rows of the other; no static or global data. ", wrong);
    }
  return "";
}

std::string memory() {
  constexpr std::size_t kSize = 64, kWindow = 16, kCount = 1000, kRow = kSize * sizeof(float);
  const Tokens x = random_tokens(kCount, kSize);
  const std::size_t before = live_bytes;
  Feeder feeder(kSize, kWindow);
  std::size_t full = 0;
  for (std::size_t t = 0; t < kCount; ++t) {
    const std::string wrong = compare(feeder.next(x, t), x, t, kWindow);
    if (!wrong.empty()) return wrong;
    if (t + 1 == 2 * kWindow) full = live_bytes - before - 3 * kRow;  // without the Feeder's own three rows
  }
  const std::size_t now = live_bytes - before - 3 * kRow;
  if (now > full)
    return cat("D = ", kSize, ", W = ", kWindow, ": the object holds ", full, " bytes after ", 2 * kWindow,
               " tokens and ", now, " bytes after ", kCount,
               "; memory must not grow: overwrite row t % W instead of adding rows");
  if (now > 3 * kWindow * kRow)
    return cat("D = ", kSize, ", W = ", kWindow, ": the object holds ", now,
               " bytes; W keys and W values of D floats are ", 2 * kWindow * kRow,
               " bytes: allocate exactly W rows of each");
  if (feeder.stored() != kWindow)
    return cat("stored() is ", feeder.stored(), " after ", kCount, " tokens; expected ", kWindow);
  return "";
}

// Adds to a fact: nothing is written past the end of a block of memory. Such a write explains wrong values, so it goes
// first.
Fact guarded(const std::string& name, const std::function<std::string()>& check) {
  return {name, [check] {
            overrun_of_bytes = 0;
            const std::string wrong = check();
            if (overrun_of_bytes == 0) return wrong;
            return cat("your code wrote past the end of a block of ", overrun_of_bytes, " bytes (",
                       overrun_of_bytes / 4, " floats): rows run from 0 to W - 1, and the row after W - 1 is row 0");
          }};
}

}  // namespace

int main() {
  return check_facts(
      "Exercise 8: a sliding window with a ring buffer",
      {guarded("the first token returns its own value", first_token),
       guarded("stored() counts tokens up to W", stored_rows),
       guarded("two tokens: softmax of q . k / sqrt(D)", two_tokens),
       guarded("before W tokens, empty rows are not read", before_full),
       guarded("the W-th token attends to all W tokens", full),
       guarded("the next token no longer attends to token 0", oldest_leaves),
       guarded("the ring wraps around several times", wrapped),
       guarded("W = 1: each token returns its own value", window_of_one), guarded("W = 1000 and 6 tokens", wide_window),
       guarded("all sizes D and W, equal or not", sizes), guarded("scores of 1000 do not overflow", large_scores),
       guarded("scores of -1000 do not underflow", low_scores),
       guarded("the largest score is that of the window", old_maximum),
       guarded("two objects do not share state", two_objects),
       guarded("memory stays W rows after 1000 tokens", memory)});
}
