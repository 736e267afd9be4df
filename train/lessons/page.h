// The course as one offline page: the texts, with the figures, tables, charts and attention maps of the given runs.
#pragma once

#include <string>
#include <vector>

#include "lessons/lesson.h"

namespace headlight::lessons {

struct LessonRun {
  const Lesson* lesson;
  LessonResult result;
  double seconds = 0;
};

inline constexpr std::size_t kCoursePageBytes = 5'000'000;

// A complete HTML file. Its links to source files are relative to `top`, the path from the page's folder to the top of
// the repository. Error: larger than kCoursePageBytes.
std::string course_page(const std::vector<LessonRun>& runs, std::uint64_t seed, const std::string& top = "..");

}  // namespace headlight::lessons
