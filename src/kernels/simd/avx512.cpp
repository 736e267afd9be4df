// The kernel table for AVX-512 (F and DQ). CMakeLists.txt passes the AVX-512 flags to this file only; its code runs
// only if isa.h detects both instruction sets. On other architectures avx512_table() returns the AVX2 table and is
// never called.
#include "kernels/kernels.h"

#if defined(__AVX512F__) && defined(__AVX512DQ__)

#include "kernels/simd/table.h"
#include "kernels/simd/vec_avx512.h"

namespace headlight::kernels {

const Table<float>& avx512_table() {
  static constexpr Table<float> kTable = simd_table<Avx512>();
  return kTable;
}

}  // namespace headlight::kernels

#else

namespace headlight::kernels {

const Table<float>& avx512_table() { return avx2_table(); }

}  // namespace headlight::kernels

#endif
