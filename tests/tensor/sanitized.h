// Detects builds with AddressSanitizer, where the pool sends every request to the system.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define HEADLIGHT_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEADLIGHT_ADDRESS_SANITIZER 1
#endif
#endif

namespace headlight::tests {

#ifdef HEADLIGHT_ADDRESS_SANITIZER
inline constexpr bool kAddressSanitizer = true;
#else
inline constexpr bool kAddressSanitizer = false;
#endif

}  // namespace headlight::tests
