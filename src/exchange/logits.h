// What a model says before it is turned into a loss: for a look from outside, and to compare programs.
#pragma once

#include <string>

#include "headlight/data/windows.h"
#include "headlight/models/transformer.h"

namespace headlight {

// The logits on the text's evaluation windows (at most `most` of them, evenly spread, when positive), as an npz file:
//   inputs   [W,T]    int32    the tokens that the model sees; those past the end of the text are padding
//   targets  [W,T]    int32    the token after each; -1 where it does not count in the loss
//   logits   [W,T,V]  float32  for the token after each
// Returns the number of windows. Errors: more than 4 GB; those of save_npz.
Index save_logits(const std::string& path, const CharTransformer& model, const TokenText& text, Index most = 0);

}  // namespace headlight
