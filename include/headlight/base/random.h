// Random numbers that are the same on every machine: std:: distributions are not.
#pragma once

#include <array>
#include <cstdint>

#include "headlight/base/index.h"

namespace headlight {

// One round of SplitMix64 (Steele, Lea, Flood 2014): a well mixed 64-bit value from any 64-bit value.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// xoshiro256++ (Blackman, Vigna 2019), its state seeded by SplitMix64. Copyable: a copy continues the same sequence.
class Rng {
 public:
  using State = std::array<std::uint64_t, 4>;

  explicit Rng(std::uint64_t seed = 0);

  std::uint64_t next();  // uniform over 64 bits
  double uniform();      // uniform in [0, 1), 53 bits
  Index below(Index n);  // uniform in 0..n-1, without bias. Error: n <= 0
  double normal();       // mean 0, variance 1 (Box-Muller)

  // All there is to know of a generator; for checkpoints.
  const State& state() const { return state_; }
  void set_state(const State& state) { state_ = state; }

 private:
  State state_;
};

// The generator that parameter initialisation and dropout draw from, one per thread. seed_generator() starts it anew,
// so that a program that seeds first and then builds its model always builds the same one.
Rng& generator();
void seed_generator(std::uint64_t seed);

// While it lives others may draw and seed as they like: it leaves generator() as it found it.
class KeepGenerator {
 public:
  KeepGenerator() : before_(generator()) {}
  ~KeepGenerator() { generator() = before_; }
  KeepGenerator(const KeepGenerator&) = delete;
  KeepGenerator& operator=(const KeepGenerator&) = delete;

 private:
  Rng before_;
};

}  // namespace headlight
