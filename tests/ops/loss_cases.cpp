// The test cases of losses.
#include <array>

#include "headlight/ops/ops.h"
#include "ops/cases.h"

namespace headlight::tests {

namespace {

// logits [..., V] with targets, of which about every fifth is ignored; V is not 0.
Call draw_cross_entropy(Rng& rng, Size size) {
  Shape shape = draw_shape(rng, size, size == Size::kEmpty ? 2 : 1);
  while (shape[-1] == 0) shape = draw_shape(rng, size, 2);
  if (size == Size::kLarge) shape = Shape{601, 103};
  std::vector<std::int32_t> targets = draw_indices(rng, shape.outer(-1), shape[-1]);
  for (std::int32_t& target : targets)
    if (rng.below(5) == 0) target = kIgnoredTarget;
  return {{draw_values(rng, shape)}, [targets](Inputs in) { return cross_entropy(in[0], targets); }};
}

Call draw_cross_entropy_options(Rng& rng, Size size) {
  Shape shape = draw_shape(rng, size, size == Size::kEmpty ? 2 : 1);
  int axis = draw_axis(rng, shape);
  while (shape[axis] == 0) shape = draw_shape(rng, size, 2), axis = draw_axis(rng, shape);
  if (size == Size::kLarge) shape = Shape{6, 103, 101}, axis = 1;
  CrossEntropyOptions o{.axis = axis, .ignored = -7};
  o.reduction = std::array{Reduction::kMean, Reduction::kSum, Reduction::kNone}[static_cast<std::size_t>(rng.below(3))];
  if (draw_bool(rng)) o.label_smoothing = 0.3;
  const Tensor weights = draw_bool(rng) ? draw_values(rng, {shape[axis]}, 0.2, 2) : Tensor();
  std::vector<std::int32_t> targets = draw_indices(rng, shape.without(axis).numel(), shape[axis]);
  for (std::int32_t& target : targets)
    if (rng.below(5) == 0) target = o.ignored;
  return {{draw_values(rng, shape)}, [=](Inputs in) {
            CrossEntropyOptions options = o;
            if (weights.defined()) options.weights = weights.to(in[0].dtype());
            return cross_entropy(in[0], targets, options);
          }};
}

std::function<void()> bad_cross_entropy(const Shape& logits, std::size_t targets, const CrossEntropyOptions& o) {
  return [=] { cross_entropy(zeros(logits), std::vector<std::int32_t>(targets), o); };
}

Tensor draw_number(Rng& rng, const Shape& shape) { return draw_values(rng, shape); }
Tensor draw_probability(Rng& rng, const Shape& shape) { return draw_values(rng, shape, 0.1, 0.9); }

// If `both` is true, the target gets a gradient too.
OpCase loss_case(const std::string& declaration, bool both, Tensor (*draw)(Rng&, const Shape&),
                 Tensor (*op)(const Tensor&, const Tensor&, Reduction)) {
  const std::string name = declaration.substr(0, declaration.find('('));
  return {
      .declaration = declaration,
      .draw =
          [=](Rng& rng, Size size) {
            const Shape shape = draw_shape(rng, size);
            const Reduction reduction = shape.numel() > 0 && draw_bool(rng) ? Reduction::kMean
                                        : draw_bool(rng)                    ? Reduction::kSum
                                                                            : Reduction::kNone;
            const Tensor target = draw_probability(rng, shape);
            if (both) return Call{{draw(rng, shape), target}, [=](Inputs in) { return op(in[0], in[1], reduction); }};
            return Call{{draw(rng, shape)}, [=](Inputs in) { return op(in[0], target.to(in[0].dtype()), reduction); }};
          },
      .bad = {{[op] {
                 op(zeros({2, 3}), zeros({3}), Reduction::kMean);
               },
               {name + ": shapes", "[2,3]", "[3]"}},
              {[op] {
                 op(zeros({2, 0}), zeros({2, 0}), Reduction::kMean);
               },
               {name + ": ", "[2,0]", "no elements"}}},
      .float_bound = 5e-5,
  };
}

}  // namespace

std::vector<OpCase> loss_cases() {
  return {
      {.declaration = "cross_entropy(logits,targets)",
       .draw = draw_cross_entropy,
       .bad = {{[] {
                  cross_entropy(zeros({2, 3}), std::vector<std::int32_t>{0});
                },
                {"cross_entropy: 1 tar", "[2,3]"}},
               {[] {
                  cross_entropy(zeros({2, 3}), std::vector<std::int32_t>{0, 3});
                },
                {"cross_entropy: ", "0 to 2"}},
               {[] {
                  cross_entropy(zeros({2, 3}), std::vector<std::int32_t>{0, -2});
                },
                {"cross_entropy: target -2"}},
               {[] {
                  cross_entropy(zeros({0, 0}), {});
                },
                {"cross_entropy: ", "[0,0]"}}}},
      {.declaration = "cross_entropy(logits,targets,options)",
       .draw = draw_cross_entropy_options,
       .bad = {{bad_cross_entropy({2, 3}, 1, {}), {"cross_entropy: 1 targets", "[2,3]"}},
               {bad_cross_entropy({2, 3}, 2, {.axis = 2}), {"cross_entropy: axis 2", "[2,3]"}},
               {bad_cross_entropy({2, 3}, 2, {.weights = zeros({2})}), {"cross_entropy: weights", "[2]", "[3]"}},
               {bad_cross_entropy({2, 3}, 2, {.label_smoothing = 1.5}), {"cross_entropy: label_smoothing 1.5"}},
               {bad_cross_entropy({2, 0}, 2, {}), {"cross_entropy: ", "[2,0]"}},
               {[] {
                  cross_entropy(zeros({1, 3}), std::vector<std::int32_t>{-1}, {.ignored = 7});
                },
                {"cross_entropy: target -1", "7 is ignored"}}}},
      loss_case("mse_loss(x,target,reduction)", true, draw_number, mse_loss),
      loss_case("binary_cross_entropy(p,target,reduction)", false, draw_probability, binary_cross_entropy),
      loss_case("binary_cross_entropy_with_logits(x,target,reduction)", false, draw_number,
                binary_cross_entropy_with_logits),
  };
}

}  // namespace headlight::tests
