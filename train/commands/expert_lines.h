// What `headlight heads` says of a text on which several experts decide each symbol (corpora/chorus.h).
#pragma once

#include <string>

#include "heads/sources/expert_study.h"

namespace headlight::cli {

// The retention matrix, what each head has to do with the source it matters most for, and a sentence a head.
std::string expert_lines(const ExpertStudy& study);

}  // namespace headlight::cli
