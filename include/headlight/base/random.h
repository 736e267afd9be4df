// Random numbers that are the same on every machine, unlike the distributions of the standard library.
#pragma once

#include <array>
#include <cstdint>

#include "headlight/base/index.h"

namespace headlight {

// One round of SplitMix64 (Steele, Lea and Flood 2014): hashes a 64-bit value to a well-mixed 64-bit value.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// xoshiro256++ (Blackman and Vigna 2019), seeded by SplitMix64. A copy continues the same sequence.
class Rng {
 public:
  using State = std::array<std::uint64_t, 4>;

  explicit Rng(std::uint64_t seed = 0);

  std::uint64_t next();  // uniform over 64 bits
  double uniform();      // uniform in [0, 1), 53 bits
  Index below(Index n);  // uniform in 0..n-1, unbiased. Error: n <= 0
  double normal();       // mean 0, variance 1 (Box-Muller)

  // The complete state, for checkpoints.
  const State& state() const { return state_; }
  void set_state(const State& state) { state_ = state; }

 private:
  State state_;
};

// The thread-local generator for parameter initialization and dropout. A program that calls seed_generator() before it
// builds its model always builds the same model.
Rng& generator();
void seed_generator(std::uint64_t seed);

// RAII guard: restores generator() on destruction, whatever was drawn or seeded in between.
class GeneratorGuard {
 public:
  GeneratorGuard() : before_(generator()) {}
  ~GeneratorGuard() { generator() = before_; }
  GeneratorGuard(const GeneratorGuard&) = delete;
  GeneratorGuard& operator=(const GeneratorGuard&) = delete;

 private:
  Rng before_;
};

}  // namespace headlight
