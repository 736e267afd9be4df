// Which set of kernels computes: chosen when the program starts, by what the CPU can do.
#pragma once

namespace headlight {

enum class Isa {
  kReference,  // plain loops: slow, and right by definition
  kPortable,   // vectors of four by the compiler's extension, for any CPU
  kAvx2,       // AVX2 and FMA
  kAvx512,     // AVX-512 F and DQ
};

// The set in use: the best this CPU has, or what the environment variable HEADLIGHT_ISA names
// (reference, portable, avx2 or avx512). Error: an unknown name, or a set this CPU cannot run.
Isa current_isa();
// For tests and benchmarks: use another set from now on. Error: this CPU cannot run it.
void set_isa(Isa isa);
bool isa_available(Isa isa);
const char* isa_name(Isa isa);

}  // namespace headlight
