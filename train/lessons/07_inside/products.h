// One matrix product, C = A B of square row-major n x n matrices, written five ways. Each way changes one thing.
#pragma once

#include <span>

#include "headlight/base/index.h"

namespace headlight::lessons {

struct WayToMultiply {
  const char* name;
  const char* change;  // the change from the previous way
  int threads;         // 1, or 0: thread_count()
  // a, b and c hold n x n numbers; n must be divisible by 32.
  void (*multiply)(Index n, const float* a, const float* b, float* c);
};

std::span<const WayToMultiply> ways_to_multiply();

// The multiply-adds that one core can do with AVX2, in GFLOP/s; 0 on a CPU without AVX2.
double peak_gflops();

}  // namespace headlight::lessons
