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
//
// Writing in place into a tensor that an operation saved makes backward() throw, because the gradient would be wrong:
//
//   Tensor y = mul(w, w);     // saves w
//   w.fill(5);
//   tape.backward(sum(y));    // mul: input 0 was changed in place after it was recorded (version 3, recorded at 2); ...
//
// Operations save only what their derivative needs: after add(w, w) or exp(w), which saves its result, w may be changed.
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
  struct Input {
    std::shared_ptr<GradSlot> slot;  // null without gradient
    const void* storage;             // Tensor::storage_id(), for errors
  };
  Gradients(std::span<const Input> inputs, const char* operation) : inputs_(inputs), operation_(operation) {}
  Gradient operator[](int input) const {
    return {inputs_[static_cast<std::size_t>(input)].slot.get(), operation_, input};
  }

 private:
  std::span<const Input> inputs_;
  const char* operation_;
};

class Tape {
 public:
  // Becomes the tape that operations record on. The innermost living Tape or NoGrad of a thread decides, in whatever order
  // they are destroyed: `tape = std::make_unique<Tape>()` may replace a tape step after step.
  Tape();
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // Adds d loss / d leaf to the gradient of every leaf that asked for it, releasing saved tensors and intermediate
  // gradients as soon as they are consumed. Errors: loss is not a single element, was not recorded here, the tape was
  // consumed by an earlier call, a saved tensor was changed in place, or the thread that made the tape has ended. After an
  // error part of the gradients may have been added: zero_grad() before the next step.
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
    const void* output_storage = nullptr;
    PoolVector<Gradients::Input> inputs;
    Entry* before = nullptr;  // the entry recorded just before
  };

 private:
  template <class F>
  friend void record(const char* operation, Tensor& output, std::span<const Tensor> inputs, F backward);
  void append(Entry* entry, const char* operation, Tensor& output, std::span<const Tensor> inputs);
  bool flows(const Tensor& input) const;  // whether it takes a gradient from this tape
  bool needs_gradient(std::span<const Tensor> inputs) const;
  static void destroy(Entry* entry);

  Entry* last_ = nullptr;
  Index size_ = 0;
  std::uint64_t id_;
  bool consumed_ = false;
  Scoped<Tape*> scope_{this};
};

// While it is the innermost, nothing is recorded, for example to evaluate in the middle of training.
class NoGrad {
 public:
  NoGrad() {}

 private:
  Scoped<Tape*> scope_{nullptr};
};

// Writes down that `output` was made from `inputs` by `operation`, and how gradients flow back:
//
//   // of two tensors of one shape
//   record("mul", y, {a, b}, [a = a.detach(), b = b.detach()](const Tensor& dy, const Gradients& d) {
//     d[0].add(mul(dy, b));
//     d[1].add(mul(dy, a));
//   });
//
// What the function captures is what is saved for the backward pass, and nothing else is. Capture detached handles, detached
// in the capture list, after the result was written: the numbers are needed there, not the way back from them, and the
// handle notes their version, so that a later write in place is found. In the function, call detach(), alias() or const
// data() of a captured handle only where its numbers are needed: that is where its version is checked. Nothing is recorded
// without a tape, or when no input needs a gradient.
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
