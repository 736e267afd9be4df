// Tensor's storage, version checks, creation, copies and gradient flags.
#include "headlight/tensor/tensor.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <ostream>

#include "base/words.h"
#include "headlight/base/error.h"
#include "kernels/kernels.h"
#include "tensor/saved_reader.h"

namespace headlight {

class Tape;  // incomplete here: this file only tests whether a tape records

std::string to_text(DType dtype) { return dtype == DType::kFloat32 ? "float32" : "float64"; }
std::ostream& operator<<(std::ostream& out, DType dtype) { return out << to_text(dtype); }
std::size_t element_bytes(DType dtype) { return dtype == DType::kFloat32 ? 4 : 8; }

Precision default_precision() { return Scoped<Precision>::innermost(Precision::kFloat32); }

bool has_fast_bf16() { return kernels::active<float>().fast_bf16; }

DType default_dtype() { return Scoped<DType>::innermost(DType::kFloat32); }

struct Tensor::Storage {
  explicit Storage(std::size_t size) : data(pool_allocate(size)), bytes(size) {}
  ~Storage() { pool_release(data, bytes); }
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  void* data;
  std::size_t bytes;
  // Atomic, because threads may write parts of one tensor concurrently. Some increments may be lost, but not all.
  std::atomic<std::uint32_t> version{1};
};

Tensor Tensor::empty(const Shape& shape, DType dtype) {
  Tensor t;
  t.shape_ = shape;
  t.numel_ = shape.numel();
  t.dtype_ = dtype;
  t.storage_ = std::allocate_shared<Storage>(PoolAllocator<Storage>(),
                                             static_cast<std::size_t>(t.numel_) * element_bytes(dtype));
  return t;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype) { return full(shape, 0, dtype); }

Tensor Tensor::ones(const Shape& shape, DType dtype) { return full(shape, 1, dtype); }

Tensor Tensor::full(const Shape& shape, double value, DType dtype) {
  Tensor t = empty(shape, dtype);
  t.fill(value);
  return t;
}

Tensor Tensor::zeros_like(const Tensor& x) { return zeros(x.shape_, x.dtype_); }
Tensor Tensor::ones_like(const Tensor& x) { return ones(x.shape_, x.dtype_); }

Tensor Tensor::arange(double stop, DType dtype) { return arange(0, stop, 1, dtype); }

Tensor Tensor::arange(double start, double stop, double step, DType dtype) {
  const double count = std::ceil((stop - start) / step);
  if (step == 0 || !std::isfinite(step) || !std::isfinite(count))
    fail("tensor: arange(", start, ", ", stop, ", ", step,
         ") has no end; give finite numbers and a step that is not 0");
  if (count > static_cast<double>(Shape::kMaxElements))
    fail("tensor: arange() of more than 2^40 elements; use a larger step");
  Tensor t = empty({count > 0 ? static_cast<Index>(count) : 0}, dtype);
  for (Index i = 0; i < t.numel_; ++i) {
    // Computed from start each time, because repeated addition would accumulate rounding errors.
    const double value = start + static_cast<double>(i) * step;
    if (dtype == DType::kFloat32) t.data<float>()[i] = static_cast<float>(value);
    else t.data<double>()[i] = value;
  }
  return t;
}

Tensor Tensor::eye(Index n, DType dtype) {
  Tensor t = zeros({n, n}, dtype);
  for (Index i = 0; i < n; ++i) {
    if (dtype == DType::kFloat32) t.data<float>()[i * n + i] = 1;
    else t.data<double>()[i * n + i] = 1;
  }
  return t;
}

Tensor Tensor::scalar(double value, DType dtype) { return full({}, value, dtype); }

Tensor Tensor::of(const Shape& shape, std::span<const double> values, DType dtype) {
  if (static_cast<Index>(values.size()) != shape.numel())
    fail("tensor: ", counted(values.size(), "value"), " for the shape ", shape, "; give one value per element");
  Tensor t = empty(shape, dtype);
  if (dtype == DType::kFloat32)
    std::transform(values.begin(), values.end(), t.data<float>(), [](double v) { return static_cast<float>(v); });
  else std::copy(values.begin(), values.end(), t.data<double>());
  return t;
}

Tensor Tensor::of(const Shape& shape, std::initializer_list<double> values, DType dtype) {
  return of(shape, std::span(values.begin(), values.size()), dtype);
}

Tensor Tensor::normal(const Shape& shape, double mean, double stddev, Rng& rng, DType dtype) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (double& value : values) value = mean + stddev * rng.normal();
  return of(shape, values, dtype);
}

Tensor Tensor::uniform(const Shape& shape, double low, double high, Rng& rng, DType dtype) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (double& value : values) value = low + (high - low) * rng.uniform();
  return of(shape, values, dtype);
}

const void* Tensor::read(DType wanted) const {
  if (!storage_) fail("tensor: used before it was given a value; assign a tensor first");
  if (wanted != dtype_) fail("tensor: ", dtype_, " read as ", wanted, "; convert it with to()");
  check_unchanged();
  return storage_->data;
}

void* Tensor::write(DType wanted) {
  read(wanted);
  const std::uint32_t next = version() + 1;
  storage_->version.store(next, std::memory_order_relaxed);
  if (noted_ != 0) noted_ = next;  // a handle's own write is not an error
  return storage_->data;
}

std::uint32_t Tensor::version() const { return storage_ ? storage_->version.load(std::memory_order_relaxed) : 0; }

void Tensor::check_unchanged() const {
  if (noted_ == 0 || noted_ == version()) return;
  if (const SavedReader* reader = Scoped<const SavedReader*>::innermost(nullptr))
    reader->changed(storage_id(), version(), noted_);
}

double Tensor::item() const {
  if (numel_ != 1) fail("tensor: item() needs one element, the shape is ", shape_, "; use at() or to_vector()");
  return dtype_ == DType::kFloat32 ? static_cast<double>(*data<float>()) : *data<double>();
}

double Tensor::at(std::initializer_list<Index> index) const {
  if (static_cast<int>(index.size()) != rank())
    fail("tensor: ", index.size(), " indices for the shape ", shape_, "; give one index per axis");
  Index offset = 0;
  int axis = 0;
  for (const Index i : index) {
    if (i < 0 || i >= size(axis)) fail("tensor: index ", i, " is outside axis ", axis, " of ", shape_);
    offset = offset * size(axis++) + i;
  }
  return dtype_ == DType::kFloat32 ? static_cast<double>(data<float>()[offset]) : data<double>()[offset];
}

std::vector<double> Tensor::to_vector() const {
  std::vector<double> values(static_cast<std::size_t>(numel_));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = dtype_ == DType::kFloat32 ? static_cast<double>(data<float>()[i]) : data<double>()[i];
  return values;
}

Tensor Tensor::clone() const {
  Tensor copy = empty(shape_, dtype_);
  copy.copy_from(*this);
  return copy;
}

Tensor Tensor::to(DType dtype) const {
  Tensor copy = empty(shape_, dtype);
  copy.copy_from(*this);
  return copy;
}

Tensor Tensor::detach() const {
  check_unchanged();
  Tensor same = *this;
  same.slot_ = nullptr;
  same.noted_ = Scoped<Tape*>::innermost(nullptr) ? version() : 0;
  return same;
}

Tensor Tensor::alias(const Shape& shape) const {
  if (shape.numel() != numel_)
    fail("reshape: ", shape_, " has ", counted(numel_, "element"), ", ", shape, " has ", shape.numel(),
         "; use a shape of as many elements");
  Tensor same = detach();
  same.shape_ = shape;
  return same;
}

void Tensor::copy_from(const Tensor& other) {
  if (!(other.shape_ == shape_))
    fail("copy: the shapes differ: ", other.shape_, " into ", shape_, "; reshape one of them");
  if (numel_ == 0) return;
  if (other.dtype_ == dtype_) {
    std::memmove(write(dtype_), other.read(dtype_), static_cast<std::size_t>(numel_) * element_bytes(dtype_));
  } else if (dtype_ == DType::kFloat32) {
    std::transform(other.data<double>(), other.data<double>() + numel_, data<float>(),
                   [](double v) { return static_cast<float>(v); });
  } else {
    std::copy_n(other.data<float>(), numel_, data<double>());
  }
}

void Tensor::fill(double value) {
  if (dtype_ == DType::kFloat32) std::fill_n(data<float>(), numel_, static_cast<float>(value));
  else std::fill_n(data<double>(), numel_, value);
}

std::shared_ptr<GradSlot> make_slot(const Tensor& tensor) {
  auto slot = std::allocate_shared<GradSlot>(PoolAllocator<GradSlot>());
  slot->shape = tensor.shape();
  slot->dtype = tensor.dtype();
  return slot;
}

void Tensor::set_requires_grad(bool value) {
  if (slot_ && slot_->tape != 0) {
    if (!value) fail("set_requires_grad: false on the result of an operation; use detach() to get a constant");
    if (slot_->gone)
      fail(
          "set_requires_grad: the result's tape was destroyed, so no gradient reaches the result; use detach() to make "
          "a leaf");
    return;
  }
  if (!slot_ && value) slot_ = make_slot(*this);
  if (slot_) slot_->collects = value;
}

Tensor Tensor::grad() const { return slot_ ? slot_->grad : Tensor(); }

void Tensor::zero_grad() {
  if (slot_) slot_->grad = Tensor();
}

std::string to_text(const Tensor& tensor) {
  if (!tensor.defined()) return "undefined tensor";
  constexpr std::size_t kShown = 24;
  const std::vector<double> values = tensor.to_vector();
  std::string text = cat(tensor.dtype(), " ", tensor.shape(), " {");
  for (std::size_t i = 0; i < values.size() && i < kShown; ++i) text += cat(i ? ", " : "", values[i]);
  return text + (values.size() > kShown ? ", ...}" : "}");
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) { return out << to_text(tensor); }

}  // namespace headlight
