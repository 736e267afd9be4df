// The decoder's self-check at construction: its logits must equal the model's.
#pragma once

#include "models/decoder.h"

namespace headlight {

// The advice at the end of every Decoder::Mismatch.
inline constexpr const char* kDecoderAdvice =
    "; implement the new layer in src/models/decoder.cpp and decoder_step.cpp, or use generate_full_context()";

// Error: Decoder::Mismatch with the first token position at which the logits differ.
void check_decoder(Decoder& decoder);

}  // namespace headlight
