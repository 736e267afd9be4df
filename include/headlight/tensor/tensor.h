// Tensor: a cheap handle to a block of numbers, its shape, and its place on the tape.
//
// Copying a Tensor copies the handle: both see the same numbers. Always contiguous and row-major; reshape shares the
// storage, everything else that rearranges makes a copy. float32 unless asked otherwise; float64 is for checking.
// Token ids are std::span<const std::int32_t>, not tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "headlight/base/random.h"
#include "headlight/base/scope.h"
#include "headlight/base/shape.h"
#include "headlight/tensor/pool.h"

namespace headlight {

enum class DType : std::uint8_t { kFloat32, kFloat64 };
std::string to_text(DType dtype);  // "float32"
std::ostream& operator<<(std::ostream& out, DType dtype);
std::size_t element_bytes(DType dtype);

// The type of tensors made without naming one. float32 at the start.
DType default_dtype();
// Sets it for as long as the object lives: `DTypeScope check(DType::kFloat64);` builds a model for gradcheck.
class DTypeScope {
 public:
  explicit DTypeScope(DType dtype) : scope_(dtype) {}

 private:
  Scoped<DType> scope_;
};

template <class T>
inline constexpr DType dtype_of = DType::kFloat32;
template <>
inline constexpr DType dtype_of<double> = DType::kFloat64;

struct GradSlot;  // where a tensor's gradient is collected; see autograd/tape.h

class Tensor {
 public:
  // No tensor at all; defined() is false.
  Tensor() = default;

  // ---- making one ----
  static Tensor empty(const Shape& shape, DType dtype = default_dtype());  // contents undetermined
  static Tensor zeros(const Shape& shape, DType dtype = default_dtype());
  static Tensor ones(const Shape& shape, DType dtype = default_dtype());
  static Tensor full(const Shape& shape, double value, DType dtype = default_dtype());
  // The shape and type of x.
  static Tensor zeros_like(const Tensor& x);
  static Tensor ones_like(const Tensor& x);
  // start, start + step, ... as long as they are below stop (above stop if step is negative); 0, 1, ... without start.
  // Errors: step 0, a bound that is not finite.
  static Tensor arange(double stop, DType dtype = default_dtype());
  static Tensor arange(double start, double stop, double step = 1, DType dtype = default_dtype());
  // The identity matrix [n,n].
  static Tensor eye(Index n, DType dtype = default_dtype());
  static Tensor scalar(double value, DType dtype = default_dtype());
  // Error: the number of values is not the shape's.
  static Tensor of(const Shape& shape, std::span<const double> values, DType dtype = default_dtype());
  static Tensor of(const Shape& shape, std::initializer_list<double> values, DType dtype = default_dtype());
  // Independent normal numbers / numbers uniform in [low, high).
  static Tensor normal(const Shape& shape, double mean, double deviation, Rng& rng, DType dtype = default_dtype());
  static Tensor uniform(const Shape& shape, double low, double high, Rng& rng, DType dtype = default_dtype());

  // ---- looking at it ----
  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  Index size(int axis) const { return shape_[axis]; }
  int rank() const { return shape_.rank(); }
  Index numel() const { return numel_; }
  DType dtype() const { return dtype_; }
  // The numbers. Error: T is not the tensor's type. Taking a non-const pointer counts as one write (see version()), so
  // take a new pointer for each write, and a const one (of a const handle, or std::as_const) to read.
  template <class T>
  T* data() {
    return static_cast<T*>(write(dtype_of<T>));
  }
  template <class T>
  const T* data() const {
    return static_cast<const T*>(read(dtype_of<T>));
  }
  // Whatever the type. Errors: not a single element / an index outside the shape.
  double item() const;
  double at(std::initializer_list<Index> index) const;
  std::vector<double> to_vector() const;

  // ---- copies and aliases ----
  Tensor clone() const;                    // own storage, no gradient
  Tensor to(DType dtype) const;            // a copy in another type, no gradient
  Tensor detach() const;                   // same storage, no gradient
  Tensor alias(const Shape& shape) const;  // same storage and another shape, no gradient. Error: other element count
  void copy_from(const Tensor& other);     // same shape; converts the type
  void fill(double value);
  bool same_storage(const Tensor& other) const { return storage_ == other.storage_; }
  // Identifies the storage as long as it lives; null when not defined.
  const void* storage_id() const { return storage_.get(); }
  // Grows with each write in place: fill(), copy_from(), non-const data(), through any handle of the storage. A handle
  // that is detached while a tape records notes the version; a backward function that reads the handle after a later
  // write throws Error (autograd/tape.h), because its gradient would be that of other numbers.
  std::uint32_t version() const;
  // Nobody else holds the storage: it may be written in place.
  bool unique() const { return storage_.use_count() == 1; }

  // ---- gradients ----
  // true: makes this a leaf whose gradient backward() collects; handles copied from it afterwards share the gradient, those
  // copied before do not. false: the leaf stops collecting, for every handle that shares its gradient, and keeps what was
  // collected; true resumes. No change: true on a leaf that collects or on a result that a living tape recorded. Errors:
  // false on a result, or true on a result whose tape is gone; use detach().
  void set_requires_grad(bool value);
  // Whether a gradient flows here: a leaf that asked for it, or a result recorded on a tape.
  bool requires_grad() const;
  // The collected gradient; not defined before backward() or after zero_grad().
  Tensor grad() const;
  void zero_grad();
  const std::shared_ptr<GradSlot>& slot() const { return slot_; }
  void set_slot(std::shared_ptr<GradSlot> slot) { slot_ = std::move(slot); }

 private:
  struct Storage;
  const void* read(DType wanted) const;
  void* write(DType wanted);
  void check_unchanged() const;

  std::shared_ptr<Storage> storage_;
  std::shared_ptr<GradSlot> slot_;
  Shape shape_;
  Index numel_ = 0;
  DType dtype_ = DType::kFloat32;
  std::uint32_t noted_ = 0;  // the version when the handle was detached under a tape; 0: any version may be read
};

// Where the gradient of one tensor is collected. It knows the tensor's shape and not its numbers, so that keeping the
// slot on the tape does not keep the storage alive.
struct Recipe;  // how to make a result again; see autograd/saved.h
struct GradSlot {
  Shape shape;
  DType dtype = DType::kFloat32;
  bool collects = true;    // false: a leaf that set_requires_grad(false) stopped
  bool gone = false;       // a result whose tape is destroyed, or has run backward: no gradient will come
  std::uint64_t tape = 0;  // the tape it was recorded on; 0 for a leaf
  Tensor grad;             // not defined until something was added
  std::shared_ptr<const Recipe> recipe;
  std::uint32_t recipe_version = 0;  // of the tensor that the recipe makes
};
// An empty slot for a tensor of this shape and type.
std::shared_ptr<GradSlot> make_slot(const Tensor& tensor);
inline bool Tensor::requires_grad() const { return slot_ && slot_->collects; }

// "float32 [2,2] {1, 2, 3, 4}": at most a few dozen numbers.
std::string to_text(const Tensor& tensor);
std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

// A parameter, or another tensor that is saved by name.
struct NamedTensor {
  std::string name;  // "blocks.0.attn.qkv.weight"
  Tensor value;      // a handle: shares the parameter's storage and gradient
};

}  // namespace headlight
