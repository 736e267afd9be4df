// The kernel table for any CPU, built on the vector extension of GCC and Clang.
#include "kernels/kernels.h"
#include "kernels/simd/table.h"
#include "kernels/simd/vec_portable.h"

namespace headlight::kernels {

const Table<float>& portable_table() {
  static constexpr Table<float> kTable = simd_table<Portable>();
  return kTable;
}

}  // namespace headlight::kernels
