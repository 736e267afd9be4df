// JsonView: typed access to Json values, with the path of the value in each error.
#include <algorithm>

#include "formats/json.h"
#include "headlight/base/error.h"

namespace headlight {

namespace {

// A short description of a value for messages: its JSON text if that is short, else its kind.
std::string described(const Json& value) {
  constexpr std::size_t kMaxBytes = 40;
  if (value.is_array()) return "an array";
  if (value.is_object()) return "an object";
  if (const std::string* text = value.if_string(); text && text->size() > kMaxBytes) return "a long string";
  if (const auto real = value.if_double(); real && Json::finite_or_null(*real).is_null()) return number_text(*real);
  return json_text(value);
}

template <class Names>
std::string listed(const Names& names) {
  constexpr std::size_t kMaxNames = 12;
  std::string text;
  std::size_t count = 0;
  for (const auto& name : names) {
    if (count == kMaxNames) return text + ", ...";
    text += cat(count++ ? ", " : "", name);
  }
  return text.empty() ? "none" : text;
}

}  // namespace

std::string JsonView::where() const { return path_.empty() ? source_ : cat(source_, ": ", path_); }

void JsonView::refuse(const std::string& message) const { fail(where(), ": ", message); }

void JsonView::expected(const char* kind) const { refuse(cat("expected ", kind, ", found ", described(*json_))); }

JsonView JsonView::inside(const Json& json, std::string_view step) const {
  const bool index = !step.empty() && step.front() == '[';
  return JsonView(json, source_, path_.empty() || index ? cat(path_, step) : cat(path_, ".", step));
}

JsonView JsonView::at(std::string_view key) const {
  if (!json_->is_object()) expected("an object");
  if (const Json* member = json_->find(key)) return inside(*member, key);
  std::vector<std::string> names;
  for (const Json::Member& member : *json_->if_object()) names.push_back(member.key);
  refuse(cat("\"", key, "\" is missing; present: ", listed(names)));
}

JsonView JsonView::at(Index index) const {
  const Json::Array* array = json_->if_array();
  if (!array) expected("an array");
  if (index < 0 || index >= size()) refuse(cat("element ", index, " does not exist; the array has ", size()));
  return inside((*array)[static_cast<std::size_t>(index)], cat("[", index, "]"));
}

std::optional<JsonView> JsonView::find(std::string_view key) const {
  if (!json_->is_object()) expected("an object");
  const Json* member = json_->find(key);
  return member && !member->is_null() ? std::optional(inside(*member, key)) : std::nullopt;
}

Index JsonView::size() const {
  if (const auto* array = json_->if_array()) return static_cast<Index>(array->size());
  if (const auto* object = json_->if_object()) return static_cast<Index>(object->size());
  expected("an array or an object");
}

std::vector<JsonView> JsonView::elements() const {
  const Json::Array* array = json_->if_array();
  if (!array) expected("an array");
  std::vector<JsonView> views;
  views.reserve(array->size());
  for (const Json& element : *array) views.push_back(inside(element, cat("[", views.size(), "]")));
  return views;
}

std::vector<std::pair<std::string, JsonView>> JsonView::members() const {
  const Json::Object* object = json_->if_object();
  if (!object) expected("an object");
  std::vector<std::pair<std::string, JsonView>> views;
  views.reserve(object->size());
  for (const Json::Member& member : *object) views.emplace_back(member.key, inside(member.value, member.key));
  return views;
}

void JsonView::allow_only(std::initializer_list<std::string_view> keys) const {
  if (!json_->is_object()) expected("an object");
  for (const Json::Member& member : *json_->if_object()) {
    if (std::find(keys.begin(), keys.end(), member.key) == keys.end())
      refuse(cat("\"", member.key, "\" is unknown; known: ", listed(keys)));
  }
}

bool JsonView::as_bool() const {
  const bool* value = json_->if_bool();
  if (!value) expected("true or false");
  return *value;
}

Index JsonView::as_index(Index lowest, Index highest) const {
  const auto value = json_->if_int64();
  if (!value && !json_->is_whole()) expected("a whole number");
  if (!value || *value < lowest || *value > highest)
    refuse(cat(described(*json_), " is outside ", lowest, " to ", highest));
  return *value;
}

std::uint64_t JsonView::as_uint64() const {
  const auto value = json_->if_uint64();
  if (!value) expected("a whole number from 0 to 2^64 - 1");
  return *value;
}

double JsonView::as_double() const {
  const auto value = json_->if_double();
  if (!value) expected("a number");
  return *value;
}

const std::string& JsonView::as_string() const {
  const std::string* value = json_->if_string();
  if (!value) expected("a string");
  return *value;
}

}  // namespace headlight
