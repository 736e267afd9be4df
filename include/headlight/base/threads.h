// Parallel loops over chunks of a fixed size, so that results do not depend on the number of threads.
//
//   parallel_for(n, 4096, [&](Index begin, Index end) { for (Index i = begin; i < end; ++i) y[i] = f(x[i]); });
//
// The range is divided into chunks of `grain` elements (the last may be shorter). The chunks are fixed; only their
// assignment to threads varies. A body writes its own outputs only: no atomics, no sums across chunks. If a body
// throws, chunks that have not begun are skipped, and the caller receives the first exception.
#pragma once

#include "headlight/base/index.h"

namespace headlight {

// Number of threads of a parallel loop. Default: OMP_NUM_THREADS, or else the number of CPUs available to this process;
// always 1 in a build without threads. Builds without OpenMP have no threads, except builds for the thread sanitizer.
int thread_count();
// Sets the number of threads. Error: n outside 1..256. Without threads the number stays 1.
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

// A chain of short loops: calls body(step, part) for all parts 0..parts-1 of step 0, then of step 1, and so on. A step
// begins when all parts of the previous step are done, and sees their writes. Synchronizing between steps costs half as
// much as a parallel_for. More parts than thread_count() are no faster. More than 65,535 parts run on the calling
// thread alone.
template <class Body>
void parallel_steps(Index steps, Index parts, const Body& body) {
  detail::run_chunks(
      steps, parts, [](const void* opaque, Index step, Index part) { (*static_cast<const Body*>(opaque))(step, part); },
      &body);
}

}  // namespace headlight
