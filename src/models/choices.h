// The names of the transformer's choices: position encodings, norms and activations.
#pragma once

#include "headlight/models/transformer.h"

namespace headlight {

template <class E>
struct Named {
  E value;
  const char* name;
  const char* note = "";  // appended to the name in --help
};
// The names of each enum's values.
inline constexpr Named<PositionKind> kPositions[] = {{PositionKind::kLearned, "learned"},
                                                     {PositionKind::kSinusoidal, "sinusoidal"},
                                                     {PositionKind::kRotary, "rotary"},
                                                     {PositionKind::kAlibi, "alibi"},
                                                     {PositionKind::kNone, "none"}};
inline constexpr Named<NormKind> kNorms[] = {{NormKind::kLayer, "layer"}, {NormKind::kRms, "rms"}};
inline constexpr Named<Activation> kActivations[] = {{Activation::kGelu, "gelu", " (tanh form)"},
                                                     {Activation::kGeluErf, "gelu-erf"},
                                                     {Activation::kRelu, "relu"},
                                                     {Activation::kSilu, "silu"}};

}  // namespace headlight
