// Detects builds with AddressSanitizer, where the pool sends every request to the system, and with ThreadSanitizer.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define HEADLIGHT_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEADLIGHT_ADDRESS_SANITIZER 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define HEADLIGHT_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HEADLIGHT_THREAD_SANITIZER 1
#endif
#endif

namespace headlight::tests {

#ifdef HEADLIGHT_ADDRESS_SANITIZER
inline constexpr bool kAddressSanitizer = true;
#else
inline constexpr bool kAddressSanitizer = false;
#endif

#ifdef HEADLIGHT_THREAD_SANITIZER
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif

}  // namespace headlight::tests
