// A scalar automatic differentiation engine: each Value records how it was computed, and backward() is one loop over
// these records.
#pragma once

#include <cmath>
#include <functional>
#include <vector>

namespace headlight::lessons {

class Engine;

// A number on an engine's record: a handle, copied freely.
struct Value {
  Engine* engine;
  std::size_t index;
  double value() const;
  double gradient() const;
};

// The record. Operations append to it, so an operation's inputs always stand before its result.
class Engine {
 public:
  Value leaf(double value) { return append(value, {}); }

  // Appends a result. `pass_back(g)` receives the derivative g of the output with respect to the result, and adds to
  // the derivatives of the inputs: the chain rule for one operation.
  Value append(double value, std::function<void(double)> pass_back) {
    nodes_.push_back({value, 0, std::move(pass_back)});
    return {this, nodes_.size() - 1};
  }

  // The derivative of `output` with respect to every value before it. Reverse order is enough: when the loop reaches a
  // node, all operations that use it have already added to its gradient.
  void backward(Value output) {
    for (Node& node : nodes_) node.gradient = 0;
    nodes_[output.index].gradient = 1;
    for (std::size_t i = output.index + 1; i-- > 0;)
      if (nodes_[i].pass_back && nodes_[i].gradient != 0) nodes_[i].pass_back(nodes_[i].gradient);
  }

  double value(std::size_t i) const { return nodes_[i].value; }
  double& gradient(std::size_t i) { return nodes_[i].gradient; }
  // Forgets everything after the first `count` values: the parameters stay.
  void keep(std::size_t count) { nodes_.erase(nodes_.begin() + static_cast<std::ptrdiff_t>(count), nodes_.end()); }
  void set(Value leaf, double value) { nodes_[leaf.index].value = value; }

 private:
  struct Node {
    double value, gradient;
    std::function<void(double)> pass_back;
  };
  std::vector<Node> nodes_;
};

inline double Value::value() const { return engine->value(index); }
inline double Value::gradient() const { return engine->gradient(index); }

// d(a+b)/da = 1, d(a+b)/db = 1.
inline Value operator+(Value a, Value b) {
  return a.engine->append(a.value() + b.value(), [a, b](double g) {
    a.engine->gradient(a.index) += g;
    b.engine->gradient(b.index) += g;
  });
}

// d(ab)/da = b, d(ab)/db = a.
inline Value operator*(Value a, Value b) {
  return a.engine->append(a.value() * b.value(), [a, b](double g) {
    a.engine->gradient(a.index) += g * b.value();
    b.engine->gradient(b.index) += g * a.value();
  });
}

// d(1/(1+e^-x))/dx = s (1 - s).
inline Value sigmoid(Value x) {
  const double s = 1 / (1 + std::exp(-x.value()));
  return x.engine->append(s, [x, s](double g) { x.engine->gradient(x.index) += g * s * (1 - s); });
}

}  // namespace headlight::lessons
