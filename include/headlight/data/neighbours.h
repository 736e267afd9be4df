// How far counting alone gets: the losses that a model has to beat to have learned anything beyond its last token.
#pragma once

#include "headlight/data/windows.h"

namespace headlight {

struct NeighbourLosses {
  double unigram = 0;  // knowing how frequent each token is
  double bigram = 0;   // knowing the token before as well
};

// Counted on `train`, measured on the second to last token of `validation`; nats a token. Of each at most the first
// `most` tokens are looked at. Counts are smoothed: unigrams by one, bigrams by five imagined ones that follow the
// unigrams. Errors: fewer than two tokens on either side.
NeighbourLosses neighbour_losses(const TokenText& train, const TokenText& validation, Index vocabulary,
                                 Index most = 20'000'000);

}  // namespace headlight
