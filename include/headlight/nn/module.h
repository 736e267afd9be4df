// Module: the base class of layers. A layer declares its parameters (Param) and inner layers (Child) as members:
//
//   struct Linear : Module {
//     Param weight, bias;
//     Linear(Index in, Index out) : weight{this, "weight", {out, in}, Init::uniform(0.1)},
//                                   bias{this, "bias", {out}, Init::zeros()} {}
//     Tensor operator()(const Tensor& x) const { return linear(x, weight, bias); }
//   };
//   struct TwoLayers : Module {
//     Child<Linear> up{this, "up", 8, 32}, down{this, "down", 32, 8};
//     Tensor operator()(const Tensor& x) const { return down(relu(up(x))); }
//   };
//
// parameters() visits registered parameters in declaration order and joins the names on the path: "up.weight".
// Checkpoints, optimizers, counts and printing all use this order. Calling a Child adds its name to errors:
// "up: linear: input sizes ...".
//
// A layer declared as a plain member (`Linear up{8, 32};`) is not registered; parameters() and zero_grad() throw if
// they find one with trainable parameters. Register a layer on the heap with adopt(). parameters() and zero_grad()
// detect a missing adopt() only if the owner is a Child; gradcheck(module, ...) (nn/gradcheck.h) always detects it. To
// leave a layer unregistered on purpose, freeze its parameters: `layer.weight.value().set_requires_grad(false)`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "headlight/base/error.h"
#include "headlight/tensor/tensor.h"

namespace headlight {

// The initial values of a parameter. Random values come from generator(), in order of construction.
struct Init {
  enum class Kind { kConstant, kNormal, kUniform };
  Kind kind = Kind::kConstant;
  double value = 0;  // the constant; the standard deviation (mean 0); the bound b of uniform [-b, b)

  static Init zeros() { return {Kind::kConstant, 0}; }
  static Init ones() { return {Kind::kConstant, 1}; }
  static Init normal(double stddev) { return {Kind::kNormal, stddev}; }
  static Init uniform(double bound) { return {Kind::kUniform, bound}; }
};

class Param;

class Module {
 public:
  Module();
  virtual ~Module();
  // Not copyable or movable, because members store pointers into the module.
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // All parameters of this module and its inner modules, in declaration order. Error: an inner layer with trainable
  // parameters is not registered.
  std::vector<NamedTensor> parameters() const;
  // The number of elements of all parameters.
  Index parameter_count() const;
  // Clears the gradients of all parameters; call between steps. Error: as for parameters().
  void zero_grad();
  // One line per parameter: name, shape, element count.
  std::string describe() const;

 protected:
  // Registers an inner module that can be neither a Child nor a Part. The inner module must outlive this one.
  void adopt(std::string name, Module& module);

 private:
  friend class Param;
  template <class M>
  friend class Child;
  template <class M>
  friend class Part;
  struct Member {
    std::string name;
    Param* parameter;  // exactly one of parameter and module is null
    Module* module;
  };
  void collect(const std::string& prefix, std::vector<NamedTensor>& out) const;
  bool trainable() const;
  // Error: a live, unregistered module with trainable parameters is inside this one.
  void check_registered() const;
  // Adds the bytes begin .. begin+size to this module's address range, which identifies plain members.
  void extend(const void* begin, std::size_t size);
  // Called when the constructor of this module has returned.
  void finish_construction();

  std::vector<Member> members_;
  std::uintptr_t begin_ = 0, end_ = 0;  // address range of this module; 0: unknown
  bool adopted_ = false;
  const void* thread_;                 // tag of the thread that constructed this module
  std::uint64_t born_, finished_ = 0;  // times when construction began and ended (0: unknown)
};

// Copies the values of all parameters of `from` to `to`, which must have the same names and shapes in the same order.
// Error: names the first parameter that differs; nothing is copied then.
void copy_parameters(const Module& from, Module& to);

// A trainable tensor: a leaf that requires a gradient.
class Param {
 public:
  // The type is default_dtype(). `owner` is `this` of the class that declares the parameter. `role` and `stacked` are
  // described at NamedTensor.
  template <class Owner>
  Param(Owner* owner, std::string name, const Shape& shape, Init init, ParamRole role = ParamRole::kOther,
        Index stacked = 1)
      : Param(owner, sizeof(Owner), owner, std::move(name), shape, init, role, stacked) {}
  Param(const Param&) = delete;
  Param& operator=(const Param&) = delete;

  operator const Tensor&() const { return value_; }
  const Tensor& value() const { return value_; }
  Tensor& value() { return value_; }

 private:
  friend class Module;
  Param(const void* object, std::size_t size, Module* owner, std::string name, const Shape& shape, Init init,
        ParamRole role, Index stacked);

  Tensor value_;
  ParamRole role_;
  Index stacked_;
};

// A registered inner layer. operator() calls the layer with its name added to the layer path.
template <class M>
class Child {
 public:
  // `owner` is `this` of the class that declares the layer; `args` go to the layer's constructor.
  template <class Owner, class... Args>
  Child(Owner* owner, std::string name, Args&&... args) : name_(std::move(name)), module_(std::forward<Args>(args)...) {
    Module &outer = *owner, &inner = module_;
    outer.extend(owner, sizeof(Owner));
    inner.extend(&module_, sizeof(M));
    inner.finish_construction();
    outer.adopt(name_, inner);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  template <class... Args>
  decltype(auto) operator()(Args&&... args) {
    const LayerScope scope(name_);
    return module_(std::forward<Args>(args)...);
  }
  template <class... Args>
  decltype(auto) operator()(Args&&... args) const {
    const LayerScope scope(name_);
    return module_(std::forward<Args>(args)...);
  }
  M* operator->() { return &module_; }
  const M* operator->() const { return &module_; }
  M& operator*() { return module_; }
  const M& operator*() const { return module_; }

 private:
  std::string name_;
  M module_;
};

// A registered inner layer whose type is chosen at run time, such as a norm; null: the layer is absent.
template <class M>
class Part {
 public:
  template <class Owner>
  Part(Owner* owner, std::string name, std::unique_ptr<M> module) : name_(std::move(name)), module_(std::move(module)) {
    if (module_) static_cast<Module*>(owner)->adopt(name_, *module_);
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  template <class... Args>
  decltype(auto) operator()(Args&&... args) const {
    const LayerScope scope(name_);
    return std::as_const(*module_)(std::forward<Args>(args)...);
  }
  explicit operator bool() const { return module_ != nullptr; }
  M* get() { return module_.get(); }
  const M* get() const { return module_.get(); }
  M* operator->() { return module_.get(); }
  const M* operator->() const { return module_.get(); }
  M& operator*() { return *module_; }
  const M& operator*() const { return *module_; }

 private:
  std::string name_;
  std::unique_ptr<M> module_;
};

// Tag for ChildList: pass the layer index to each child, after the other arguments.
struct WithIndex {};
inline constexpr WithIndex kWithIndex;

// A list of layers of one type, named "blocks.0", "blocks.1", ..., and constructed from the same arguments.
template <class M>
class ChildList {
 public:
  template <class Owner, class... Args>
  ChildList(Owner* owner, const std::string& name, Index count, Args&&... args) {
    for (Index i = 0; i < count; ++i) children_.emplace_back(owner, cat(name, ".", i), args...);
  }
  template <class Owner, class... Args>
  ChildList(Owner* owner, const std::string& name, Index count, WithIndex, Args&&... args) {
    for (Index i = 0; i < count; ++i) children_.emplace_back(owner, cat(name, ".", i), args..., i);
  }

  auto begin() const { return children_.begin(); }
  auto end() const { return children_.end(); }
  auto begin() { return children_.begin(); }
  auto end() { return children_.end(); }
  Index size() const { return static_cast<Index>(children_.size()); }
  Child<M>& operator[](Index i) { return children_[static_cast<std::size_t>(i)]; }
  const Child<M>& operator[](Index i) const { return children_[static_cast<std::size_t>(i)]; }

 private:
  std::deque<Child<M>> children_;  // a deque never moves its elements
};

}  // namespace headlight
