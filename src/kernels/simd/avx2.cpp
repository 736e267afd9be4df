// The kernel table for AVX2 and FMA. CMakeLists.txt passes the AVX2 flags to this file only; its code runs only if
// isa.h detects both instruction sets. On other architectures avx2_table() returns the portable table and is never
// called.
#include "kernels/kernels.h"

#if defined(__AVX2__) && defined(__FMA__)

#include "kernels/simd/table.h"
#include "kernels/simd/vec_avx2.h"

namespace headlight::kernels {

const Table<float>& avx2_table() {
  static constexpr Table<float> kTable = simd_table<Avx2>();
  return kTable;
}

}  // namespace headlight::kernels

#else

namespace headlight::kernels {

const Table<float>& avx2_table() { return portable_table(); }

}  // namespace headlight::kernels

#endif
