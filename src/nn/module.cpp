#include "headlight/nn/module.h"

namespace headlight {

void Module::collect(const std::string& prefix, std::vector<NamedTensor>& out) const {
  for (const Member& member : members_) {
    const std::string name = prefix.empty() ? member.name : cat(prefix, ".", member.name);
    if (member.parameter) out.push_back({name, *member.parameter});
    else member.module->collect(name, out);
  }
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
  // Not by parameters(): a training step makes no names.
  for (const Member& member : members_) {
    if (member.parameter) member.parameter->zero_grad();
    else member.module->zero_grad();
  }
}

std::string Module::describe() const {
  std::string text;
  for (const NamedTensor& p : parameters()) text += cat(p.name, " ", p.value.shape(), " ", p.value.numel(), "\n");
  return text;
}

Param::Param(Module* owner, std::string name, const Shape& shape, Init init) {
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
  owner->members_.push_back({std::move(name), &value_, nullptr});
}

}  // namespace headlight
