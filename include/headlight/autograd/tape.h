// The tape: reverse-mode automatic differentiation in one loop.
//
// While a Tape is alive, each operation records an entry. An operation can only use existing tensors, so the order of
// recording is a topological order. In reverse order, every use of a result comes before the entry that computed it.
// The backward pass therefore needs no graph search and no recursion. Example with a diamond:
//
//   Tape tape;
//   Tensor b = exp(a);        // entry 0   a -> b
//   Tensor c = mul(a, b);     // entry 1   a, b -> c       two entries use a
//   tape.backward(c);         // dc, the gradient of c, is 1
//     // entry 1: da = dc b,  db = dc a
//     // entry 0: da += db b. All uses of b were recorded after entry 0, so db is complete here.
//
// Without a live tape (inference), operations record and save nothing.
//
// If a saved tensor is written in place, backward() throws, because the gradient would be wrong:
//
//   Tensor y = mul(w, w);     // saves w
//   w.fill(5);
//   tape.backward(sum(y));    // mul: input 0 was changed in place after it was recorded (version 3, recorded at 2)...
//
// Operations save only the tensors that their derivative needs. add(w, w) saves nothing and exp(w) saves its result, so
// w may be written after either.
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

// The gradient of one input of an operation, passed to a backward function.
class Gradient {
 public:
  Gradient(GradSlot* slot, const char* operation, int input) : slot_(slot), operation_(operation), input_(input) {}
  // False if this input needs no gradient: skip the computation.
  bool needed() const { return slot_ != nullptr; }
  const Shape& shape() const { return slot_->shape; }
  // Adds g to the gradient; does nothing if not needed(). Error: g's shape or type differs from the input's.
  void add(const Tensor& g);
  // The gradient tensor itself, for operations that can add in place. If the tensor already holds a sum, sets
  // `accumulate` to true, and the caller must add to the tensor. Otherwise the tensor is uninitialized, and the caller
  // must overwrite every element. Call only if needed().
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
    std::shared_ptr<GradSlot> slot;  // null if the input needs no gradient
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
  // Operations of this thread now record on this tape. The newest live Tape or NoGrad of the thread is in effect. They
  // may be destroyed in any order, so `tape = std::make_unique<Tape>()` may replace the tape each step.
  Tape();
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // Adds d loss / d leaf to the gradient of every leaf that requires one. Saved tensors and intermediate gradients are
  // released after their last use. Errors: loss is not a single element; loss was not recorded on this tape;
  // backward() already ran; a saved tensor was changed in place; the thread that created the tape has ended. After an
  // error some gradients may already be added: call zero_grad() before the next step.
  void backward(const Tensor& loss);
  // The same for a result of any shape. `gradient` is d loss / d result, of the result's shape and type.
  void backward(const Tensor& result, const Tensor& gradient);

  // The number of recorded entries that backward() has not consumed.
  Index size() const { return size_; }

  // The distinct operation names of these entries, in order of first recording.
  std::vector<std::string> operations() const;
  // The distinct gradient slots of the leaves that these entries read.
  std::vector<std::shared_ptr<GradSlot>> leaves() const;

  // The tape that this thread records on; null during inference or under NoGrad.
  static Tape* current();

  // The record of one operation.
  struct Entry {
    virtual ~Entry() = default;
    virtual void run(const Tensor& dy, const Gradients& dx) = 0;
    virtual std::size_t bytes() const = 0;
    const char* operation = "";
    LayerPath* layer = nullptr;  // the layer that called the operation; named in backward errors
    std::shared_ptr<GradSlot> output;
    const void* output_storage = nullptr;
    PoolVector<Gradients::Input> inputs;
    Entry* before = nullptr;  // the previous entry
  };

 private:
  template <class F>
  friend void record(const char* operation, Tensor& output, std::span<const Tensor> inputs, F backward);
  void append(Entry* entry, const char* operation, Tensor& output, std::span<const Tensor> inputs);
  bool flows(const Tensor& input) const;  // whether input receives a gradient from this tape
  bool needs_gradient(std::span<const Tensor> inputs) const;
  static void destroy(Entry* entry);

  Entry* last_ = nullptr;
  Index size_ = 0;
  std::uint64_t id_;
  bool consumed_ = false;
  Scoped<Tape*> scope_{this};
};

// Disables recording on this thread while it is the newest live Tape or NoGrad, for example for evaluation during
// training.
class NoGrad {
 public:
  NoGrad() {}

 private:
  Scoped<Tape*> scope_{nullptr};
};

// Records that `operation` computed `output` from `inputs`. `backward` computes the gradients of the inputs:
//
//   // a and b have the same shape
//   record("mul", y, {a, b}, [a = a.detach(), b = b.detach()](const Tensor& dy, const Gradients& d) {
//     d[0].add(mul(dy, b));
//     d[1].add(mul(dy, a));
//   });
//
// Only the captures of the function are saved for the backward pass. Call record() after writing the result, and detach
// the captured handles in the capture list. A detached handle does not refer to the tape, and stores the version of the
// numbers, so that a later in-place write is detected. detach(), alias() and const data() check the version, so call
// them on a captured handle only where the function needs its numbers. record() does nothing without a tape or if no
// input needs a gradient.
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
