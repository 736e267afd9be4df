// The kernels on AVX2 and FMA. CMakeLists.txt compiles this file, and no other, for them; it runs only where isa.h has
// found them. On other architectures the portable table stands in, and is never asked for.
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
