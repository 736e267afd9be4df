// Text from pieces: cat("inner sizes differ: ", n, " and ", m). Numbers print as a person would write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace headlight {

// Sizes and indices throughout: signed, so that a subtraction cannot wrap.
using Index = std::int64_t;

// A number with up to six significant digits ("0.1", "1e-06", "nan").
std::string number_text(double value);

namespace detail {
inline std::string piece(std::string_view s) { return std::string(s); }
inline std::string piece(const char* s) { return s; }
inline std::string piece(const std::string& s) { return s; }
inline std::string piece(char c) { return std::string(1, c); }
template <class T>
requires std::is_arithmetic_v<T> std::string piece(T value) {
  if constexpr (std::is_floating_point_v<T>) return number_text(static_cast<double>(value));
  else return std::to_string(value);
}
// Anything else that knows its own text: Shape, DType, ...
template <class T>
requires requires(const T& t) { to_text(t); }
std::string piece(const T& value) { return to_text(value); }
}  // namespace detail

template <class... Pieces>
std::string cat(const Pieces&... pieces) {
  std::string out;
  (out.append(detail::piece(pieces)), ...);
  return out;
}

}  // namespace headlight
