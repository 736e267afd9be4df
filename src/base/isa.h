// The active kernel set, chosen at program start from the CPU's features.
#pragma once

namespace headlight {

enum class Isa {
  kReference,  // plain loops: slow, and correct by definition
  kPortable,   // vectors of four floats, in the vector extension of GCC and Clang, for any CPU
  kAvx2,       // AVX2 and FMA
  kAvx512,     // AVX-512 F and DQ
  kAvx512Bf16  // the same, and the instructions of AVX512-BF16 for bfloat16 products
};

// The active set: the fastest that this CPU supports, or the one named by the environment variable HEADLIGHT_ISA
// (reference, portable, avx2, avx512 or avx512_bf16). Error: an unknown name, or a set that this CPU does not support.
Isa current_isa();
// Changes the active set, for tests and benchmarks. Error: this CPU does not support the set.
void set_isa(Isa isa);
bool isa_available(Isa isa);
const char* isa_name(Isa isa);

}  // namespace headlight
