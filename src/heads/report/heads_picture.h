// A picture of a model's heads: their attention on one text, and the effect of ablating each of them.
#pragma once

#include <string>

#include "heads/study/head_study.h"

namespace headlight {

// A complete SVG file, 900 pixels wide. Above: for each of the first eight heads, the attention on the first measured
// text, at most 20 characters of it. Below: for a text with experts, a matrix head x source with the retention. For
// other texts, a matrix head x prediction subset with the loss increase in nats, for the six subsets with the largest
// increase.
std::string heads_picture(const HeadedModel& model, const RunData& data, const HeadStudy& study);

}  // namespace headlight
