// The tape: recording entries, accumulating gradients, and the backward loop.
#include "headlight/autograd/tape.h"

#include <algorithm>
#include <atomic>

#include "autograd/finite_check.h"
#include "base/profile.h"
#include "kernels/kernels.h"
#include "tensor/saved_reader.h"

namespace headlight {

namespace {

template <class T>
void accumulate_in(const Tensor& x, Tensor& sum) {
  kernels::active<T>().accumulate(x.numel(), x.data<T>(), sum.data<T>());
}

void accumulate_in_place(const Tensor& x, Tensor& sum) {
  if (x.dtype() == DType::kFloat32) accumulate_in<float>(x, sum);
  else accumulate_in<double>(x, sum);
}

// Throws the error for a backward function that reads a tensor changed since it was saved.
struct BackwardRun final : SavedReader {
  [[noreturn]] void changed(const void* storage, std::uint32_t now, std::uint32_t saved) const override {
    std::string what = storage == entry->output_storage ? "its result" : "a tensor saved for its gradient";
    for (std::size_t i = entry->inputs.size(); i-- > 0;)
      if (entry->inputs[i].storage == storage) what = cat("input ", i);
    fail(entry->operation, ": ", what, " was changed in place after it was recorded (version ", now, ", recorded at ",
         saved, "); call backward() first, or write to a clone()");
  }

  const Tape::Entry* entry = nullptr;
  Scoped<const SavedReader*> scope{this};
};

}  // namespace

void Gradient::add(const Tensor& g) {
  if (!slot_) return;
  if (!g.defined() || !(g.shape() == slot_->shape) || g.dtype() != slot_->dtype)
    fail(operation_, ": backward gave input ", input_, " a gradient ",
         g.defined() ? cat(g.dtype(), " ", g.shape()) : std::string("without a value"), "; the input is ", slot_->dtype,
         " ", slot_->shape);
  if (!slot_->grad.defined()) {
    // The caller may change a leaf's gradient in place, so a leaf gets its own storage. Results may share g.
    slot_->grad = slot_->tape == 0 && !g.unique() ? g.clone() : g.detach();
  } else if (slot_->grad.unique()) {
    accumulate_in_place(g, slot_->grad);
  } else {
    // Another slot shares this tensor (the backward of add() gives both inputs the same gradient), so copy it first.
    Tensor sum = slot_->grad.clone();
    accumulate_in_place(g, sum);
    slot_->grad = sum;
  }
}

Tensor Gradient::target(bool& accumulate) {
  accumulate = slot_->grad.defined();
  if (!accumulate) slot_->grad = Tensor::empty(slot_->shape, slot_->dtype);
  else if (!slot_->grad.unique()) slot_->grad = slot_->grad.clone();
  return slot_->grad;
}

Tape::Tape() {
  // One counter for all threads, because a tensor may come from another thread's tape. Id 0 is for leaves.
  static std::atomic<std::uint64_t> tapes = 0;
  id_ = ++tapes;
}

Tape::~Tape() {
  while (Entry* entry = last_) {
    last_ = entry->before;
    destroy(entry);
  }
}

std::vector<std::string> Tape::operations() const {
  std::vector<std::string> names;
  for (const Entry* entry = last_; entry; entry = entry->before) names.insert(names.begin(), entry->operation);
  std::vector<std::string> once;
  for (const std::string& name : names)
    if (std::find(once.begin(), once.end(), name) == once.end()) once.push_back(name);
  return once;
}

std::vector<std::shared_ptr<GradSlot>> Tape::leaves() const {
  std::vector<std::shared_ptr<GradSlot>> found;
  for (const Entry* entry = last_; entry; entry = entry->before)
    for (const Gradients::Input& input : entry->inputs)
      if (input.slot && input.slot->tape == 0 && std::find(found.begin(), found.end(), input.slot) == found.end())
        found.push_back(input.slot);
  return found;
}

Tape* Tape::current() { return Scoped<Tape*>::innermost(nullptr); }

void Tape::destroy(Entry* entry) {
  if (entry->output) entry->output->gone = true;
  const std::size_t bytes = entry->bytes();
  entry->~Entry();
  pool_release(entry, bytes);
}

// A result of another tape counts as a constant: gradients do not flow between tapes.
bool Tape::flows(const Tensor& input) const {
  return input.slot() && (input.slot()->tape == 0 ? input.slot()->collects : input.slot()->tape == id_);
}

bool Tape::needs_gradient(std::span<const Tensor> inputs) const {
  return std::any_of(inputs.begin(), inputs.end(), [this](const Tensor& input) { return flows(input); });
}

void Tape::append(Entry* entry, const char* operation, Tensor& output, std::span<const Tensor> inputs) {
  entry->before = last_;
  last_ = entry;
  ++size_;
  entry->operation = operation;
  entry->layer = LayerScope::current();
  if (consumed_) fail(operation, ": recorded on a tape whose backward() has run; make a new Tape for each step");
  entry->inputs.reserve(inputs.size());
  for (const Tensor& input : inputs)
    entry->inputs.push_back({flows(input) ? input.slot() : nullptr, input.storage_id()});
  output.set_slot(make_slot(output));
  output.slot()->tape = id_;
  entry->output = output.slot();
  entry->output_storage = output.storage_id();
  if (Profile* profile = Profile::active()) profile->mark(operation, entry->layer, Profile::Phase::kForward);
  if (FiniteCheck* check = FiniteCheck::active()) check->look(output, operation, LayerScope::path(), "forward");
}

void Tape::backward(const Tensor& loss) {
  if (loss.numel() != 1)
    fail("backward: the loss must be a single number, its shape is ", loss.shape(),
         "; take sum() or mean(), or give the gradient that reaches it");
  backward(loss, Tensor::full(loss.shape(), 1, loss.dtype()));
}

void Tape::backward(const Tensor& result, const Tensor& gradient) {
  if (consumed_) fail("backward: this tape was already consumed; record the computation again on a new Tape");
  if (!result.slot() || result.slot()->tape != id_)
    fail("backward: the result was not recorded on this tape, or none of its inputs requires a gradient; compute it ",
         "from a tensor with set_requires_grad(true) while the tape is alive");
  if (!gradient.defined() || !(gradient.shape() == result.shape()) || gradient.dtype() != result.dtype())
    fail("backward: the result is ", result.dtype(), " ", result.shape(), ", the gradient given for it ",
         gradient.defined() ? cat(gradient.dtype(), " ", gradient.shape()) : std::string("is not defined"),
         "; give a gradient of the result's type and shape");
  if (scope_.orphaned())
    fail("backward: the thread that recorded this tape has ended; call backward() in the recording thread");
  const NoGrad no_recording;
  Gradient(result.slot().get(), "backward", 0).add(gradient);
  consumed_ = true;
  BackwardRun running;
  while (Entry* entry = last_) {
    last_ = entry->before;
    --size_;
    const std::unique_ptr<Entry, void (*)(Entry*)> released(entry, destroy);
    // Moved out of the slot, so that the gradient of an intermediate result is freed after its entry has run.
    const Tensor dy = std::move(entry->output->grad);
    entry->output->grad = Tensor();
    const LayerScope layer(entry->layer);
    if (!dy.defined()) continue;
    running.entry = entry;
    entry->run(dy, Gradients(entry->inputs, entry->operation));
    if (Profile* profile = Profile::active()) profile->mark(entry->operation, entry->layer, Profile::Phase::kBackward);
    if (FiniteCheck* check = FiniteCheck::active())
      for (const Gradients::Input& input : entry->inputs)
        if (input.slot) check->look(input.slot->grad, entry->operation, LayerScope::path(), "backward");
  }
}

}  // namespace headlight
