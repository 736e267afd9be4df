// The check that a decoder makes of itself when it is built: its logits against the model's.
#pragma once

#include "headlight/generation/decoder.h"

namespace headlight {

// How the line of a Decoder::Mismatch ends.
inline constexpr const char* kTeachDecoder =
    "; teach src/generation/decoder.cpp what the model computes, or run the whole model for each token";

// Error: Decoder::Mismatch, with the place in the text where the logits differ.
void check_decoder(Decoder& decoder);

}  // namespace headlight
