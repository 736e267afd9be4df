#include "headlight/base/threads.h"

#ifdef _OPENMP
#include <omp.h>
#endif

#include "headlight/base/error.h"

namespace headlight {

#ifdef _OPENMP

namespace {
int& chosen_count() {
  static int count = omp_get_max_threads();
  return count;
}
}  // namespace

int thread_count() { return chosen_count(); }

void set_thread_count(int n) {
  if (n < 1 || n > 256) fail("threads: ", n, " is outside 1 to 256");
  chosen_count() = n;
}

bool has_openmp() { return true; }

void detail::run_chunks(Index chunks, ChunkBody body, const void* context) {
  const Index wanted = thread_count() < chunks ? thread_count() : chunks;
  if (wanted <= 1 || omp_in_parallel()) {
    for (Index chunk = 0; chunk < chunks; ++chunk) body(context, chunk);
    return;
  }
#pragma omp parallel for num_threads(static_cast <int>(wanted)) schedule(static)
  for (Index chunk = 0; chunk < chunks; ++chunk) body(context, chunk);
}

#else

int thread_count() { return 1; }

void set_thread_count(int n) {
  if (n < 1 || n > 256) fail("threads: ", n, " is outside 1 to 256");
}

bool has_openmp() { return false; }

void detail::run_chunks(Index chunks, ChunkBody body, const void* context) {
  for (Index chunk = 0; chunk < chunks; ++chunk) body(context, chunk);
}

#endif

}  // namespace headlight
