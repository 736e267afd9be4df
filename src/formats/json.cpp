// Json values: construction, access and modification.
#include "formats/json.h"

#include <algorithm>

#include "headlight/base/error.h"

namespace headlight {

Json::Json(Array value) : value_(std::move(value)) {}
Json::Json(Object value) : value_(std::move(value)) {}
Json Json::array() { return Json(Array{}); }
Json Json::object() { return Json(Object{}); }

Json Json::finite_or_null(double value) {
  const bool finite = value - value == 0;
  return finite ? Json(value) : Json();
}

std::optional<std::int64_t> Json::if_int64() const {
  const auto* whole = std::get_if<std::int64_t>(&value_);
  return whole ? std::optional(*whole) : std::nullopt;
}

std::optional<std::uint64_t> Json::if_uint64() const {
  if (const auto* large = std::get_if<std::uint64_t>(&value_)) return *large;
  const auto whole = if_int64();
  return whole && *whole >= 0 ? std::optional(static_cast<std::uint64_t>(*whole)) : std::nullopt;
}

std::optional<double> Json::if_double() const {
  if (const auto* real = std::get_if<double>(&value_)) return *real;
  if (const auto* whole = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*whole);
  if (const auto* large = std::get_if<std::uint64_t>(&value_)) return static_cast<double>(*large);
  return std::nullopt;
}

const Json* Json::find(std::string_view key) const {
  const Object* object = if_object();
  if (!object) return nullptr;
  const auto member = std::find_if(object->begin(), object->end(), [&](const Member& m) { return m.key == key; });
  return member == object->end() ? nullptr : &member->value;
}

Json& Json::set(std::string key, Json value) {
  if (!is_object()) fail("json: \"", key, "\" cannot be set: the value is not an object");
  if (const Json* present = find(key)) *const_cast<Json*>(present) = std::move(value);
  else std::get<Object>(value_).push_back(Member{std::move(key), std::move(value)});
  return *this;
}

Json& Json::push(Json value) {
  if (!is_array()) fail("json: an element cannot be added: the value is not an array");
  std::get<Array>(value_).push_back(std::move(value));
  return *this;
}

bool operator==(const Json& a, const Json& b) { return a.value_ == b.value_; }

}  // namespace headlight
