// cat(): concatenates text and numbers, as in cat("inner sizes differ: ", n, " and ", m).
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

namespace headlight {

// A number with up to six significant digits ("0.1", "1e-06", "nan").
std::string number_text(double value);

// Appends a piece. Not inline, so that each of the many error messages adds little code.
void append_text(std::string& out, std::string_view piece);
void append_text(std::string& out, char piece);
void append_text(std::string& out, long long piece);
void append_text(std::string& out, unsigned long long piece);
void append_text(std::string& out, double piece);

namespace detail {
template <class T>
void append_piece(std::string& out, const T& piece) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) append_text(out, std::string_view(piece));
  else if constexpr (std::is_same_v<T, char>) append_text(out, piece);
  else if constexpr (std::is_floating_point_v<T>) append_text(out, static_cast<double>(piece));
  else if constexpr (std::is_unsigned_v<T>) append_text(out, static_cast<unsigned long long>(piece));
  else if constexpr (std::is_integral_v<T>) append_text(out, static_cast<long long>(piece));
  else append_text(out, to_text(piece));  // types with a to_text(): Shape, DType, ...
}
}  // namespace detail

template <class... Pieces>
std::string cat(const Pieces&... pieces) {
  std::string out;
  (detail::append_piece(out, pieces), ...);
  return out;
}

}  // namespace headlight
