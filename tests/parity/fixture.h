// Fixture: the tensors in a file written by make_fixtures.py.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "headlight/formats/safetensors.h"
#include "headlight/tensor/tensor.h"

namespace headlight::tests {

class Fixture {
 public:
  // tests/fixtures/parity_<name>.safetensors
  explicit Fixture(const std::string& name)
      : file_(
            SafeTensors::load(std::string(HEADLIGHT_SOURCE_DIR) + "/tests/fixtures/parity_" + name + ".safetensors")) {}

  bool has(const std::string& name) const { return file_.find(name) != nullptr; }
  Tensor tensor(const std::string& name) const {
    const std::vector<Index>& sizes = file_.at(name).shape;
    Tensor t = Tensor::empty(Shape(sizes.data(), static_cast<int>(sizes.size())), DType::kFloat32);
    file_.read(name, std::span<float>(t.data<float>(), static_cast<std::size_t>(t.numel())));
    return t;
  }
  // A tensor that collects a gradient.
  Tensor leaf(const std::string& name) const {
    Tensor t = tensor(name);
    t.set_requires_grad(true);
    return t;
  }
  std::vector<std::int32_t> whole_numbers(const std::string& name) const {
    std::vector<std::int32_t> values(file_.at(name).data.size() / sizeof(std::int32_t));
    file_.read(name, std::span<std::int32_t>(values));
    return values;
  }
  std::vector<double> wide_numbers(const std::string& name) const {
    std::vector<double> values(file_.at(name).data.size() / sizeof(double));
    file_.read(name, std::span<double>(values));
    return values;
  }
  std::vector<std::string> names() const { return file_.names(); }

 private:
  SafeTensors file_;
};

// Passes if `got` agrees with PyTorch's result: every element x to within 1e-5 max(|x|, 1).
::testing::AssertionResult agrees(const Tensor& got, const Tensor& right);

}  // namespace headlight::tests
