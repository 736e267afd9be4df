// A model made smaller: int8 weights, and a distilled student against the same student trained alone.
#include "lessons/09_three_shapes/smaller.h"

#include "base/format.h"
#include "lessons/09_three_shapes/optimize.h"
#include "models/quantize.h"

namespace headlight::lessons {

namespace {

constexpr Index kStudentSteps = 300, kOrders = 3, kWindows = 200;
constexpr double kTeacherShare = 0.9;

// The loss of a student after training on windows in the given order. Without a teacher it learns from the text alone.
double student_loss(const TalesModels& models, const TransformerLM* teacher, std::uint64_t order,
                    const std::string& what, const LessonProgress& progress) {
  seed_generator(order);
  TransformerLM student({.vocabulary = models.causal.vocabulary(),
                         .context = kTalesContext,
                         .layers = 1,
                         .heads = 2,
                         .width = 32,
                         .position = "rotary"});
  Rng windows(order);
  Batch batch;
  optimize(student, kStudentSteps, 5e-3, what, progress, [&] {
    random_windows(models.text.split.train, kTalesContext, kTalesBatch, windows, batch);
    const Tensor logits = student(batch.inputs, batch.rows), loss = cross_entropy(logits, batch.targets);
    if (teacher == nullptr) return loss;
    const Tensor taught = [&] {
      const NoGrad no_recording;
      return (*teacher)(batch.inputs, batch.rows);
    }();
    return add(scale(loss, 1 - kTeacherShare), scale(distillation_loss(logits, taught), kTeacherShare));
  });
  return evaluate(student, models.text.split.validation, kWindows).loss;
}

// Bytes of the model in float32, and with int8 weight matrices.
struct Bytes {
  double float32 = 0, int8 = 0;
};
Bytes bytes_of(const TransformerLM& model) {
  Bytes bytes;
  for (const NamedTensor& parameter : model.parameters()) {
    const double size = 4 * static_cast<double>(parameter.value.numel());
    bytes.float32 += size;
    const bool is_matrix = parameter.value.rank() == 2 && parameter.name.find("position") == std::string::npos;
    if (is_matrix) {
      const QuantizedMatrix q = quantize(parameter.value);
      bytes.int8 += static_cast<double>(q.values.size() + 4 * q.scales.size());
    } else {
      bytes.int8 += size;
    }
  }
  return bytes;
}

}  // namespace

void make_smaller(TalesModels& models, const LessonOptions& options, const LessonProgress& progress,
                  LessonResult& result) {
  Table students{"The same student, alone and taught: loss in nats",
                 {"order of the windows", "alone", "taught", "difference"},
                 {}};
  double gain = 0, won = 0;
  for (Index order = 0; order < kOrders; ++order) {
    const std::uint64_t seed = options.seed * 100 + static_cast<std::uint64_t>(order);
    const double alone = student_loss(models, nullptr, seed, cat("student alone, order ", order + 1), progress);
    const double taught =
        student_loss(models, &models.causal, seed, cat("student taught, order ", order + 1), progress);
    gain += (alone - taught) / kOrders;
    won += taught < alone ? 1 : 0;
    students.rows.push_back(
        {cat(order + 1), fixed_text(alone, 4), fixed_text(taught, 4), fixed_text(taught - alone, 4)});
  }
  const double before = evaluate(models.causal, models.text.split.validation, kWindows).loss;
  const Bytes bytes = bytes_of(models.causal);
  round_weights(models.causal, WeightFormat::kInt8);
  const double after = evaluate(models.causal, models.text.split.validation, kWindows).loss;
  result.tables.push_back({"The causal model, with weights of 4 bytes and of 1 byte",
                           {"weights", "bytes", "loss in nats"},
                           {{"float32", fixed_text(bytes.float32, 0), fixed_text(before, 5)},
                            {"int8", fixed_text(bytes.int8, 0), fixed_text(after, 5)}}});
  result.tables.push_back(std::move(students));
  result.figures.insert(result.figures.end(), {{"gain", gain},
                                               {"won", won},
                                               {"int8_increase", 1000 * (after - before)},
                                               {"bytes_float32", bytes.float32},
                                               {"bytes_int8", bytes.int8},
                                               {"bytes_ratio", bytes.float32 / bytes.int8}});
}

}  // namespace headlight::lessons
