// The output of `headlight heads` for a text with experts (corpora/chorus.h).
#pragma once

#include <string>

#include "heads/sources/expert_study.h"

namespace headlight::cli {

// The retention matrix, the measurements of each head on its main source, and one sentence per head.
std::string expert_lines(const ExpertStudy& study);

}  // namespace headlight::cli
