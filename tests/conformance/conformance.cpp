// Runs the cases that conformance.py wrote, on every kernel set of this CPU, and lists what differs.
//
//   conformance FOLDER NAME     reads FOLDER/NAME.jsonl and FOLDER/NAME.safetensors
//
// A line is one case: calls in order, which name their inputs and results, then what to compare:
//   {"name":"softmax 3","dtype":"float32",
//    "steps":[{"call":"softmax(x,axis)","in":["x"],"out":["y"],"options":{"axis":-1}}],
//    "results":[{"value":"y","want":"want.y","dy":"dy.y"}],"gradients":[{"leaf":"x","want":"want.dx"}],
//    "rtol":1e-5,"atol":0,"largest":1e-6,"signs":false,"signs_of_gradients":false}
// The safetensors file holds "<line>/x" and so on; lines count from 0. An element may differ by
// rtol |want| + atol + largest max |want|. Infinities and NaN must be equal. With "signs", the signs of zeros in
// results must be equal too, with "signs_of_gradients" those in gradients. A case with "error" must throw an Error that
// contains this text.
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>

#include "base/isa.h"
#include "conformance/operations.h"
#include "headlight/autograd/tape.h"
#include "headlight/base/error.h"
#include "headlight/formats/safetensors.h"

namespace headlight::conformance {
namespace {

struct Tolerance {
  double relative, absolute, largest;
  bool signs;
};

// Empty if `got` is right.
std::string difference(const Tensor& got, const Tensor& want, const Tolerance& allowed) {
  if (!got.defined()) return "there is no value";
  if (!(got.shape() == want.shape())) return cat("shape ", got.shape(), " instead of ", want.shape());
  const std::vector<double> a = got.to_vector(), b = want.to_vector();
  double largest = 0;
  for (const double x : b)
    if (std::isfinite(x)) largest = std::max(largest, std::abs(x));
  for (std::size_t i = 0; i < a.size(); ++i) {
    bool right = a[i] == b[i] && (!allowed.signs || std::signbit(a[i]) == std::signbit(b[i]));
    if (std::isnan(b[i])) right = std::isnan(a[i]);
    else if (std::isfinite(b[i]) && !(allowed.signs && b[i] == 0))
      right = std::abs(a[i] - b[i]) <= allowed.relative * std::abs(b[i]) + allowed.absolute + allowed.largest * largest;
    if (!right) return cat("element ", i, " of ", got.shape(), " is ", a[i], " instead of ", b[i]);
  }
  return {};
}

class Case {
 public:
  Case(const JsonView& line, std::size_t number, const SafeTensors& tensors)
      : line_(line),
        prefix_(std::to_string(number) + "/"),
        tensors_(tensors),
        dtype_(line.at("dtype").as_string() == "float64" ? DType::kFloat64 : DType::kFloat32) {}

  const std::string& name() const { return line_.at("name").as_string(); }
  bool is_float64() const { return dtype_ == DType::kFloat64; }

  // The first difference; empty if the case passes.
  std::string run() const {
    const std::string expected = line_.find("error") ? line_.at("error").as_string() : "";
    try {
      const std::string wrong = compute();
      return expected.empty() ? wrong : cat("no error; expected: ", expected);
    } catch (const Error& error) {
      const std::string text = error.what();
      if (!expected.empty() && text.find(expected) != std::string::npos) return {};
      return cat("error: ", text);
    }
  }

 private:
  Tensor stored(const std::string& name) const {
    const std::vector<Index>& sizes = tensors_.at(prefix_ + name).shape;
    std::vector<double> values(tensors_.at(prefix_ + name).data.size() / sizeof(double));
    tensors_.read(prefix_ + name, std::span<double>(values));
    return Tensor::of(Shape(sizes.data(), static_cast<int>(sizes.size())), values, dtype_);
  }

  std::string compute() const {
    std::map<std::string, Tensor> values;
    const auto leaves = line_.find("gradients");
    if (leaves)
      for (const JsonView& one : leaves->elements()) {
        const std::string& leaf = one.at("leaf").as_string();
        values[leaf] = stored(leaf);
        values[leaf].set_requires_grad(true);
      }
    std::optional<Tape> tape;
    if (leaves) tape.emplace();
    for (const JsonView& step : line_.at("steps").elements()) {
      std::vector<Tensor> in;
      for (const JsonView& name : step.at("in").elements()) {
        const std::string& text = name.as_string();
        if (!text.empty() && !values.contains(text)) values[text] = stored(text);
        in.push_back(text.empty() ? Tensor() : values[text]);
      }
      const std::vector<Tensor> out = call(step.at("call").as_string(), Arguments(in, step.at("options")));
      const auto names = step.at("out").elements();
      if (names.size() != out.size()) return cat(out.size(), " results instead of ", names.size());
      for (std::size_t i = 0; i < out.size(); ++i) values[names[i].as_string()] = out[i];
    }
    const Tolerance allowed{line_.at("rtol").as_double(), line_.at("atol").as_double(), line_.at("largest").as_double(),
                            line_.at("signs").as_bool()};
    const Tolerance allowed_gradient{allowed.relative, allowed.absolute, allowed.largest,
                                     line_.at("signs_of_gradients").as_bool()};
    Tensor result, gradient;
    for (const JsonView& one : line_.at("results").elements()) {
      const std::string& value = one.at("value").as_string();
      const Tensor& y = values[value];
      if (const std::string wrong = difference(y, stored(one.at("want").as_string()), allowed); !wrong.empty())
        return cat(value, ": ", wrong);
      if (!one.find("dy")) continue;
      const Tensor dy = stored(one.at("dy").as_string());
      if (!result.defined()) {
        result = y;
        gradient = dy;
      } else {  // several results: the sum of y * dy over all of them has the same gradients
        const Tensor before = gradient.rank() == 0 && result.rank() == 0 ? result : sum(mul(result, gradient));
        result = add(before, sum(mul(y, dy)));
        gradient = Tensor::ones({}, dtype_);
      }
    }
    if (!leaves) return {};
    tape->backward(result, gradient);
    for (const JsonView& one : leaves->elements()) {
      const std::string& leaf = one.at("leaf").as_string();
      Tensor got = values[leaf].grad();
      if (!got.defined()) got = Tensor::zeros_like(values[leaf]);
      if (const std::string wrong = difference(got, stored(one.at("want").as_string()), allowed_gradient);
          !wrong.empty())
        return cat("gradient of ", leaf, ": ", wrong);
    }
    return {};
  }

  JsonView line_;
  std::string prefix_;
  const SafeTensors& tensors_;
  DType dtype_;
};

// Prints one line for each kernel set, and each failure; returns the number of failures.
int run(const std::string& folder, const std::string& name) {
  const SafeTensors tensors = SafeTensors::load(folder + "/" + name + ".safetensors");
  std::ifstream file(folder + "/" + name + ".jsonl");
  std::vector<Json> lines;
  for (std::string line; std::getline(file, line);)
    lines.push_back(parse_json(line, cat(name, ".jsonl: line ", lines.size() + 1)));
  if (lines.empty()) throw Error(cat(folder, "/", name, ".jsonl: no cases; run conformance.py"));
  int failures = 0;
  for (const Isa isa : {Isa::kReference, Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (!isa_available(isa)) {
      std::printf("  %-10s not supported by this CPU\n", isa_name(isa));
      continue;
    }
    set_isa(isa);
    int passed = 0, failed = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const Case one(JsonView(lines[i], cat(name, ".jsonl: line ", i + 1)), i, tensors);
      // Float64 has one kernel set, the reference.
      if (one.is_float64() && isa != Isa::kReference) continue;
      const std::string wrong = one.run();
      ++(wrong.empty() ? passed : failed);
      if (!wrong.empty()) std::cout << "  FAILED " << isa_name(isa) << ": " << one.name() << ": " << wrong << "\n";
    }
    std::cout << std::flush;
    std::printf("  %-10s %5d passed, %d failed\n", isa_name(isa), passed, failed);
    std::fflush(stdout);
    failures += failed;
  }
  return failures;
}

}  // namespace
}  // namespace headlight::conformance

int main(int count, char** words) {
  if (count != 3) {
    std::cerr << "usage: conformance FOLDER NAME\n";
    return 2;
  }
  try {
    return headlight::conformance::run(words[1], words[2]) == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "conformance: " << error.what() << "\n";
    return 2;
  }
}
