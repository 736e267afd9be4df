#include "kernels/kernels.h"
namespace headlight::kernels {
const Table<float>& avx2_table() { return float_reference(); }
}  // namespace headlight::kernels
