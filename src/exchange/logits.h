// Saves a model's logits on the evaluation windows, for analysis in NumPy and for comparison with other programs.
#pragma once

#include <string>

#include "headlight/data/windows.h"
#include "headlight/models/language_model.h"

namespace headlight {

// Saves the logits on the text's evaluation windows as an npz file. With `most` > 0, saves at most `most` windows,
// evenly spaced; otherwise all. The arrays:
//   inputs   [W,T]    int32    the input tokens; positions past the end of the text are padding
//   targets  [W,T]    int32    the next token of each position; -1 where the loss ignores it
//   logits   [W,T,V]  float32  the logits of the next token
// Returns the number of windows W. Errors: more than 4 GB; those of save_npz.
Index save_logits(const std::string& path, const LanguageModel& model, const TokenText& text, Index most = 0);

}  // namespace headlight
