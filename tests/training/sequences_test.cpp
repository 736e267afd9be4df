// Tests of training on corpora of sequences: every window is a new sequence, and validation reports losses by rule.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "formats/json.h"
#include "headlight/corpora/corpus.h"
#include "support/expect_error.h"
#include "support/tiny_run.h"

namespace headlight {
namespace {

RunConfig config_for(const std::string& corpus) {
  RunConfig c = tiny_config();
  c.corpus = corpus;
  c.corpus_chars = 4000;
  c.val_fraction = 0.5;
  c.hidden = 0;
  c.context = 64;
  return c;
}

TEST(DrawBatch, EveryWindowIsANewLineFromItsStart) {
  for (const char* name : {"repeats", "repeats-fixed", "roles", "markov", "chorus"}) {
    for (const Index context : {corpus_info(name).sequence_length, Index{10}}) {
      RunConfig c = config_for(name);
      c.context = context;
      const RunData data = load_run_data(c);
      EXPECT_EQ(data.fresh, name);
      Rng rng(4), same(4);
      Batch batch, again;
      std::set<std::string> lines;
      for (int i = 0; i < 5; ++i) {
        draw_batch(data, context, 20, rng, batch);
        draw_batch(data, context, 20, same, again);
        EXPECT_EQ(batch.inputs, again.inputs);
        EXPECT_EQ(batch.targets, again.targets);
        ASSERT_EQ(batch.rows, 20);
        ASSERT_EQ(batch.inputs.size(), static_cast<std::size_t>(20 * context));
        ASSERT_EQ(batch.targets.size(), batch.inputs.size());
        for (std::size_t row = 0; row < 20; ++row) {
          const auto at = row * static_cast<std::size_t>(context), n = static_cast<std::size_t>(context);
          const std::string in = data.vocabulary.decode(std::span(batch.inputs).subspan(at, n));
          const std::string out = data.vocabulary.decode(std::span(batch.targets).subspan(at, n));
          EXPECT_EQ(in[0], '\n');
          EXPECT_EQ(in.substr(1), out.substr(0, n - 1));
          EXPECT_EQ(out.find('\n'), std::string::npos) << "a window crosses lines";
          lines.insert(out);
        }
      }
      EXPECT_GE(lines.size(), 98u) << "drawn anew";  // ten symbols of a Markov chain may occur twice by chance
    }
  }
}

TEST(DrawBatch, OfATextIsRandomWindows) {
  const TemporaryDirectory directory;
  const RunData data = tiny_data(directory, tiny_config());
  EXPECT_EQ(data.fresh, "");
  Rng a(1), b(1);
  Batch drawn, windows;
  draw_batch(data, 8, 5, a, drawn);
  random_windows(data.train, 8, 5, b, windows);
  EXPECT_EQ(drawn.inputs, windows.inputs);
  EXPECT_EQ(a.state(), b.state());
}

// Gradients are sums over batches, so rounding differs. The losses agree up to this rounding, but not with those of
// other sequences.
TEST(Accumulate, TrainsOnTheSameSequencesHoweverBatchesDivideThem) {
  for (const char* name : {"repeats", "repeats-fixed", "roles", "markov"}) {
    std::vector<std::vector<double>> losses;
    for (const Index batch : {8, 4, 2, 1}) {
      RunConfig c = config_for(name);
      c.batch = batch;
      c.accumulate = 8 / batch;
      c.steps = 4;
      c.warmup = 0;
      std::vector<double>& of_split = losses.emplace_back();
      Trainer(c, load_run_data(c), "").run([&](const StepRecord& r) {
        if (!std::isnan(r.loss)) of_split.push_back(r.loss);
        return true;
      });
      ASSERT_EQ(of_split.size(), 4u);
      EXPECT_GT(std::abs(of_split[0] - of_split[1]), 1e-4) << "other sequences at each step";
      for (std::size_t step = 0; step < 4; ++step)
        EXPECT_NEAR(of_split[step], losses[0][step], step == 0 ? 1e-6 : 1e-5) << name << " " << batch << " " << step;
    }
  }
}

TEST(RunData, OfSequencesValidatesEverySymbolOfWholeLines) {
  for (const char* name : {"repeats", "roles", "markov", "chorus", "chorus-induction"}) {
    RunConfig c = config_for(name);
    c.context = corpus_info(name).sequence_length;
    const RunData d = load_run_data(c);
    EXPECT_EQ(d.vocabulary.size(), static_cast<Index>(corpus_info(name).alphabet.size()));
    EXPECT_EQ(d.document_end, std::vector<std::int32_t>{0}) << "a line break";
    const auto windows = evaluation_windows(d.validation, c.context);
    ASSERT_EQ(windows.size(), d.validation.ids.size() / static_cast<std::size_t>(c.context + 1) - 1)
        << "the first line has no line break before it";
    for (const Window& w : windows) {
      EXPECT_EQ(d.validation.ids[static_cast<std::size_t>(w.start)], 0);
      EXPECT_EQ(w.first, w.start + 1);
      EXPECT_EQ(w.last, w.start + c.context);
      for (Index i = w.first; i <= w.last; ++i) ASSERT_NE(d.validation.ids[static_cast<std::size_t>(i)], 0);
    }
    EXPECT_EQ(d.validation_references.empty(), name == std::string("roles") || !d.validation_experts.empty());
  }
}

TEST(Sequences, ALongerContextThanTheirsIsRefused) {
  RunConfig c = config_for("roles");
  c.context = 97;
  EXPECT_TRUE(
      contains(error_of([&] { c.check(); }), "--context 97: the sequences of roles have 96 symbols; use 96 or fewer"));
  c.context = 96;
  EXPECT_EQ(error_of([&] { c.check(); }), "(no error)");
  c.context = 144;
  c.corpus = "tales";
  EXPECT_EQ(error_of([&] { c.check(); }), "(no error)");
}

TEST(Sequences, HaveTheirPresets) {
  for (const char* name : {"repeats", "roles", "markov", "chorus", "chorus-induction"}) {
    EXPECT_EQ(preset_of_corpus(name), name);
    const RunConfig& c = find_preset(name).config;
    EXPECT_EQ(c.corpus, name);
    EXPECT_EQ(c.context, corpus_info(name).sequence_length);
    EXPECT_EQ(error_of([&] { c.check(); }), "(no error)");
  }
  EXPECT_EQ(preset_of_corpus("repeats-fixed"), "repeats");
  EXPECT_EQ(preset_of_corpus("tales"), "demo");
  EXPECT_EQ(preset_of_corpus("nonsense"), "demo");
}

// If characters occur exactly as often as their true probabilities say, the estimate is exact.
TEST(ReferenceLosses, AreMeansAndDivergences) {
  const std::vector<double> p = {0.25, 0.75}, q = {0.5, 0.5}, m = {0.1, 0.9};
  const std::vector<std::size_t> tokens = {0, 1, 1, 0, 1, 1, 1, 1};
  Evaluation e;
  std::vector<double> truth;
  Reference reader{"reader", "", {}, true}, same{"same", "", {}, true}, other{"other", "", {}, false};
  for (const std::size_t t : tokens) {
    e.losses.push_back(static_cast<float>(-std::log(m[t])));
    truth.push_back(std::log(p[t]));
    reader.log_probability.push_back(std::log(q[t]));
    same.log_probability.push_back(std::log(m[t]));
    other.log_probability.push_back(-5);
  }
  e.windows = {{-1, 0, 2}, {2, 3, 7}};
  // Positions without a prediction do not count.
  truth.push_back(-100);
  for (Reference* r : {&reader, &same, &other}) r->log_probability.push_back(-100);

  const auto losses = reference_losses(e, truth, std::vector<Reference>{reader, same, other});
  ASSERT_EQ(losses.size(), 4u);
  const auto cross = [](const std::vector<double>& a, const std::vector<double>& b) {
    return -a[0] * std::log(b[0]) - a[1] * std::log(b[1]);
  };
  EXPECT_EQ(losses[0].reference, "optimum");
  EXPECT_NEAR(losses[0].loss, cross(p, p), 1e-6);
  EXPECT_NEAR(losses[0].distance, cross(p, m) - cross(p, p), 1e-6);
  EXPECT_EQ(losses[1].reference, "reader");
  EXPECT_NEAR(losses[1].loss, cross(p, q), 1e-6);
  EXPECT_NEAR(losses[1].distance, cross(q, m) - cross(q, q), 1e-6);
  EXPECT_NEAR(losses[2].distance, 0, 1e-6);
  EXPECT_NEAR(losses[3].loss, 5, 1e-12);
  EXPECT_TRUE(std::isnan(losses[3].distance));
}

class SequenceTraining : public testing::Test {
 protected:
  std::vector<Json> log_of(const std::string& run) const {
    std::vector<Json> lines;
    const std::string text = read_file(run + "/log.jsonl");
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      lines.push_back(parse_json(text.substr(at, end - at), "log"));
      at = end + 1;
    }
    return lines;
  }
  TemporaryDirectory directory_;
};

TEST_F(SequenceTraining, LearnsWhichSymbolsFollow) {
  RunConfig c = config_for("markov");
  c.layers = 1;
  c.width = 16;
  c.tied = false;
  c.batch = 8;
  c.steps = 60;
  c.eval_every = 30;
  std::vector<StepRecord> validated;
  Trainer trainer(c, load_run_data(c), "");
  trainer.run([&](const StepRecord& r) {
    EXPECT_EQ(r.rules.empty(), std::isnan(r.val_loss));
    if (!r.rules.empty()) validated.push_back(r);
    return true;
  });
  ASSERT_EQ(validated.size(), 3u);
  const StepRecord &first = validated[0], &last = validated[2];
  ASSERT_EQ(last.references.size(), 5u);
  EXPECT_NEAR(first.val_loss, std::log(5), 0.05)
      << "an untrained model gives four symbols and the line break equal probabilities";
  EXPECT_LT(last.val_loss, std::log(4) - 0.05);
  EXPECT_GT(last.val_loss, last.floor);
  EXPECT_NEAR(last.references[0].distance, last.val_loss - last.floor, 1e-6);
  for (const ReferenceLoss& r : last.references) EXPECT_EQ(std::isnan(r.distance), r.reference == "matrix");
  double loss = 0, floor = 0, count = 0;
  for (const RuleLoss& r : last.rules) {
    loss += r.loss * static_cast<double>(r.predictions);
    floor += r.floor * static_cast<double>(r.predictions);
    count += static_cast<double>(r.predictions);
  }
  EXPECT_EQ(last.rules.size(), 3u) << "line breaks are not predicted";
  EXPECT_NEAR(loss / count, last.val_loss, 1e-6);
  EXPECT_NEAR(floor / count, last.floor, 1e-9);
}

TEST_F(SequenceTraining, LogsTheRulesAndResumesToTheBit) {
  RunConfig c = config_for("repeats");
  const std::string whole = directory_ / "whole", parts = directory_ / "parts";
  Trainer(c, load_run_data(c), whole).run();
  Trainer(c, load_run_data(c), parts).run([](const StepRecord& r) { return r.step != 4; });  // stops at step 5
  Trainer::resume(c, load_run_data(c), parts)->run();
  EXPECT_TRUE(read_file(whole + "/state.safetensors") == read_file(parts + "/state.safetensors"));
  const std::vector<Json> a = log_of(whole), b = log_of(parts);
  ASSERT_EQ(a.size(), 13u);
  ASSERT_EQ(b.size(), 13u);
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (const char* key : {"step", "loss", "val_loss", "floor", "rules", "references"}) {
      const Json *in_a = a[i].find(key), *in_b = b[i].find(key);
      ASSERT_EQ(in_a != nullptr, in_b != nullptr) << key << " at " << i;
      if (in_a) {
        EXPECT_EQ(json_text(*in_a), json_text(*in_b)) << key << " at " << i;
      }
    }
    EXPECT_EQ(a[i].find("rules") != nullptr, i % 5 == 0 || i == 12) << i;
  }
  const JsonView last(a[10], "log");
  EXPECT_EQ(last.at("rules").at("repeat").at("floor").as_double(), 0);
  EXPECT_GT(last.at("rules").at("repeat").at("loss").as_double(), 1);
  EXPECT_NEAR(last.at("references").at("optimum").at("distance").as_double(),
              last.at("val_loss").as_double() - last.at("floor").as_double(), 1e-6);
}

}  // namespace
}  // namespace headlight
