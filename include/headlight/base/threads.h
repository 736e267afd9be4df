// Threads: loops over chunks of a fixed size, so that a result never depends on how many threads there are.
//
//   parallel_for(n, 4096, [&](Index begin, Index end) { for (Index i = begin; i < end; ++i) y[i] = f(x[i]); });
//
// The range is cut into chunks of `grain` (the last may be shorter). Which thread takes a chunk varies; what a chunk
// is does not. Bodies write outputs of their own only: no atomics, no sums across chunks. A body that throws ends the loop:
// chunks that have not begun are left out, and the first exception is thrown to the caller.
#pragma once

#include "headlight/base/index.h"

namespace headlight {

// Threads that a parallel loop may use. Default: the CPUs this process may run on (OMP_NUM_THREADS is honoured);
// always 1 in a build without threads (without OpenMP, but for the thread sanitizer's).
int thread_count();
// Error: n outside 1..256. Without threads the count stays 1.
void set_thread_count(int n);
// Whether this build has threads.
bool has_threads();

namespace detail {
using ChunkBody = void (*)(const void* context, Index loop, Index chunk);
void run_chunks(Index loops, Index chunks, ChunkBody body, const void* context);
}  // namespace detail

// Calls body(begin, end) for each chunk of 0..n. A single chunk runs on the calling thread.
template <class Body>
void parallel_for(Index n, Index grain, const Body& body) {
  if (n <= 0) return;
  if (n <= grain) return body(Index{0}, n);
  struct Context {
    const Body& body;
    Index n, grain;
  };
  const Context context{body, n, grain};
  detail::run_chunks(
      1, (n + grain - 1) / grain,
      [](const void* opaque, Index, Index chunk) {
        const auto& c = *static_cast<const Context*>(opaque);
        const Index begin = chunk * c.grain;
        const Index end = begin + c.grain;
        c.body(begin, end < c.n ? end : c.n);
      },
      &context);
}

// A chain of short loops: calls body(step, part) for each part 0..parts-1 of step 0, then for each of step 1, and so on. A
// step begins when all parts of the one before it are done, and sees what they wrote. What lies between two steps costs
// half of what a parallel_for does. More parts than thread_count() gain nothing, and more than 65,535 run on the calling
// thread.
template <class Body>
void parallel_steps(Index steps, Index parts, const Body& body) {
  detail::run_chunks(
      steps, parts, [](const void* opaque, Index step, Index part) { (*static_cast<const Body*>(opaque))(step, part); },
      &body);
}

}  // namespace headlight
