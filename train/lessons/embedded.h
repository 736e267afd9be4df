// The texts of the lessons and the parts of the course's page, embedded at build time (src/base/embed.cmake).
#pragma once

#include "base/embedded.h"

namespace headlight::detail {

extern const EmbeddedFile kLessonTexts[];  // the README.md of each lesson, by folder: "03_self_attention"
extern const std::size_t kLessonTextCount;
extern const EmbeddedFile kCourseParts[];  // "page.html", "course.css", "course.js", "README.md", "GLOSSARY.md"
extern const std::size_t kCoursePartCount;

}  // namespace headlight::detail
