// The parts of the report's page, embedded at build time from the files in this folder (src/base/embed.cmake).
#pragma once

#include "base/embedded.h"

namespace headlight::detail {

extern const EmbeddedFile kReportFiles[];  // "page.html", "style.css", "base.js", ...
extern const std::size_t kReportFileCount;

}  // namespace headlight::detail
