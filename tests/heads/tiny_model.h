// Fixtures for tests of heads: a tiny model, a short text, and hand-made attention.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "headlight/models/transformer.h"
#include "heads/roles/head_windows.h"
#include "heads/roles/roles.h"

namespace headlight {

class TinyModel : public testing::Test {
 protected:
  TinyModel() { make({}); }
  // Weights far from zero, so that heads do something.
  void make(TransformerConfig config) {
    config.vocabulary = vocabulary_.size();
    config.context = 16;
    config.layers = 2;
    config.heads = 3;
    config.width = 12;
    seed_generator(5);
    model_ = std::make_unique<TransformerLM>(config);
    Rng rng(9);
    for (const NamedTensor& p : model_->parameters())
      Tensor(p.value).copy_from(Tensor::normal(p.value.shape(), p.name.find("norm") < p.name.size() ? 1 : 0, 0.4, rng));
  }

  const std::string kText =
      "the cat sat on the mat, and the hat\nwas there; so was the rat.\nthe end of the tale is near.\n"
      "a cat and a rat met on the mat; the hat was theirs, so they sat near the end of the tale.\n";
  const Vocabulary vocabulary_ = Vocabulary::of_text(kText, "text");
  const TokenClasses classes_{vocabulary_};
  const TokenText text_{vocabulary_.encode(kText, "text"), {}};
  const HeadWindows windows_{text_, 16, 64};
  std::unique_ptr<TransformerLM> model_;
};

}  // namespace headlight
