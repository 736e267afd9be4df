#include "kernels/kernels.h"
namespace headlight::kernels {
const Table<float>& portable_table() { return float_reference(); }
}  // namespace headlight::kernels
