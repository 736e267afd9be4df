// Parts that a program registers itself. Every command works with them, and code that needs a built-in kind of part
// refuses an unknown kind by name. These parts do not describe their steps, so the decoder refuses them.
#include <gtest/gtest.h>

#include "base/registration.h"
#include "exchange/exchange.h"
#include "headlight/generation/generate.h"
#include "headlight/models/transformer.h"
#include "headlight/optim/optimizer.h"
#include "heads/sources/head_circuits.h"
#include "models/decoder.h"
#include "models/quantize.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"
#include "training/trainer.h"

namespace headlight::tests {
namespace {

class OwnNorm : public Norm {
 public:
  explicit OwnNorm(Index width) : gamma_{this, "weight", {width}, Init::ones()} {}
  Tensor operator()(const Tensor& x) const override { return x / (mean(abs(x), -1, true) + 1e-5) * gamma_; }

 private:
  Param gamma_;
};

// Scales each embedding by learned factors of its position.
class OwnPosition : public PositionEncoding {
 public:
  OwnPosition(Index context, Index width) : weight_{this, "weight", {context, width}, Init::normal(0.1)} {}
  Tensor embed(const Tensor& x, Index offset) const override {
    return x * (slice(weight_, 0, offset, offset + x.size(1)) + 1);
  }

 private:
  Param weight_;
};

class OwnFeedForward : public FeedForward {
 public:
  explicit OwnFeedForward(const FeedForwardOptions& o)
      : up_{this, "up", o.width, o.hidden, o.in}, down_{this, "down", o.hidden, o.width, o.out} {}
  Tensor operator()(const Tensor& x, const Tensor& residual) const override {
    const Tensor y = down_(abs(up_(x)));
    return residual.defined() ? y + residual : y;
  }

 private:
  Child<Linear> up_, down_;
};

class OwnOptimizer : public Sgd {
 public:
  explicit OwnOptimizer(std::vector<NamedTensor> parameters) : Sgd(std::move(parameters), Sgd::Options()) {}
};

void register_all() {
  static const bool once = [] {
    register_norm({"own-norm", "a norm", [](Index width) { return std::make_unique<OwnNorm>(width); }});
    register_position({.name = "own-position",
                       .help = "a position encoding",
                       .site = PositionSite::kEmbed,
                       .make = [](Index context, Index width) { return std::make_unique<OwnPosition>(context, width); },
                       .parameters = [](Index context, Index width) { return static_cast<double>(context * width); }});
    register_activation({.name = "own-activation", .help = "", .apply = [](const Tensor& x) { return tanh(x); }});
    register_feed_forward(
        {"own-feed-forward", "", 2, [](const FeedForwardOptions& o) { return std::make_unique<OwnFeedForward>(o); }});
    register_optimizer({.name = "own-optimizer",
                        .help = "an optimizer",
                        .flags = {"momentum"},
                        .matrix_state = 1,
                        .other_state = 1,
                        .make = [](std::vector<NamedTensor> parameters, const OptimizerOptions&) {
                          return std::make_unique<OwnOptimizer>(std::move(parameters));
                        }});
    return true;
  }();
  (void)once;
}

// A setting that selects a part defined in this test.
struct Own {
  const char *flag, *value;
};
constexpr Own kOwn[] = {{"norm", "own-norm"},
                        {"position", "own-position"},
                        {"activation", "own-activation"},
                        {"feed-forward", "own-feed-forward"}};

RunConfig small(const Own& own) {
  RunConfig c;
  c.layers = 2, c.heads = 2, c.width = 8, c.context = 12, c.batch = 3;
  c.steps = 8, c.eval_every = 4, c.warmup = 2, c.corpus_chars = 4000;
  set_from_text(c, *find_setting(own.flag), own.value);
  return c;
}

TEST(OwnParts, TrainResumeAndGenerate) {
  register_all();
  const TemporaryDirectory directory;
  for (const Own& own : {kOwn[0], kOwn[1], kOwn[2], kOwn[3], Own{"optimizer", "own-optimizer"}}) {
    const std::string whole = directory / cat(own.value, "-whole"), part = directory / cat(own.value, "-part");
    const RunConfig c = small(own);
    Trainer(c, load_run_data(c), whole).run();
    Trainer(c, load_run_data(c), part).run([](const StepRecord& r) { return r.step < 3; });
    const RunConfig stored = RunDirectory(part).load_info().config;
    EXPECT_EQ(text_of(stored, own.flag), own.value);
    Trainer::resume(stored, load_run_data(stored), part)->run();
    const TrainedModel a = load_model(whole, CheckpointChoice::kLast), b = load_model(part, CheckpointChoice::kLast);
    ASSERT_EQ(a.model->parameters().size(), b.model->parameters().size());
    for (std::size_t i = 0; i < a.model->parameters().size(); ++i)
      EXPECT_EQ(a.model->parameters()[i].value.to_vector(), b.model->parameters()[i].value.to_vector()) << own.value;
    Rng rng(1);
    const std::int32_t prompt[] = {1, 2};
    EXPECT_EQ(generate(*a.model, prompt, 5, {}, rng).size(), 5u) << own.value;
  }
}

TEST(OwnParts, AreRefusedByNameWhereTheirKindMatters) {
  register_all();
  const TemporaryDirectory directory;
  const auto model_of = [](const Own& own) { return std::make_unique<TransformerLM>(small(own).transformer(11)); };
  // There is no single-token reader in any weight format; the error names the part.
  const std::pair<Own, const char*> unknown[] = {
      {kOwn[0], "decoder: the norm own-norm does not describe its step"},
      {kOwn[2], "decoder: the activation own-activation does not describe its values"},
      {kOwn[3], "decoder: the feed-forward part own-feed-forward does not describe its step"}};
  for (const auto& [own, line] : unknown) {
    const auto model = model_of(own);
    EXPECT_FALSE(model->reader(WeightFormat::kFloat32)) << own.value;
    EXPECT_TRUE(contains(error_of([&] { model->reader(WeightFormat::kInt8); }), line)) << own.value;
  }
  EXPECT_TRUE(model_of(kOwn[1])->reader(WeightFormat::kFloat32)) << "embed() is all that the decoder needs";
  EXPECT_TRUE(contains(error_of([&] { round_weights(*model_of(kOwn[3]), WeightFormat::kInt8); }),
                       "the feed-forward part own-feed-forward"));
  EXPECT_FALSE(has_output_circuits(*model_of(kOwn[0])));
  EXPECT_TRUE(contains(error_of([&] { output_circuit(*model_of(kOwn[0]), {0, 0}); }), "the norm own-norm"));
  for (const Own& own : kOwn) {
    const RunConfig c = small(own);
    const std::string run = directory / own.value;
    Trainer(c, load_run_data(c), run).run();
    const TrainedModel trained = load_model(run);
    for (const bool gguf : {false, true}) {
      const std::string out = directory / cat(own.value, gguf ? ".gguf" : "-hf");
      const std::string error = error_of([&] { gguf ? export_gguf(trained, out) : export_hugging_face(trained, out); });
      EXPECT_TRUE(contains(error, cat("--", own.flag)) || contains(error, own.flag)) << error;
      EXPECT_FALSE(path_exists(out)) << error;
    }
  }
}

TEST(OwnParts, CountInTheCost) {
  register_all();
  for (const Own& own : kOwn) {
    RunConfig c = small(own);
    c.width = 64;
    c.context = 32;
    const ModelCost cost = c.cost(11);
    const auto count = static_cast<double>(c.make_model(11)->parameter_count());
    EXPECT_LE(cost.parameters, count) << own.value;
    EXPECT_GE(cost.parameters, 0.97 * count) << own.value;
  }
}

TEST(OwnParts, NamesAreChecked) {
  register_all();
  // The error of a registration is kept until check_registrations() throws it.
  const auto twice = [](auto add) {
    return error_of([&] {
      add();
      check_registrations();
    });
  };
  EXPECT_EQ(twice([] {
              register_norm({"rms", "", [](Index) { return nullptr; }});
            }),
            "register_norm: the name rms is taken; use another name");
  EXPECT_EQ(twice([] { register_norm({"x", "", {}}); }), "register_norm: no name or no function; give both");
  EXPECT_EQ(twice([] {
              register_activation({"gelu", "", [](const Tensor& x) { return x; }});
            }),
            "register_activation: the name gelu is taken; use another name");
  EXPECT_EQ(
      twice([] {
        register_optimizer({.name = "", .help = "", .flags = {}, .matrix_state = 0, .other_state = 0, .make = {}});
      }),
      "register_optimizer: no name or no function; give both");
  EXPECT_EQ(twice([] { make_norm("batch", 4); }), "no norm batch; use layer, rms or own-norm");
  RunConfig c;
  EXPECT_EQ(twice([&] { set_from_text(c, *find_setting("position"), "own"); }),
            "--position own: not one of learned, sinusoidal, rotary, alibi, none, own-position");
  EXPECT_EQ(twice([&] { set_from_text(c, *find_setting("attention"), "window:0"); }),
            "--attention window:0: W must be a whole number from 1");
}

}  // namespace
}  // namespace headlight::tests
