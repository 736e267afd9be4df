// Finds the values that the text of a lesson states, and compares them with a run.
#include "lessons/stated.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "headlight/base/error.h"
#include "headlight/base/text.h"
#include "lessons/embedded.h"

namespace headlight::lessons {

namespace {

std::string_view file_of(const detail::EmbeddedFile* files, std::size_t count, std::string_view name) {
  for (std::size_t i = 0; i < count; ++i)
    if (name == files[i].name) return {reinterpret_cast<const char*>(files[i].bytes), files[i].size};
  fail("lesson: this build lacks the text ", name);
}

bool parsed(std::string_view text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

const Figure* figure_of(const LessonResult& result, const std::string& name) {
  for (const Figure& figure : result.figures)
    if (figure.name == name) return &figure;
  return nullptr;
}

}  // namespace

std::string_view text_of(const Lesson& lesson) {
  return file_of(detail::kLessonTexts, detail::kLessonTextCount, lesson.folder);
}
std::string_view course_part(std::string_view name) {
  return file_of(detail::kCourseParts, detail::kCoursePartCount, name);
}

std::vector<StatedValue> stated_values(std::string_view text, const std::string& source) {
  constexpr std::string_view kOpen = "<!--", kClose = "-->";
  std::vector<StatedValue> values;
  for (std::size_t open = 0; (open = text.find(kOpen, open)) != std::string_view::npos; open += kOpen.size()) {
    const std::size_t inside = open + kOpen.size(), close = text.find(kClose, inside);
    if (close == std::string_view::npos) fail(source, ": a comment is not closed; add '-->'");
    const std::string_view marker = text.substr(inside, close - inside);
    if (marker.empty() || marker[0] == ' ' || marker[0] == '\n') continue;  // a plain comment
    StatedValue stated;
    const std::size_t space = marker.find(' ');
    stated.name = marker.substr(0, space);
    const bool time = space != std::string_view::npos && marker.substr(space + 1) == "time";
    if (time) stated.spread = std::numeric_limits<double>::infinity();
    else if (space == std::string_view::npos || !parsed(marker.substr(space + 1), stated.spread) ||
             !(stated.spread >= 0))
      fail(source, ": the marker '", std::string(marker), "' needs a name and a spread, as in 'loss 0.05'");
    // The number precedes the marker. Only '%', '*' and '`' may stand between them.
    std::size_t end = open;
    while (end > 0 && (text[end - 1] == '%' || text[end - 1] == '*' || text[end - 1] == '`')) --end;
    std::size_t begin = end;
    const auto of_number = [](char c) { return (c >= '0' && c <= '9') || c == '.'; };
    while (begin > 0 && of_number(text[begin - 1])) --begin;
    if (begin > 0 && text[begin - 1] == '-') --begin;
    if (!parsed(text.substr(begin, end - begin), stated.value))
      fail(source, ": no number before the marker '", std::string(marker), "'");
    const std::size_t point = text.substr(begin, end - begin).find('.');
    stated.decimals = point == std::string_view::npos ? 0 : static_cast<int>(end - begin - point - 1);
    stated.begin = begin;
    stated.number_end = end;
    stated.end = close + kClose.size();
    values.push_back(stated);
  }
  return values;
}

std::vector<Difference> differences(const Lesson& lesson, const LessonResult& result) {
  std::vector<Difference> found;
  const std::vector<StatedValue> values = stated_values(text_of(lesson), lesson.folder);
  for (const StatedValue& stated : values) {
    const Figure* figure = figure_of(result, stated.name);
    if (!figure) fail(lesson.folder, ": the text states ", stated.name, ", which the experiment does not measure");
    // Half of the last digit, because the stated value is rounded.
    const double rounding = 0.5 * std::pow(10.0, -stated.decimals);
    if (!(std::abs(figure->value - stated.value) <= stated.spread + rounding))
      found.push_back({stated.name, figure->value, stated.value, stated.spread});
  }
  for (const Figure& figure : result.figures)
    if (std::none_of(values.begin(), values.end(), [&](const StatedValue& v) { return v.name == figure.name; }))
      fail(lesson.folder, ": the experiment measures ", figure.name, ", which the text does not state");
  return found;
}

}  // namespace headlight::lessons
