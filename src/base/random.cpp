// xoshiro256++, its distributions, and the thread-local generator.
#include "headlight/base/random.h"

#include <cmath>
#include <numbers>

#include "headlight/base/error.h"

namespace headlight {

namespace {
constexpr std::uint64_t rotate_left(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
}  // namespace

Rng::Rng(std::uint64_t seed) : state_{} {
  for (std::uint64_t& word : state_) {
    word = mix64(seed);
    seed += 0x9e3779b97f4a7c15u;
  }
}

std::uint64_t Rng::next() {
  State& s = state_;
  const std::uint64_t result = rotate_left(s[0] + s[3], 23) + s[0];
  const std::uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate_left(s[3], 45);
  return result;
}

double Rng::uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

Index Rng::below(Index n) {
  if (n <= 0) fail("random: below(", n, "): the bound is not positive; use at least 1");
  const auto bound = static_cast<std::uint64_t>(n);
  // Rejection sampling: without it, values under `reject` would make some remainders more likely.
  const std::uint64_t reject = (0 - bound) % bound;
  std::uint64_t value = next();
  while (value < reject) value = next();
  return static_cast<Index>(value % bound);
}

double Rng::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));  // 1 - u is never 0
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

Rng& generator() {
  thread_local Rng rng(0);
  return rng;
}

void seed_generator(std::uint64_t seed) { generator() = Rng(seed); }

}  // namespace headlight
