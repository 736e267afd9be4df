// Writing, checking, reading and truncating heads.jsonl.
#include "heads/watch/head_history.h"

#include <cmath>
#include <limits>
#include <set>
#include <span>

#include "base/words.h"
#include "formats/json.h"
#include "headlight/base/error.h"
#include "heads/report/head_report.h"
#include "heads/study/number_json.h"
#include "os/file.h"
#include "os/folder.h"

namespace headlight {

namespace {

constexpr Rounded kShort{1e5};
constexpr const char* kFormat = "headlight heads 1";
constexpr Index kMaxBytes = Index{1} << 28;
constexpr Index kMaxLength = 4096;  // limits the attention of a head to about 8 MB
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// ---- writing ---------------------------------------------------------------------------------------------------------

Json strings(std::span<const std::string> values) {
  Json array = Json::array();
  for (const std::string& v : values) array.push(v);
  return array;
}

// ---- reading ---------------------------------------------------------------------------------------------------------

std::vector<JsonView> elements(const JsonView& array, std::size_t count, const char* of) {
  std::vector<JsonView> views = array.elements();
  if (views.size() != count) array.refuse(cat("has ", counted(views.size(), "element"), " for ", count, " ", of));
  return views;
}

std::vector<double> read_numbers(const JsonView& array, std::size_t count, const char* of, bool or_null = false) {
  std::vector<double> values;
  values.reserve(count);
  for (const JsonView& v : elements(array, count, of))
    values.push_back(or_null && v.json().is_null() ? kNone : v.as_double());
  return values;
}

std::vector<std::vector<double>> read_rows(const JsonView& array, const HeadHistory& h, bool or_null) {
  std::vector<std::vector<double>> matrix;
  for (const JsonView& row : elements(array, h.heads.size(), "heads"))
    matrix.push_back(read_numbers(row, h.roles.size(), "roles", or_null));
  return matrix;
}

// Reads unique names.
std::vector<std::string> read_names(const JsonView& array) {
  std::vector<std::string> names;
  std::set<std::string_view> known;
  for (const JsonView& v : array.elements()) {
    if (v.as_string().empty()) v.refuse("must not be empty");
    if (!known.insert(v.as_string()).second) v.refuse("repeats an earlier name");
    names.push_back(v.as_string());
  }
  return names;
}

HeadHistory read_header(const JsonView& view) {
  if (const JsonView format = view.at("format"); format.as_string() != kFormat)
    format.refuse(cat("the only supported format is \"", kFormat, "\""));
  HeadHistory h;
  h.roles = read_names(view.at("roles"));
  h.subsets = read_names(view.at("slots"));
  if (h.subsets.empty() || h.subsets[0] != "all") view.at("slots").refuse("must begin with \"all\"");
  if (const auto floor = view.find("floor")) h.floor = read_numbers(*floor, h.subsets.size(), "slots");
  const JsonView heads = view.at("heads");
  for (const std::string& name : read_names(heads)) {
    try {
      h.heads.push_back(head_id(name));
    } catch (const Error& e) {
      heads.refuse(e.what());
    }
  }
  h.windows = view.at("windows").as_index(1);
  h.length = view.at("length").as_index(1, kMaxLength);
  const auto length = static_cast<std::size_t>(h.length);
  for (const JsonView& token : elements(view.at("tokens"), length, "characters")) h.tokens.push_back(token.as_string());
  if (const auto rules = view.find("rules"))
    for (const JsonView& rule : elements(*rules, length, "characters"))
      h.rules.push_back(rule.json().is_null() ? "" : rule.as_string());
  return h;
}

HeadSnapshot read_snapshot(const JsonView& view, const HeadHistory& h) {
  HeadSnapshot s;
  s.step = view.at("step").as_index(0);
  if (!h.snapshots.empty() && s.step <= h.snapshots.back().step)
    view.at("step").refuse("must be larger than the previous step");
  s.training_loss = view.at("training_loss").as_double();
  const auto validation = view.find("validation_loss");
  s.validation_loss = validation ? validation->as_double() : kNone;
  s.loss = read_numbers(view.at("loss"), h.subsets.size(), "slots");
  s.kappa = read_rows(view.at("kappa"), h, false);
  s.kappa_content = read_rows(view.at("kappa_content"), h, true);
  s.evenness = read_numbers(view.at("evenness"), h.heads.size(), "heads");
  const JsonView attention = view.at("attention");
  const Index bytes = h.length * (h.length + 1) / 2;
  for (const HeadId head : h.heads) {
    const JsonView text = attention.at(head_name(head));
    s.attention.push_back(base64_bytes(text.as_string(), text.where()));
    if (const auto found = static_cast<Index>(s.attention.back().size()); found != bytes)
      text.refuse(cat("has ", found, " bytes, but ", h.length, " characters need ", bytes));
  }
  return s;
}

// Calls `each` with every complete line and the prefix for error messages about it.
template <class Each>
void for_each_line(const std::string& path, const std::string& text, const Each& each) {
  Index line = 0;
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
    each(text.substr(at, end - at), cat(path, ": line ", ++line));
}

Json json_of(const std::string& line, const std::string& where) {
  try {
    return parse_json(line, where);
  } catch (const Error&) {
    fail(where, " is not JSON; restore a copy");
  }
}

int digit_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

}  // namespace

std::string header_line(const HeadHistory& h) {
  Json rules = Json::array(), heads = Json::array();
  for (const HeadId head : h.heads) heads.push(head_name(head));
  for (const std::string& rule : h.rules) rules.push(rule.empty() ? Json() : Json(rule));
  return json_text(Json::object()
                       .set("format", kFormat)
                       .set("roles", strings(h.roles))
                       .set("slots", strings(h.subsets))
                       .set("floor", h.floor.empty() ? Json() : numbers_json(h.floor, kShort))
                       .set("heads", heads)
                       .set("windows", h.windows)
                       .set("length", h.length)
                       .set("tokens", strings(h.tokens))
                       .set("rules", h.rules.empty() ? Json() : rules));
}

std::string snapshot_line(const HeadHistory& h, const HeadSnapshot& s) {
  Json attention = Json::object();
  for (std::size_t i = 0; i < h.heads.size(); ++i) attention.set(head_name(h.heads[i]), base64(s.attention[i]));
  return json_text(Json::object()
                       .set("step", s.step)
                       .set("training_loss", Json::finite_or_null(kShort(s.training_loss)))
                       .set("validation_loss", Json::finite_or_null(kShort(s.validation_loss)))
                       .set("loss", numbers_json(s.loss, kShort))
                       .set("kappa", rows_json(s.kappa, kShort))
                       .set("kappa_content", rows_json(s.kappa_content, kShort))
                       .set("evenness", numbers_json(s.evenness, kShort))
                       .set("attention", attention));
}

HeadHistory head_history(const std::string& path) {
  HeadHistory h;
  for_each_line(path, read_file(path, kMaxBytes), [&](const std::string& line, const std::string& where) {
    const Json json = json_of(line, where);
    const JsonView view(json, where);
    if (h.subsets.empty()) h = read_header(view);
    else h.snapshots.push_back(read_snapshot(view, h));
  });
  if (h.subsets.empty()) fail(path, ": has no complete line; restore a copy");
  return h;
}

bool truncate_head_history(const std::string& path, const HeadHistory& history, Index step) {
  if (!path_exists(path)) return false;
  const std::string before = read_file(path), header = header_line(history);
  std::string kept;
  bool over = false;
  for_each_line(path, before, [&](const std::string& line, const std::string& where) {
    if (over) return;
    if (kept.empty()) {
      if (line != header) fail(path, ": its heads, roles or text differ from those of this run");
    } else {
      const Json json = json_of(line, where);
      over = JsonView(json, where).at("step").as_index(0) >= step;
    }
    if (!over) kept += line + "\n";
  });
  if (kept != before) write_file_atomically(path, kept);
  return !kept.empty();
}

std::vector<std::uint8_t> base64_bytes(std::string_view text, const std::string& what) {
  const auto refuse = [&] { fail(what, ": is not base64"); };
  if (text.size() % 4 != 0) refuse();
  std::vector<std::uint8_t> bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    const int missing = last && text[i + 3] == '=' ? (text[i + 2] == '=' ? 2 : 1) : 0;
    std::uint32_t four = 0;
    for (int k = 0; k < 4; ++k) {
      const int digit = k >= 4 - missing ? 0 : digit_of(text[i + static_cast<std::size_t>(k)]);
      if (digit < 0) refuse();
      four = four << 6 | static_cast<std::uint32_t>(digit);
    }
    // Unused bits must be 0, so that every byte sequence has exactly one encoding.
    if (missing > 0 && (four & (missing == 1 ? 0xffu : 0xffffu)) != 0) refuse();
    for (int k = 0; k < 3 - missing; ++k) bytes.push_back(static_cast<std::uint8_t>(four >> (16 - 8 * k)));
  }
  return bytes;
}

}  // namespace headlight
