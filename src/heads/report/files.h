// The parts of the report's page, made from the files beside this one when the library was built (src/base/embed.cmake).
#pragma once

#include "base/embedded.h"

namespace headlight::detail {

extern const EmbeddedFile kReportFiles[];  // "page.html", "page.css", "figures.js", ...
extern const std::size_t kReportFileCount;

}  // namespace headlight::detail
