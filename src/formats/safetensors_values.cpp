// Conversion of stored elements, among them 8-bit and 16-bit floats, to values in memory.
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/words.h"
#include "formats/safetensors_format.h"
#include "headlight/base/error.h"
#include "headlight/formats/safetensors.h"

namespace headlight {

namespace {

// The bits of element i, from little-endian bytes without alignment.
template <class Bits>
Bits bits_at(std::span<const std::byte> data, std::size_t i) {
  Bits bits = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&bits, data.data() + i * sizeof(Bits), sizeof(Bits));
  } else {
    for (std::size_t k = 0; k < sizeof(Bits); ++k)
      bits = static_cast<Bits>(bits | static_cast<Bits>(data[i * sizeof(Bits) + k]) << (8 * k));
  }
  return bits;
}

// Decodes a float of 1 sign bit, `exponent_bits` and `mantissa_bits` by the rules of IEEE 754. An exponent field of
// zeros means subnormal; a field of ones means infinity or NaN.
float small_float(std::uint32_t bits, int exponent_bits, int mantissa_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = static_cast<int>(bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
  const auto mantissa = static_cast<float>(bits & ((1u << mantissa_bits) - 1));
  const bool negative = (bits >> (exponent_bits + mantissa_bits)) & 1;
  float magnitude = 0;
  if (exponent == (1 << exponent_bits) - 1) {
    magnitude = mantissa == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = std::ldexp(mantissa, 1 - bias - mantissa_bits);
  } else {
    magnitude = std::ldexp(mantissa + static_cast<float>(1 << mantissa_bits), exponent - bias - mantissa_bits);
  }
  return std::copysign(magnitude, negative ? -1.0f : 1.0f);
}

// Decodes an F8_E4M3: unlike IEEE 754, an exponent field of ones encodes numbers, and only all ones in exponent and
// mantissa mean NaN.
float e4m3(std::uint32_t bits) {
  if ((bits & 0x7F) == 0x7F) return std::copysign(std::numeric_limits<float>::quiet_NaN(), bits & 0x80 ? -1.0f : 1.0f);
  if ((bits & 0x78) != 0x78) return small_float(bits, 4, 3);
  const float magnitude = 256.0f * (1.0f + static_cast<float>(bits & 7) / 8.0f);
  return bits & 0x80 ? -magnitude : magnitude;
}

template <class T, class Element>
void fill(std::span<T> values, const Element& element) {
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(element(i));
}

void check_count(const TensorView& tensor, const std::string& source, std::size_t wanted) {
  const std::size_t present = tensor.data.size() / static_cast<std::size_t>(bytes_of(tensor.type));
  if (present != wanted)
    fail(source, ": tensor \"", tensor.name, "\" ", shape_text(tensor.shape), " has ", counted(present, "element"),
         "; expected ", wanted);
}

const TensorView& checked(const SafeTensors& file, std::string_view name, std::size_t wanted) {
  const TensorView& tensor = file.at(name);
  check_count(tensor, file.source(), wanted);
  return tensor;
}

template <class T>
void copy_floats(const TensorView& tensor, const std::string& source, std::span<T> values) {
  const auto data = tensor.data;
  switch (tensor.type) {
    case StoredType::kF32:
      return fill(values, [=](std::size_t i) { return std::bit_cast<float>(bits_at<std::uint32_t>(data, i)); });
    case StoredType::kF64:
      return fill(values, [=](std::size_t i) { return std::bit_cast<double>(bits_at<std::uint64_t>(data, i)); });
    case StoredType::kF16:
      return fill(values, [=](std::size_t i) { return small_float(bits_at<std::uint16_t>(data, i), 5, 10); });
    case StoredType::kBF16:
      return fill(values, [=](std::size_t i) {
        return std::bit_cast<float>(static_cast<std::uint32_t>(bits_at<std::uint16_t>(data, i)) << 16);
      });
    case StoredType::kF8_E5M2:
      return fill(values, [=](std::size_t i) { return small_float(bits_at<std::uint8_t>(data, i), 5, 2); });
    case StoredType::kF8_E4M3:
      return fill(values, [=](std::size_t i) { return e4m3(bits_at<std::uint8_t>(data, i)); });
    default:
      fail(source, ": tensor \"", tensor.name, "\" holds ", tensor.type, "; expected a floating type, such as F32");
  }
}

template <class T>
void read_floats(const SafeTensors& file, std::string_view name, std::span<T> values) {
  copy_floats(checked(file, name, values.size()), file.source(), values);
}

template <class T>
void read_whole(const SafeTensors& file, std::string_view name, std::span<T> values, StoredType type) {
  const TensorView& tensor = checked(file, name, values.size());
  if (tensor.type != type) fail(file.source(), ": tensor \"", name, "\" holds ", tensor.type, "; expected ", type);
  fill(values, [&](std::size_t i) { return bits_at<std::make_unsigned_t<T>>(tensor.data, i); });
}

}  // namespace

void copy_values(const TensorView& tensor, const std::string& source, std::span<float> values) {
  check_count(tensor, source, values.size());
  copy_floats(tensor, source, values);
}

void SafeTensors::read(std::string_view name, std::span<float> values) const { read_floats(*this, name, values); }
void SafeTensors::read(std::string_view name, std::span<double> values) const { read_floats(*this, name, values); }
void SafeTensors::read(std::string_view name, std::span<std::int32_t> values) const {
  read_whole(*this, name, values, StoredType::kI32);
}
void SafeTensors::read(std::string_view name, std::span<std::int64_t> values) const {
  read_whole(*this, name, values, StoredType::kI64);
}
void SafeTensors::read(std::string_view name, std::span<std::uint8_t> values) const {
  read_whole(*this, name, values, StoredType::kU8);
}
void SafeTensors::read(std::string_view name, std::span<std::uint64_t> values) const {
  read_whole(*this, name, values, StoredType::kU64);
}

}  // namespace headlight
