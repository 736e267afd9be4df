// Tests the user-defined operation and layer: gradients against finite differences, errors, training, and saving and
// loading. The exit code is 0 if all checks pass.
#include <cmath>
#include <cstdio>

#include "cosine_layer.h"

namespace {

using namespace headlight;

int failures = 0;

void check(const char* what, bool passed, const std::string& more = "") {
  std::printf("%-55s %s\n", what, passed ? "ok" : ("FAILED " + more).c_str());
  failures += !passed;
}

void gradients() {
  const DTypeScope doubles(DType::kFloat64);
  Rng rng(1);
  const auto draw = [&] { return Tensor::normal({2, 3, 4}, 0, 1, rng); };
  const GradcheckResult operation =
      gradcheck([](std::span<const Tensor> in) { return mine::cosine_gate(in[0], in[1]); }, {draw(), draw()});
  check("the operation's gradient", operation.passed, operation.message);
  const mine::CosineLayer layer(4, 5);
  const GradcheckResult whole = gradcheck(layer, [&](std::span<const Tensor> in) { return layer(in[0]); }, {draw()});
  check("the gradients of the layer and its parameters", whole.passed, whole.message);
  // gradcheck must report a wrong gradient: detach() drops the gradient of b.
  const GradcheckResult wrong =
      gradcheck([](std::span<const Tensor> in) { return mine::cosine_gate(in[0], in[1].detach()); }, {draw(), draw()});
  check("gradcheck reports a missing gradient", !wrong.passed);
}

void errors() {
  std::string line;
  try {
    mine::CosineLayer(4, 5)(Tensor::zeros({2, 3, 6}));
  } catch (const Error& e) {
    line = e.what();
  }
  check("an error inside the layer names the layer", line.rfind("value: linear: ", 0) == 0, line);
}

// Learns x0 cos(x1) from examples.
void training() {
  seed_generator(2);
  mine::CosineLayer layer(2, 1);
  AdamW optimizer(layer.parameters(), {});
  Rng rng(3);
  const Tensor x = Tensor::normal({64, 2}, 0, 1, rng);
  Tensor wanted = Tensor::empty({64, 1});
  for (int i = 0; i < 64; ++i) wanted.data<float>()[i] = x.data<float>()[2 * i] * std::cos(x.data<float>()[2 * i + 1]);
  double first = 0, last = 0;
  for (int step = 0; step < 400; ++step) {
    Tape tape;
    const Tensor difference = sub(layer(x), wanted);
    const Tensor loss = mean(mul(difference, difference));
    tape.backward(loss);
    optimizer.step(0.02);
    layer.zero_grad();
    (step == 0 ? first : last) = loss.item();
  }
  check("it learns", last < 0.1 * first, cat("from ", first, " to ", last));

  const std::vector<NamedTensor> parameters = layer.parameters();
  std::vector<TensorView> views;
  for (const NamedTensor& p : parameters) views.push_back(stored(p.name, p.value));
  save_safetensors("consumer.safetensors", views);
  const SafeTensors file = SafeTensors::load("consumer.safetensors");
  check("its parameters are saved by name", file.find("angle.weight") && file.tensors().size() == 4);
}

}  // namespace

int main() {
  try {
    gradients();
    errors();
    training();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "consumer: %s\n", e.what());
    return 1;
  }
  std::printf("threads: %d\n", thread_count());
  return failures == 0 ? 0 : 1;
}
