// Tensor: a cheap handle to a block of numbers, a shape, and a gradient slot.
//
// Copying a Tensor copies the handle; both handles share the same numbers. Tensors are contiguous and row-major:
// reshape shares the storage, all other rearrangements copy. The default type is float32; float64 is for gradient
// checks. Token ids are std::span<const std::int32_t>, not tensors.
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

// The type of tensors created without an explicit type: float32 unless a DTypeScope is alive.
DType default_dtype();
// Sets default_dtype() while the object is alive: under `DTypeScope doubles(DType::kFloat64);` a model is float64.
class DTypeScope {
 public:
  explicit DTypeScope(DType dtype) : scope_(dtype) {}

 private:
  Scoped<DType> scope_;
};

// How matmul, linear and conv1d multiply float32 tensors. kBf16 rounds the operands to bfloat16 (8 significant bits)
// and adds the products in float32. All tensors stay float32. kBf16 does not affect float64 tensors, or the products
// inside tiled attention, recurrent layers and optimizers.
enum class Precision : std::uint8_t { kFloat32, kBf16 };
// kFloat32 unless a PrecisionScope is alive.
Precision default_precision();
// Sets default_precision() while the object is alive. An operation's backward pass uses the precision of its forward
// pass, even outside the scope.
class PrecisionScope {
 public:
  explicit PrecisionScope(Precision precision) : scope_(precision) {}

 private:
  Scoped<Precision> scope_;
};
// Whether the CPU multiplies bfloat16 numbers faster than float32 numbers. If not, kBf16 gives the same
// results, but slower.
bool has_fast_bf16();

template <class T>
inline constexpr DType dtype_of = DType::kFloat32;
template <>
inline constexpr DType dtype_of<double> = DType::kFloat64;

struct GradSlot;  // accumulates a tensor's gradient; defined below

class Tensor {
 public:
  // An undefined tensor: defined() is false.
  Tensor() = default;

  // ---- creation ----
  static Tensor empty(const Shape& shape, DType dtype = default_dtype());  // uninitialized
  static Tensor zeros(const Shape& shape, DType dtype = default_dtype());
  static Tensor ones(const Shape& shape, DType dtype = default_dtype());
  static Tensor full(const Shape& shape, double value, DType dtype = default_dtype());
  // Same shape and type as x.
  static Tensor zeros_like(const Tensor& x);
  static Tensor ones_like(const Tensor& x);
  // start, start + step, ... while below stop (above stop if step is negative), rank 1; start defaults to 0.
  // Errors: step 0, a bound that is not finite, more than 2^40 elements.
  static Tensor arange(double stop, DType dtype = default_dtype());
  static Tensor arange(double start, double stop, double step = 1, DType dtype = default_dtype());
  // The identity matrix [n,n].
  static Tensor eye(Index n, DType dtype = default_dtype());
  static Tensor scalar(double value, DType dtype = default_dtype());
  // Values in row-major order. Error: the number of values differs from the shape's element count.
  static Tensor of(const Shape& shape, std::span<const double> values, DType dtype = default_dtype());
  static Tensor of(const Shape& shape, std::initializer_list<double> values, DType dtype = default_dtype());
  // Independent samples: normal with the given mean and standard deviation; uniform in [low, high).
  static Tensor normal(const Shape& shape, double mean, double stddev, Rng& rng, DType dtype = default_dtype());
  static Tensor uniform(const Shape& shape, double low, double high, Rng& rng, DType dtype = default_dtype());

  // ---- access ----
  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  Index size(int axis) const { return shape_[axis]; }
  int rank() const { return shape_.rank(); }
  Index numel() const { return numel_; }
  DType dtype() const { return dtype_; }
  // Pointer to the first element. Error: T is not the tensor's type. Each non-const call counts as one write (see
  // version()): call again for each write, and read through a const handle or std::as_const.
  template <class T>
  T* data() {
    return static_cast<T*>(write(dtype_of<T>));
  }
  template <class T>
  const T* data() const {
    return static_cast<const T*>(read(dtype_of<T>));
  }
  // Read as double, for either type. Errors: item(): more or fewer than one element; at(): an index outside the shape.
  double item() const;
  double at(std::initializer_list<Index> index) const;
  std::vector<double> to_vector() const;

  // ---- copies and aliases ----
  Tensor clone() const;                    // new storage, no gradient
  Tensor to(DType dtype) const;            // a copy converted to dtype, no gradient
  Tensor detach() const;                   // same storage, no gradient
  Tensor alias(const Shape& shape) const;  // same storage, new shape, no gradient. Error: numel differs
  void copy_from(const Tensor& other);     // converts the type. Error: shapes differ
  void fill(double value);
  bool same_storage(const Tensor& other) const { return storage_ == other.storage_; }
  // Identifies the storage during its lifetime; null if undefined.
  const void* storage_id() const { return storage_.get(); }
  // Increases with each in-place write (fill(), copy_from(), non-const data()) through any handle to the storage. A
  // handle that is detached while a tape records stores the version. A backward function that reads this handle after
  // a later write throws Error (autograd/tape.h), because the gradient would be computed from the wrong numbers.
  std::uint32_t version() const;
  // True if this is the only handle to the storage, so that writing in place affects no other tensor.
  bool unique() const { return storage_.use_count() == 1; }

  // ---- gradients ----
  // true: makes this a leaf, whose gradient backward() accumulates. Handles copied from the leaf afterwards share the
  // gradient; handles copied before do not. false: the leaf and all handles that share its gradient stop accumulating
  // and keep the current gradient; true resumes. true has no effect on an accumulating leaf or a result of a live
  // tape. Errors: false on a result; true on a result whose tape was destroyed or has run backward; use detach()
  // instead.
  void set_requires_grad(bool value);
  // True for a leaf that accumulates its gradient and for a result recorded on a tape.
  bool requires_grad() const;
  // The accumulated gradient, of this tensor's shape and type; undefined before backward() and after zero_grad().
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
  std::uint32_t noted_ = 0;  // version() when detached under a tape; 0: no check
};

struct Rematerialization;  // recomputes a result; see autograd/saved.h
// Accumulates the gradient of one tensor. The slot holds the tensor's shape, not its numbers, so a slot on the tape
// does not keep the tensor's storage alive.
struct GradSlot {
  Shape shape;
  DType dtype = DType::kFloat32;
  bool collects = true;    // false after set_requires_grad(false) on a leaf
  bool gone = false;       // the result's tape was destroyed or has run backward: no gradient will arrive
  std::uint64_t tape = 0;  // id of the recording tape; 0 for a leaf
  Tensor grad;             // undefined until the first gradient is added
  std::shared_ptr<const Rematerialization> rematerialization;
  std::uint32_t rematerialization_version = 0;  // version() of the result when `rematerialization` was stored
};
// Creates an empty slot with the tensor's shape and type.
std::shared_ptr<GradSlot> make_slot(const Tensor& tensor);
inline bool Tensor::requires_grad() const { return slot_ && slot_->collects; }

// "float32 [2,2] {1, 2, 3, 4}"; only the first 24 numbers are printed.
std::string to_text(const Tensor& tensor);
std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

// The purpose of a parameter in its layer. Optimizers choose their rule by role, not by name or rank.
enum class ParamRole {
  kOther,      // biases, gains, and everything without a declared role
  kMatrix,     // [out, in], maps activations to activations inside the model
  kEmbedding,  // one row per token or position
  kOutput,     // [V, C], maps activations to logits
};

// A parameter, or another tensor that a checkpoint stores by name.
struct NamedTensor {
  std::string name;  // "blocks.0.attn.qkv.weight"
  Tensor value;      // shares the parameter's storage and gradient
  ParamRole role = ParamRole::kOther;
  Index stacked = 1;  // for kMatrix: the number of matrices of equal size that are stacked along the rows
};

}  // namespace headlight
