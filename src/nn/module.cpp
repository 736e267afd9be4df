// Module: registration, the parameter traversal, and the search for unregistered layers.
#include "headlight/nn/module.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <typeinfo>

#if __has_include(<cxxabi.h>)
#include <cxxabi.h>
#endif

namespace headlight {

namespace {

// All live modules without a registered owner: root modules, and layers that their owner did not register. The list is
// never destroyed, because modules with static lifetime may be destroyed later.
struct Unadopted {
  std::mutex mutex;
  std::vector<const Module*> modules;
};
Unadopted& unadopted() {
  static Unadopted* const all = new Unadopted;
  return *all;
}

// Timestamps for the begin and end of every construction. All threads share one counter, because times of modules with
// the same tag are compared, and a new thread may reuse the tag address of a thread that has ended.
std::atomic<std::uint64_t> construction_clock = 0;
thread_local const char thread_tag = 0;  // its address identifies the thread

std::string type_name(const Module& module) {
  const char* name = typeid(module).name();
#if __has_include(<cxxabi.h>)
  int status = 0;
  char* readable = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  const std::string text = readable ? readable : name;
  std::free(readable);
  return text;
#else
  return name;
#endif
}

}  // namespace

Module::Module() : thread_(&thread_tag), born_(++construction_clock) {
  Unadopted& all = unadopted();
  const std::lock_guard lock(all.mutex);
  all.modules.push_back(this);
}

Module::~Module() {
  if (adopted_) return;
  Unadopted& all = unadopted();
  const std::lock_guard lock(all.mutex);
  // Search from the end, because most modules are destroyed soon after construction.
  const auto found = std::find(all.modules.rbegin(), all.modules.rend(), this);
  all.modules.erase(std::next(found).base());
}

void Module::adopt(std::string name, Module& module) {
  members_.push_back({std::move(name), nullptr, &module});
  if (module.adopted_) return;
  Unadopted& all = unadopted();
  const std::lock_guard lock(all.mutex);
  const auto found = std::find(all.modules.rbegin(), all.modules.rend(), &module);
  all.modules.erase(std::next(found).base());
  module.adopted_ = true;
}

void Module::extend(const void* begin, std::size_t size) {
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  begin_ = begin_ == 0 ? address : std::min(begin_, address);
  end_ = std::max(end_, address + size);
}

void Module::finish_construction() { finished_ = ++construction_clock; }

bool Module::trainable() const {
  return std::any_of(members_.begin(), members_.end(), [](const Member& member) {
    return member.parameter ? member.parameter->value().requires_grad() : member.module->trainable();
  });
}

void Module::check_registered() const {
  Unadopted& all = unadopted();
  const std::lock_guard lock(all.mutex);
  for (const Module* other : all.modules) {
    if (other == this) continue;
    const auto address = reinterpret_cast<std::uintptr_t>(other);
    const bool member = begin_ <= address && address < end_;
    const bool made_inside = other->thread_ == thread_ && born_ < other->born_ && other->born_ < finished_;
    if (!(member || made_inside) || !other->trainable()) continue;
    const std::string type = type_name(*other), owner = type_name(*this);
    if (member)
      fail("module: a member ", type, " of ", owner, ", ", address - begin_,
           " bytes from its start, is not registered; declare it as Child<", type, "> name{this, \"name\", ...}");
    fail("module: a ", type, " made by the constructor of ", owner,
         " is not registered; call adopt(\"name\", module) for it there");
  }
}

void Module::collect(const std::string& prefix, std::vector<NamedTensor>& out) const {
  for (const Member& member : members_) {
    const std::string name = prefix.empty() ? member.name : cat(prefix, ".", member.name);
    if (const Param* p = member.parameter) out.push_back({name, p->value_, p->role_, p->stacked_});
    else member.module->collect(name, out);
  }
  check_registered();  // after the inner modules, so that an error names the innermost owner
}

std::vector<NamedTensor> Module::parameters() const {
  std::vector<NamedTensor> all;
  collect("", all);
  return all;
}

Index Module::parameter_count() const {
  Index count = 0;
  for (const NamedTensor& p : parameters()) count += p.value.numel();
  return count;
}

void Module::zero_grad() {
  // Do not use parameters(), which allocates the names.
  for (const Member& member : members_) {
    if (member.parameter) member.parameter->value().zero_grad();
    else member.module->zero_grad();
  }
  check_registered();
}

std::string Module::describe() const {
  std::string text;
  for (const NamedTensor& p : parameters()) text += cat(p.name, " ", p.value.shape(), " ", p.value.numel(), "\n");
  return text;
}

void copy_parameters(const Module& from, Module& to) {
  const std::vector<NamedTensor> source = from.parameters();
  std::vector<NamedTensor> target = to.parameters();
  const auto described = [](const std::vector<NamedTensor>& all, std::size_t i) {
    return i < all.size() ? cat(all[i].name, " ", all[i].value.shape()) : std::string("no more parameters");
  };
  for (std::size_t i = 0; i < std::max(source.size(), target.size()); ++i)
    if (described(source, i) != described(target, i))
      fail("copy_parameters: the source has ", described(source, i), ", and the target has ", described(target, i),
           "; copy between models of the same structure");
  for (std::size_t i = 0; i < target.size(); ++i) target[i].value.copy_from(source[i].value);
}

Param::Param(const void* object, std::size_t size, Module* owner, std::string name, const Shape& shape, Init init,
             ParamRole role, Index stacked)
    : role_(role), stacked_(stacked) {
  switch (init.kind) {
    case Init::Kind::kConstant:
      value_ = Tensor::full(shape, init.value);
      break;
    case Init::Kind::kNormal:
      value_ = Tensor::normal(shape, 0, init.value, generator());
      break;
    case Init::Kind::kUniform:
      value_ = Tensor::uniform(shape, -init.value, init.value, generator());
      break;
  }
  value_.set_requires_grad(true);
  owner->members_.push_back({std::move(name), this, nullptr});
  owner->extend(object, size);
}

}  // namespace headlight
