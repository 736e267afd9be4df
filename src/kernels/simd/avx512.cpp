// The kernels on AVX-512 (F and DQ). CMakeLists.txt compiles this file, and no other, for them; it runs only where isa.h
// has found them. On other architectures the AVX2 table stands in, and is never asked for.
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
