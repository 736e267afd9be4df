// A user-defined model: the minimal gated unit (Zhou et al. 2016), a GRU with one gate, written with Headlight's
// operations. A state h [B,C] is updated at each step: f = sigmoid(W_f [x; h]); h = (1 - f) h + f tanh(W_h [x; f h]).
#include "mine.h"

namespace mine {

using namespace headlight;

namespace {

class MinimalGru : public LanguageModel {
 public:
  MinimalGru(Index vocabulary, Index context, Index width, bool skip)
      : tokens_{this, "tokens", vocabulary, width},
        gate_{this, "gate", 2 * width, width},
        update_{this, "update", 2 * width, width},
        head_{this, "head", width, vocabulary, LinearOptions{.role = ParamRole::kOutput}},
        vocabulary_(vocabulary),
        context_(context),
        width_(width),
        skip_(skip) {}

  Tensor operator()(std::span<const std::int32_t> ids, Index batch) const override {
    const Index length = sequence_length(ids, batch);
    const Tensor x = tokens_(ids, Shape{batch, length});  // [B,T,C]
    Tensor h = Tensor::zeros({batch, width_}, x.dtype());
    std::vector<Tensor> states;
    for (Index t = 0; t < length; ++t) {
      const Tensor now = reshape(slice(x, 1, t, t + 1), {batch, width_});
      const Tensor f = sigmoid(gate_(concat({now, h}, 1)));
      const Tensor next = tanh(update_(concat({now, mul(f, h)}, 1)));
      h = add(h, mul(f, sub(next, h)));
      states.push_back(reshape(h, {batch, 1, width_}));
    }
    const Tensor all = concat(states, 1);     // [B,T,C]
    return head_(skip_ ? add(all, x) : all);  // [B,T,V]
  }
  Index vocabulary() const override { return vocabulary_; }
  Index context() const override { return context_; }
  std::string summary() const override { return cat("width ", width_, ", context ", context_); }

 private:
  Child<Embedding> tokens_;
  Child<Linear> gate_, update_, head_;
  Index vocabulary_, context_, width_;
  bool skip_;
};

}  // namespace

ModelKind minimal_gru() {
  return {.name = "minimal-gru",
          .help = "a recurrent network with one gate (Zhou et al. 2016)",
          .shared = {"width"},
          .settings = {yes_no_setting("skip", false, "add the token embedding to the state before the output")},
          .make = [](const ModelOptions& o, Index vocabulary) -> std::unique_ptr<LanguageModel> {
            return std::make_unique<MinimalGru>(vocabulary, o.whole("context"), o.whole("width"), o.yes_no("skip"));
          }};
}

}  // namespace mine
