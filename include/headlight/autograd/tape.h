// The tape: reverse-mode automatic differentiation in one loop.
//
// While a Tape is alive, operations write down what they did. Since an operation can only use what exists, the order
// of recording is already a topological order: walking it backwards meets every result after all of its uses. So there
// is no graph to search and no recursion. A diamond, worked out:
//
//   Tape tape;
//   Tensor b = exp(a);        // entry 0   a -> b
//   Tensor c = mul(a, b);     // entry 1   a, b -> c       a is used by two entries
//   tape.backward(c);         // gradient of c is 1
//     // entry 1: a gets dc b,  b gets dc a
//     // entry 0: a gets db b on top. Every use of b came after entry 0, so its gradient is complete here.
//
// With no tape alive you are doing inference: nothing is recorded and nothing is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "headlight/base/error.h"
#include "headlight/tensor/tensor.h"

namespace headlight {

// Where the gradient of one input of an operation goes. Handed to backward functions.
class Gradient {
 public:
  Gradient(GradSlot* slot, const char* operation, int input) : slot_(slot), operation_(operation), input_(input) {}
  // False when nobody asked for this gradient: its computation can be skipped.
  bool needed() const { return slot_ != nullptr; }
  const Shape& shape() const { return slot_->shape; }
  // Adds g to what was collected. Does nothing when not needed. Error: g has another shape or type than the input.
  void add(const Tensor& g);
  // For operations that can sum in place: where to write. If `accumulate` comes back true the tensor holds a sum to
  // add to, otherwise its contents are undetermined and are to be overwritten. Call only when needed().
  Tensor target(bool& accumulate);

 private:
  GradSlot* slot_;
  const char* operation_;
  int input_;
};

// The gradients of all inputs, in the order given to record().
class Gradients {
 public:
  Gradients(std::span<const std::shared_ptr<GradSlot>> slots, const char* operation)
      : slots_(slots), operation_(operation) {}
  Gradient operator[](int input) const { return {slots_[static_cast<std::size_t>(input)].get(), operation_, input}; }

 private:
  std::span<const std::shared_ptr<GradSlot>> slots_;
  const char* operation_;
};

class Tape {
 public:
  // Becomes the tape that operations record on; the one before it (if any) waits until this one dies.
  Tape();
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // Adds d loss / d leaf to the gradient of every leaf that asked for it, releasing saved tensors and intermediate
  // gradients as soon as they are consumed. Errors: loss is not a single element, was not recorded here, or the tape
  // was consumed by an earlier call.
  void backward(const Tensor& loss);
  // The same for a result of any shape, given the gradient that reaches it.
  void backward(const Tensor& result, const Tensor& gradient);

  // Operations recorded and not yet consumed.
  Index size() const { return size_; }

  // Their names, each once, in the order they were first recorded.
  std::vector<std::string> operations() const;
  // The gradient slots of the leaves that they read, each once.
  std::vector<std::shared_ptr<GradSlot>> leaves() const;

  static Tape* current();

  // What one operation wrote down.
  struct Entry {
    virtual ~Entry() = default;
    virtual void run(const Tensor& dy, const Gradients& dx) = 0;
    virtual std::size_t bytes() const = 0;
    const char* operation = "";
    LayerPath* layer = nullptr;  // that ran it; errors of the backward pass name it
    std::shared_ptr<GradSlot> output;
    PoolVector<std::shared_ptr<GradSlot>> inputs;  // null for an input without gradient
    Entry* before = nullptr;                       // the entry recorded just before
  };

 private:
  template <class F>
  friend void record(const char* operation, Tensor& output, std::span<const Tensor> inputs, F backward);
  void append(Entry* entry, const char* operation, Tensor& output, std::span<const Tensor> inputs);
  bool needs_gradient(std::span<const Tensor> inputs) const;
  static void destroy(Entry* entry);

  Entry* last_ = nullptr;
  Index size_ = 0;
  std::uint64_t id_;
  bool consumed_ = false;
  Tape* outer_;
};

// While it lives nothing is recorded, for example to evaluate in the middle of training.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  Tape* paused_;
};

// Writes down that `output` was made from `inputs` by `operation`, and how gradients flow back:
//
//   // of two tensors of one shape
//   record("mul", y, {a, b}, [a = a.detach(), b = b.detach()](const Tensor& dy, const Gradients& d) {
//     d[0].add(mul(dy, b));
//     d[1].add(mul(dy, a));
//   });
//
// What the function captures is what is saved for the backward pass, and nothing else is. Capture detached handles: the
// numbers are needed there, not the way back from them. Nothing is recorded without a tape, or when no input needs a gradient.
template <class F>
void record(const char* operation, Tensor& output, std::span<const Tensor> inputs, F backward) {
  Tape* tape = Tape::current();
  if (!tape || !tape->needs_gradient(inputs)) return;
  struct Recorded final : Tape::Entry {
    explicit Recorded(F f) : function(std::move(f)) {}
    void run(const Tensor& dy, const Gradients& dx) override { function(dy, dx); }
    std::size_t bytes() const override { return sizeof(Recorded); }
    F function;
  };
  tape->append(new (pool_allocate(sizeof(Recorded))) Recorded(std::move(backward)), operation, output, inputs);
}
template <class F>
void record(const char* operation, Tensor& output, std::initializer_list<Tensor> inputs, F backward) {
  record(operation, output, std::span<const Tensor>(inputs.begin(), inputs.size()), std::move(backward));
}

}  // namespace headlight
