// Hooks that record and replace the outputs of heads, and the least-squares fit of logits on the experts' tables.
#include "lessons/05_many_heads/ablation.h"

#include <algorithm>
#include <utility>

#include "headlight/ops/ops.h"

namespace headlight::lessons {

namespace {

// The first positions are left out: there, experts have no evidence yet or share it with others.
constexpr Index kFirstMeasured = 8;

class KeepActivation : public Hook {
 public:
  explicit KeepActivation(HookSite::Kind kind) : kind_(kind) {}
  Tensor on_activation(const HookSite& site, const Tensor& x) override {
    if (site.kind == kind_) kept = x;
    return x;
  }
  bool wants_weights() const override { return kind_ == HookSite::Kind::kAttentionWeights; }
  Tensor kept;

 private:
  HookSite::Kind kind_;
};

// Solves a k = b by Gaussian elimination; a is [n][n], positive definite.
std::vector<double> solve(std::vector<std::vector<double>> a, std::vector<double> b) {
  const std::size_t n = b.size();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t r = i + 1; r < n; ++r) {
      const double factor = a[r][i] / a[i][i];
      for (std::size_t c = i; c < n; ++c) a[r][c] -= factor * a[i][c];
      b[r] -= factor * b[i];
    }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t c = i + 1; c < n; ++c) b[i] -= a[i][c] * b[c];
    b[i] /= a[i][i];
  }
  return b;
}

}  // namespace

Tensor mean_outputs(const TransformerLM& model, const Batch& batch) {
  KeepActivation hook(HookSite::Kind::kHeadOutputs);
  model(batch.inputs, batch.rows);
  return mean(hook.kept, 0);
}

Tensor AblateHead::on_activation(const HookSite& site, const Tensor& z) {
  if (site.kind != HookSite::Kind::kHeadOutputs) return z;
  Tensor result = z.clone();
  const Index rows = z.size(0), heads = z.size(1), size = z.size(2) * z.size(3);
  const float* mean = std::as_const(means_).data<float>() + head_ * size;
  float* to = result.data<float>();  // [B,H,T,D]
  for (Index b = 0; b < rows; ++b) std::copy_n(mean, size, to + (b * heads + head_) * size);
  return result;
}

Tensor attention_weights(const TransformerLM& model, std::span<const std::int32_t> ids) {
  KeepActivation hook(HookSite::Kind::kAttentionWeights);
  model(ids, 1);
  return hook.kept;
}

ExpertTables::ExpertTables(const LessonText& text, Index context, Index windows) : context_(context) {
  const std::vector<Window> chosen = evaluation_windows(text.split.validation, context, windows, Padding::kNone);
  fill_windows(text.split.validation, chosen, context, batch_);
  const std::string& all = text.text.expert_symbols;
  symbols_ = static_cast<Index>(all.size()) - 1;  // the first, the line break, is not predicted
  for (const std::int32_t id : text.vocabulary.encode(all.substr(1), "chorus")) ids_.push_back(id);
  for (const Expert& expert : text.text.experts) {
    std::vector<double>& rows = x_.emplace_back();
    for (const Window& window : chosen)
      for (Index t = 0; t < context; ++t) {
        const auto next = static_cast<std::size_t>(text.split.cut + window.start + t + 1);
        const auto back = static_cast<std::size_t>(expert.evidence[next]);
        const std::size_t row = back > 0 ? all.find(text.text.text[next - back]) : 0;
        for (std::size_t s = 1; s < all.size(); ++s)
          rows.push_back(back > 0 ? expert.table[row * all.size() + s] : 0.0);
      }
    center(rows);
  }
}

// Subtracts from every value the mean over the symbols, which the softmax cancels, and then the mean over the windows
// at the same position, which mean-ablation keeps. Sets the values at the first positions to 0.
void ExpertTables::center(std::vector<double>& values) const {
  const auto width = static_cast<std::size_t>(symbols_), stride = static_cast<std::size_t>(context_) * width;
  for (std::size_t i = 0; i < values.size(); i += width) {
    double mean = 0;
    for (std::size_t s = 0; s < width; ++s) mean += values[i + s] / static_cast<double>(width);
    for (std::size_t s = 0; s < width; ++s) values[i + s] -= mean;
  }
  for (std::size_t j = 0; j < stride; ++j) {
    double mean = 0;
    for (std::size_t i = j; i < values.size(); i += stride) mean += values[i] / static_cast<double>(batch_.rows);
    const bool measured = static_cast<Index>(j / width) >= kFirstMeasured;
    for (std::size_t i = j; i < values.size(); i += stride) values[i] = measured ? values[i] - mean : 0;
  }
}

std::vector<double> ExpertTables::factors(const TransformerLM& model) const {
  const Tensor logits = model(batch_.inputs, batch_.rows);  // [B,T,V]
  std::vector<double> y;
  for (Index place = 0; place < batch_.rows * context_; ++place)
    for (const Index id : ids_) y.push_back(static_cast<double>(logits.data<float>()[place * logits.size(-1) + id]));
  center(y);
  const auto dot = [](const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
  };
  std::vector<std::vector<double>> xx;
  std::vector<double> xy;
  for (const auto& x : x_) {
    xy.push_back(dot(x, y));
    xx.emplace_back();
    for (const auto& other : x_) xx.back().push_back(dot(x, other));
  }
  return solve(std::move(xx), std::move(xy));
}

}  // namespace headlight::lessons
