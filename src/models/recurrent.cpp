// The families `rnn`, `gru` and `lstm`: recurrent layers between an embedding and an output layer.
#include <algorithm>

#include "base/words.h"
#include "headlight/autograd/tape.h"
#include "headlight/nn/dropout.h"
#include "headlight/nn/embedding.h"
#include "headlight/nn/linear.h"
#include "headlight/nn/recurrent.h"
#include "models/families.h"

namespace headlight {

namespace {

struct Sizes {
  RecurrentKind kind;
  Index vocabulary, context, layers, width;
  double dropout;
  bool stateful;
};

class RecurrentLM : public LanguageModel {
 public:
  explicit RecurrentLM(const Sizes& s)
      : tokens_{this, "tokens", s.vocabulary, s.width, kStddev},
        layers_{this, "layers", s.layers, s.kind, s.width, s.width},
        head_{this, "head", s.width, s.vocabulary, LinearOptions{.stddev = kStddev, .role = ParamRole::kOutput}},
        drop_(s.dropout),
        sizes_(s) {}

  Tensor operator()(std::span<const std::int32_t> ids, Index batch) const override {
    const Index length = sequence_length(ids, batch);
    Tensor x = drop_(tokens_(ids, Shape{batch, length}));               // [B,T,C]
    for (const Child<Recurrent>& layer : layers_) x = drop_(layer(x));  // each sequence starts from zeros
    return head_(x);                                                    // [B,T,V]
  }
  // Per layer: h, and for an LSTM also c.
  std::vector<Tensor> initial_state(Index batch) const override {
    if (!sizes_.stateful) return {};
    std::vector<Tensor> state;
    for (Index i = 0; i < sizes_.layers * tensors_per_layer(); ++i)
      state.push_back(Tensor::zeros({batch, sizes_.width}, tokens_->weight.value().dtype()));
    return state;
  }
  Tensor carry(std::span<const std::int32_t> ids, Index batch, std::span<Tensor> state) const override {
    if (!sizes_.stateful) return LanguageModel::carry(ids, batch, state);
    if (static_cast<Index>(state.size()) != sizes_.layers * tensors_per_layer())
      fail("recurrent model: ", counted(state.size(), "carried tensor"), "; pass those of initial_state()");
    const Index length = sequence_length(ids, batch);
    Tensor x = drop_(tokens_(ids, Shape{batch, length}));
    std::size_t next = 0;
    for (const Child<Recurrent>& layer : layers_) {
      Tensor& h = state[next++];
      Tensor* const c = sizes_.kind == RecurrentKind::kLstm ? &state[next++] : nullptr;
      RecurrentState between{h, c ? *c : Tensor()};
      x = drop_(layer(x, &between));
      h = between.h.detach();
      if (c) *c = between.c.detach();
    }
    return head_(x);
  }
  Index vocabulary() const override { return sizes_.vocabulary; }
  Index context() const override { return sizes_.context; }
  std::string summary() const override {
    return cat(counted(sizes_.layers, "layer"), ", width ", sizes_.width, ", context ", sizes_.context,
               sizes_.stateful ? ", stateful" : "");
  }
  std::unique_ptr<TokenReader> reader(WeightFormat format) const override;

 private:
  // Normal, as in the transformer, so that the first loss is close to log V.
  static constexpr double kStddev = 0.02;
  Index tensors_per_layer() const { return sizes_.kind == RecurrentKind::kLstm ? 2 : 1; }
  friend class RecurrentReader;

  Child<Embedding> tokens_;
  ChildList<Recurrent> layers_;
  Child<Linear> head_;
  Dropout drop_;
  Sizes sizes_;
};

// Carries the state of each layer from token to token, so a token takes constant time and the text may have any length.
class RecurrentReader : public TokenReader {
 public:
  explicit RecurrentReader(const RecurrentLM& model) : model_(model), states_(model.layers_.size()) {}

  std::span<const float> start(std::span<const std::int32_t> ids) override {
    const auto count = static_cast<Index>(ids.size());
    if (count == 0) fail("recurrent reader: no tokens; start from at least one");
    if (count > model_.context())
      fail("recurrent reader: ", counted(count, "token"), " exceed the context of ", model_.context(),
           "; pass only the last ones");
    std::fill(states_.begin(), states_.end(), RecurrentState());
    length_ = 0;
    return read(ids);
  }
  std::span<const float> next(std::int32_t id) override { return read({&id, 1}); }
  Index length() const override { return length_; }

 private:
  std::span<const float> read(std::span<const std::int32_t> ids) {
    const NoGrad no_recording;
    const auto count = static_cast<Index>(ids.size());
    Tensor x = model_.tokens_(ids, Shape{1, count});  // [1,T,C]
    std::size_t layer = 0;
    for (const Child<Recurrent>& child : model_.layers_) x = child(x, &states_[layer++]);
    logits_ = model_.head_(slice(x, 1, count - 1, count));  // [1,1,V]
    length_ += count;
    return {logits_.data<float>(), static_cast<std::size_t>(model_.vocabulary())};
  }

  const RecurrentLM& model_;
  PoolVector<RecurrentState> states_;
  Tensor logits_;
  Index length_ = 0;
};

std::unique_ptr<TokenReader> RecurrentLM::reader(WeightFormat format) const {
  if (format != WeightFormat::kFloat32) return nullptr;
  return std::make_unique<RecurrentReader>(*this);
}

// A layer stores `stored` vectors of its width for the backward pass.
ModelKind recurrent_kind(const char* name, const char* help, RecurrentKind kind, Index gates, Index stored) {
  return {.name = name,
          .help = help,
          .shared = {"layers", "width", "dropout"},
          .settings = {yes_no_setting("stateful", false,
                                      "carry the state from one training window to the next window of the text")},
          .make = [kind](const ModelOptions& o, Index vocabulary) -> std::unique_ptr<LanguageModel> {
            return std::make_unique<RecurrentLM>(Sizes{.kind = kind,
                                                       .vocabulary = vocabulary,
                                                       .context = o.whole("context"),
                                                       .layers = o.whole("layers"),
                                                       .width = o.whole("width"),
                                                       .dropout = o.real("dropout"),
                                                       .stateful = o.yes_no("stateful")});
          },
          .cost =
              [gates, stored](const ModelOptions& o, Index vocabulary) {
                const auto width = static_cast<double>(o.whole("width")),
                           layers = static_cast<double>(o.whole("layers")), v = static_cast<double>(vocabulary),
                           g = static_cast<double>(gates);
                ModelCost cost;
                cost.matrix_parameters = layers * 2 * g * width * width;
                cost.parameters = cost.matrix_parameters + 2 * v * width;
                // The layers, the gradients of one layer's gates, the embedding, and logits with their gradient.
                cost.activations = (layers * static_cast<double>(stored) + g + 3) * width + 2 * v;
                return cost;
              }};
}

}  // namespace

ModelKind rnn_kind() {
  return recurrent_kind("rnn", "a recurrent network with tanh (Elman 1990)", RecurrentKind::kRnn, 1, 1);
}
ModelKind gru_kind() {
  return recurrent_kind("gru", "a recurrent network with gates (Cho et al. 2014)", RecurrentKind::kGru, 3, 5);
}
ModelKind lstm_kind() {
  return recurrent_kind("lstm", "a recurrent network with gates and cells (Hochreiter, Schmidhuber 1997)",
                        RecurrentKind::kLstm, 4, 7);
}

}  // namespace headlight
