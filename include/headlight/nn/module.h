// Module: the base of every layer. A layer declares its parameters and inner layers once, as members:
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
// A layer with parameters that is a plain member (`Linear up{8, 32};`) would be left out of all of this: the walk finds it
// and throws. A layer on the heap is registered with adopt(); the walk finds a forgotten one while its owner is a Child,
// and gradcheck(module, ...) (nn/gradcheck.h) finds any. To leave a layer out on purpose, freeze its parameters:
// `layer.weight.value().set_requires_grad(false)`.
//
// Declaration order is the order of the walk, and the names along it are the parameters' names: "up.weight". Checkpoints,
// optimizers, counts and printing all use that one walk. Calling a Child names it in errors: "up: linear: input sizes ...".
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "headlight/base/error.h"
#include "headlight/tensor/tensor.h"

namespace headlight {

// How a parameter starts. Random values come from generator() in the order of construction.
struct Init {
  enum class Kind { kConstant, kNormal, kUniform };
  Kind kind = Kind::kConstant;
  double value = 0;  // the constant; the standard deviation; or the bound b of uniform [-b, b)

  static Init zeros() { return {Kind::kConstant, 0}; }
  static Init ones() { return {Kind::kConstant, 1}; }
  static Init normal(double deviation) { return {Kind::kNormal, deviation}; }
  static Init uniform(double bound) { return {Kind::kUniform, bound}; }
};

class Module {
 public:
  Module();
  virtual ~Module();
  // Members register their owner's address, so a module stays where it was made.
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // Every parameter of this module and of those inside it, in declaration order. Error, here and in zero_grad(): a layer
  // with parameters that require a gradient is inside and not registered.
  std::vector<NamedTensor> parameters() const;
  Index parameter_count() const;
  // Drops the gradients; done between one step and the next.
  void zero_grad();
  // One line a parameter: name, shape, count.
  std::string describe() const;

 protected:
  // For an inner module that is chosen at run time and so cannot be a Child. It must live as long as this one.
  void adopt(std::string name, Module& module);

 private:
  friend class Param;
  template <class M>
  friend class Child;
  struct Member {
    std::string name;
    Tensor* parameter;  // one of the two is null
    Module* module;
  };
  void collect(const std::string& prefix, std::vector<NamedTensor>& out) const;
  bool trainable() const;
  // Throws when a live module that nobody adopted is inside this one.
  void check_registered() const;
  // Bytes begin .. begin+size belong to this module: the class whose member is registered, or all of a Child's module.
  void extend(const void* begin, std::size_t size);
  // The constructor of this module has returned.
  void finish_construction();

  std::vector<Member> members_;
  std::uintptr_t begin_ = 0, end_ = 0;  // addresses known to be inside this module
  bool adopted_ = false;
  const void* thread_;                 // that made it
  std::uint64_t born_, finished_ = 0;  // moments: when construction began, and when it ended (0: not known)
};

// A tensor that training changes.
class Param {
 public:
  // Made in default_dtype(). The owner is `this` of the class that declares the parameter.
  template <class Owner>
  Param(Owner* owner, std::string name, const Shape& shape, Init init)
      : Param(owner, sizeof(Owner), owner, std::move(name), shape, init) {}
  Param(const Param&) = delete;
  Param& operator=(const Param&) = delete;

  operator const Tensor&() const { return value_; }
  const Tensor& value() const { return value_; }
  Tensor& value() { return value_; }

 private:
  Param(const void* object, std::size_t size, Module* owner, std::string name, const Shape& shape, Init init);

  Tensor value_;
};

// A layer inside a layer. Calling it runs the layer under its name.
template <class M>
class Child {
 public:
  // The owner is `this` of the class that declares the layer; the rest goes to the layer's constructor.
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

// Says that each of several layers is told its number, after the other arguments.
struct Numbered {};
inline constexpr Numbered kNumbered;

// Several alike: "blocks.0", "blocks.1", ... all made from the same arguments.
template <class M>
class ChildList {
 public:
  template <class Owner, class... Args>
  ChildList(Owner* owner, const std::string& name, Index count, Args&&... args) {
    for (Index i = 0; i < count; ++i) children_.emplace_back(owner, cat(name, ".", i), args...);
  }
  template <class Owner, class... Args>
  ChildList(Owner* owner, const std::string& name, Index count, Numbered, Args&&... args) {
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
