// Detection of the CPU's instruction sets, and the choice of the active one.
#include "base/isa.h"

#include <cstdlib>
#include <cstring>

#include "headlight/base/error.h"

namespace headlight {

namespace {

// Intel's CPUs with AVX512-FP16 (since Sapphire Rapids) execute vdpbf16ps at half the speed of float32 products.
bool multiplies_bf16_fast() {
#if defined(__x86_64__) && defined(HEADLIGHT_AVX)
  return isa_available(Isa::kAvx512Bf16) && !(__builtin_cpu_is("intel") && __builtin_cpu_supports("avx512fp16"));
#else
  return false;
#endif
}

Isa best_isa() {
  if (multiplies_bf16_fast()) return Isa::kAvx512Bf16;
  for (const Isa isa : {Isa::kAvx512, Isa::kAvx2})
    if (isa_available(isa)) return isa;
  return Isa::kPortable;
}

Isa isa_from_environment() {
  const char* wanted = std::getenv("HEADLIGHT_ISA");
  if (!wanted || !*wanted) return best_isa();
  for (const Isa isa : {Isa::kReference, Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Bf16}) {
    if (std::strcmp(wanted, isa_name(isa)) != 0) continue;
    if (!isa_available(isa))
      throw UsageError(cat("HEADLIGHT_ISA=", wanted, ": not supported by this CPU or this build; unset it"));
    return isa;
  }
  throw UsageError(
      cat("HEADLIGHT_ISA=", wanted, ": unknown kernel set; use reference, portable, avx2, avx512 or avx512_bf16"));
}

Isa& chosen() {
  static Isa isa = isa_from_environment();
  return isa;
}

}  // namespace

Isa current_isa() { return chosen(); }

void set_isa(Isa isa) {
  if (!isa_available(isa))
    fail("kernels: this CPU or this build does not support ", isa_name(isa), "; use another set");
  chosen() = isa;
}

bool isa_available(Isa isa) {
  if (isa == Isa::kReference || isa == Isa::kPortable) return true;
#if defined(__x86_64__) && defined(HEADLIGHT_AVX)  // CMakeLists.txt defines HEADLIGHT_AVX if it builds the AVX kernels
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return false;
  if (isa == Isa::kAvx2) return true;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512dq")) return false;
  return isa == Isa::kAvx512 || (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512bf16"));
#else
  return false;
#endif
}

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::kReference:
      return "reference";
    case Isa::kPortable:
      return "portable";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx512Bf16:
      return "avx512_bf16";
  }
  return "?";
}

}  // namespace headlight
