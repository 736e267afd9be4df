// The family `conv`: causal dilated convolutions with gates and a residual stream, as in WaveNet (van den Oord et al.
// 2016). A layer computes x = x + out(dropout(tanh(a) * sigmoid(b))), where a and b are the halves of conv1d(norm(x)).
//
// The dilation doubles from layer to layer: 1, 2, 4, ... With K taps, n layers have a receptive field of
// 1 + (K-1)(2^n - 1) tokens. If the next layer would extend the field beyond the context, the dilations restart at 1.
#include <algorithm>
#include <cstring>

#include "base/words.h"
#include "headlight/autograd/operation.h"
#include "headlight/nn/conv1d.h"
#include "headlight/nn/dropout.h"
#include "headlight/nn/embedding.h"
#include "headlight/nn/norm.h"
#include "kernels/kernels.h"
#include "models/families.h"

namespace headlight {

namespace {

struct Sizes {
  Index vocabulary, context, layers, width, kernel;
  double dropout;
};

Sizes sizes_of(const ModelOptions& o, Index vocabulary) {
  const Sizes s{.vocabulary = vocabulary,
                .context = o.whole("context"),
                .layers = o.whole("layers"),
                .width = o.whole("width"),
                .kernel = o.whole("kernel"),
                .dropout = o.real("dropout")};
  if (s.kernel > s.context)
    fail("model: kernel ", s.kernel, " exceeds the context of ", s.context,
         "; use a smaller --kernel or a larger --context");
  return s;
}

// The dilation of each layer.
std::vector<Index> dilations(const Sizes& s) {
  std::vector<Index> all;
  Index dilation = 1, field = 1;  // receptive field of the layers since the last restart
  for (Index layer = 0; layer < s.layers; ++layer, dilation *= 2) {
    if (field + (s.kernel - 1) * dilation > s.context) dilation = field = 1;
    field += (s.kernel - 1) * dilation;
    all.push_back(dilation);
  }
  return all;
}

class ConvLayer : public Module {
 public:
  ConvLayer(const Sizes& s, Index distance)
      : norm{this, "norm", s.width},
        conv{this,
             "conv",
             s.width,
             2 * s.width,
             s.kernel,
             Conv1dOptions{.dilation = distance},
             LinearOptions{.stacked = 2}},
        out{this, "out", s.width, s.width},
        dilation(distance),
        kernel(s.kernel),
        drop_(s.dropout) {}

  // x + out(gated conv(normalized)); normalized is norm(x). All [B,T,C].
  Tensor add_to(const Tensor& x, const Tensor& normalized) const { return out(drop_(gated_tanh(conv(normalized))), x); }
  Tensor operator()(const Tensor& x) const { return add_to(x, norm(x)); }
  // The number of earlier steps that conv reads.
  Index reach() const { return (kernel - 1) * dilation; }

  Child<LayerNorm> norm;
  Child<Conv1d> conv;
  Child<Linear> out;
  const Index dilation, kernel;

 private:
  Dropout drop_;
};

class ConvLM : public LanguageModel {
 public:
  explicit ConvLM(const Sizes& s)
      : tokens{this, "tokens", s.vocabulary, s.width, kStddev},
        norm{this, "norm", s.width},
        head{this, "head", s.width, s.vocabulary, LinearOptions{.stddev = kStddev, .role = ParamRole::kOutput}},
        drop_(s.dropout),
        sizes_(s) {
    for (const Index dilation : dilations(s)) layers.emplace_back(this, cat("layers.", layers.size()), s, dilation);
  }

  Tensor operator()(std::span<const std::int32_t> ids, Index batch) const override {
    const Index length = sequence_length(ids, batch);
    Tensor x = drop_(tokens(ids, Shape{batch, length}));        // [B,T,C]
    for (const Child<ConvLayer>& layer : layers) x = layer(x);  // zeros precede the sequence
    return head(norm(x));                                       // [B,T,V]
  }
  Index vocabulary() const override { return sizes_.vocabulary; }
  Index context() const override { return sizes_.context; }
  std::string summary() const override {
    return cat(counted(sizes_.layers, "layer"), " of kernel ", sizes_.kernel, ", width ", sizes_.width, ", context ",
               sizes_.context);
  }
  std::unique_ptr<TokenReader> reader(WeightFormat format) const override;

  Child<Embedding> tokens;
  std::deque<Child<ConvLayer>> layers;
  Child<LayerNorm> norm;
  Child<Linear> head;

 private:
  // Normal, as in the transformer, so that the first loss is close to log V.
  static constexpr double kStddev = 0.02;

  Dropout drop_;
  Sizes sizes_;
};

// y [1,1,out] = w u + bias (+ addend) for one step u. The rows of w are divided among the threads.
Tensor product(const Tensor& w, const std::optional<Param>& bias, const float* u, const float* addend = nullptr) {
  const Index rows = w.size(0), n = w.size(1);
  Tensor y = Tensor::empty({1, 1, rows}, DType::kFloat32);
  const float *pw = w.data<float>(), *pb = bias ? bias->value().data<float>() : nullptr;
  float* py = y.data<float>();
  parallel_for(rows, row_grain(n), [&](Index begin, Index end) {
    kernels::active<float>().matvec(end - begin, n, pw + begin * n, u, pb ? pb + begin : nullptr, py + begin);
    if (addend) kernels::active<float>().accumulate(end - begin, addend + begin, py + begin);
  });
  return y;
}

// Keeps the last reach() normalized steps of each layer, so that a token takes constant time and memory.
class ConvReader : public TokenReader {
 public:
  explicit ConvReader(const ConvLM& model) : model_(model) {
    for (const Child<ConvLayer>& layer : model.layers)
      rings_.push_back(Tensor::zeros({layer->reach(), layer->norm->gamma.value().size(0)}, DType::kFloat32));
  }

  std::span<const float> start(std::span<const std::int32_t> ids) override {
    const auto count = static_cast<Index>(ids.size());
    if (count == 0) fail("conv reader: no tokens; start from at least one");
    if (count > model_.context())
      fail("conv reader: ", counted(count, "token"), " exceed the context of ", model_.context(),
           "; pass only the last ones");
    const NoGrad no_recording;
    Tensor x = model_.tokens(ids, Shape{1, count});  // [1,T,C]
    length_ = count;
    for (std::size_t i = 0; i < rings_.size(); ++i) {
      const ConvLayer& layer = *model_.layers[i];
      const Tensor normalized = layer.norm(x);
      rings_[i].fill(0);
      for (Index t = std::max<Index>(0, count - layer.reach()); t < count; ++t) store(i, t, row(normalized, t));
      x = layer.add_to(x, normalized);
    }
    return predict(slice(x, 1, count - 1, count));
  }

  std::span<const float> next(std::int32_t id) override {
    const NoGrad no_recording;
    Tensor x = model_.tokens(std::span(&id, 1), Shape{1, 1});  // [1,1,C]
    for (std::size_t i = 0; i < rings_.size(); ++i) {
      const ConvLayer& layer = *model_.layers[i];
      const Tensor normalized = layer.norm(x);
      const Index width = normalized.size(2);
      Tensor taps = Tensor::empty({layer.kernel, width}, DType::kFloat32);  // the oldest first
      float* to = taps.data<float>();
      for (Index k = 0; k + 1 < layer.kernel; ++k)
        std::copy_n(stored(i, length_ - (layer.kernel - 1 - k) * layer.dilation), width, to + k * width);
      std::copy_n(row(normalized, 0), width, to + (layer.kernel - 1) * width);
      store(i, length_, row(normalized, 0));
      const Tensor gated = gated_tanh(product(layer.conv->weight, layer.conv->bias, to));
      x = product(layer.out->weight, layer.out->bias, row(gated, 0), row(x, 0));
    }
    ++length_;
    return predict(x);
  }
  Index length() const override { return length_; }

 private:
  static const float* row(const Tensor& x, Index t) { return x.data<float>() + t * x.size(2); }
  // Step t of layer i; before the first step, rows are zero.
  const float* stored(std::size_t i, Index t) const {
    const Tensor& ring = rings_[i];
    return ring.data<float>() + (t + ring.size(0)) % ring.size(0) * ring.size(1);
  }
  void store(std::size_t i, Index t, const float* normalized) {
    Tensor& ring = rings_[i];
    std::copy_n(normalized, ring.size(1), ring.data<float>() + t % ring.size(0) * ring.size(1));
  }
  std::span<const float> predict(const Tensor& x) {
    logits_ = product(model_.head->weight, model_.head->bias, row(model_.norm(x), 0));
    return {logits_.data<float>(), static_cast<std::size_t>(model_.vocabulary())};
  }

  const ConvLM& model_;
  std::vector<Tensor> rings_;  // [reach, C]: row t % reach holds step t
  Tensor logits_;
  Index length_ = 0;
};

std::unique_ptr<TokenReader> ConvLM::reader(WeightFormat format) const {
  if (format != WeightFormat::kFloat32) return nullptr;
  return std::make_unique<ConvReader>(*this);
}

}  // namespace

ModelKind conv_kind() {
  return {.name = "conv",
          .help = "causal dilated convolutions with gates (WaveNet, van den Oord et al. 2016)",
          .shared = {"layers", "width", "dropout"},
          .settings = {integer_setting("kernel", 2, 2, 1024, "tokens that each convolution reads")},
          .make = [](const ModelOptions& o, Index vocabulary) -> std::unique_ptr<LanguageModel> {
            return std::make_unique<ConvLM>(sizes_of(o, vocabulary));
          },
          .cost =
              [](const ModelOptions& o, Index vocabulary) {
                const Sizes s = sizes_of(o, vocabulary);
                const auto width = static_cast<double>(s.width), layers = static_cast<double>(s.layers),
                           kernel = static_cast<double>(s.kernel), v = static_cast<double>(s.vocabulary);
                ModelCost cost;
                cost.matrix_parameters = layers * (2 * kernel + 1) * width * width;
                cost.parameters = cost.matrix_parameters + 2 * v * width;
                // x, norm(x), two gates and their product in each layer.
                cost.activations = (5 * layers + 3) * width + 3 * v;
                cost.recomputed = layers * width;  // the norms
                return cost;
              }};
}

}  // namespace headlight
