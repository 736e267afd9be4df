// From a text and a time to a configuration: how large a model, and how many steps of it, use the time well.
//
// Time buys parameters N (of the matrices in the blocks) or tokens D to train on. What either is worth is a law of the
// form of Hoffmann et al. 2022 (arXiv 2203.15556):
//
//   loss(N, D) = 1.20 + 309 / N^0.7 + 70.8 / D^0.35        nats a character
//
// Its figures were fitted to eleven runs of this program on tiny Shakespeare: widths 32 to 128, 2 and 4 layers, windows of
// 64 and 128, N from 25k to 786k, D from 0.4M to 9M, losses from 1.58 to 1.99, which it meets to 0.04. Beyond these it is
// a guess, which is why a model also has at least one parameter for every hundred tokens. Another text is as many times
// harder as its bigram loss is higher than that of tiny Shakespeare, 2.49.
//
// A text that is read again teaches less: after R passes over U tokens they count as U + 15 U (1 - e^(-(R-1)/15)), after
// Muennighoff et al. 2023 (arXiv 2305.16264). And a model should not be larger than its text, which it would learn by
// heart.
#pragma once

#include <functional>

#include "training/config.h"
#include "training/resolve.h"

namespace headlight {

struct PlanText {
  Index train = 0, validation = 0, vocabulary = 0;  // tokens
  double bigram_loss = 2.49;                        // nats a token; data/ngram.h
};

struct Plan {
  RunConfig config;
  double tokens_per_second = 0;  // as measured
  double tokens = 0, passes = 0;
  double expected_loss = 0;  // on the validation part; the truth is likely within a tenth of it
  double seconds = 0;        // of training and validation
};

// Tokens that so many passes over a text are worth.
double effective_tokens(double text_tokens, double seen_tokens);
// What the law above says. `parameters` are those of the blocks' matrices.
double expected_loss(double parameters, double effective_tokens, double bigram_loss = 2.49);
double block_parameters(const RunConfig& config);
// The learning rate of AdamW that suits a width.
double usual_lr(Index width);

// The configuration with the lowest expected loss after `seconds`, among a dozen sizes from 25k parameters to 25M, smallest
// first; of the size that was asked for, if one was. `seconds` include those that planning itself takes.
// Every candidate is resolve(asked, ...), so what was asked for stays; `speed` is asked for the tokens a second of it, as few
// times as possible: not for sizes beyond the best. Batch, context, learning rate, warm-up, dropout and validations follow
// from size and tokens; the reasons stand in plan.cpp.
// Errors: UsageError when not even the smallest comes to 20 steps; a time, a text or a speed that is not above 0.
Plan plan_run(const Asked& asked, const PlanText& text, double seconds,
              const std::function<double(const RunConfig&)>& speed);

struct RunData;
// Trains a model of this configuration on a piece of the text for some `seconds`, at least three steps after the first
// two, and gives the tokens a second.
double measured_speed(const RunConfig& config, const RunData& data, double seconds = 0.3);

}  // namespace headlight
