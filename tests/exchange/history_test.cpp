// The readable results of a run: its log, its logits, and its initial weights.
#include "training/run_log.h"

#include <gtest/gtest.h>

#include <cmath>

#include "exchange/logits.h"
#include "headlight/autograd/tape.h"
#include "support/expect_error.h"
#include "support/tiny_run.h"

namespace headlight {
namespace {

TEST(History, IsWhatTheTrainerReported) {
  const TemporaryDirectory directory;
  const RunConfig config = tiny_config();
  Trainer trainer(config, tiny_data(directory, config), directory / "run");
  std::vector<StepRecord> seen;
  trainer.run([&](const StepRecord& r) {
    seen.push_back(r);
    return true;
  });
  const std::string log = directory / "run/log.jsonl";
  const std::vector<StepRecord> history = read_log(log);
  ASSERT_EQ(history.size(), seen.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(history[i].step, seen[i].step);
    EXPECT_EQ(std::isnan(history[i].val_loss), std::isnan(seen[i].val_loss));
    if (!std::isnan(seen[i].loss)) {
      EXPECT_EQ(history[i].loss, seen[i].loss);
    }
    if (!std::isnan(seen[i].val_loss)) {
      EXPECT_EQ(history[i].val_loss, seen[i].val_loss);
    }
    EXPECT_EQ(history[i].lr, seen[i].lr);
  }
  // A truncated last line is ignored; a damaged line is an error.
  const std::string text = read_file(log);
  write_file_atomically(log, text.substr(0, text.size() - 5));
  EXPECT_EQ(read_log(log).size(), seen.size() - 1);
  write_file_atomically(log, "{\"step\":0}\n{\"step\":\n");
  EXPECT_TRUE(contains(error_of([&] { read_log(log); }), "log.jsonl: line 2"));
  write_file_atomically(log, "{\"step\":-1}\n");
  EXPECT_TRUE(contains(error_of([&] { read_log(log); }), "log.jsonl: line 1"));
}

// The values of one array in the file: they end where the next part's header begins.
std::string part(const std::string& bytes, const std::string& name, std::size_t size) {
  const std::size_t found = bytes.find(name + ".npy\x93NUMPY");
  EXPECT_NE(found, std::string::npos);
  return bytes.substr(bytes.find('\n', found) + 1, size);
}

TEST(Logits, AreTheModelsOnItsWindows) {
  const TemporaryDirectory directory;
  const RunConfig config = tiny_config();
  const RunData data = tiny_data(directory, config);
  const TransformerLM model(config.transformer(data.vocabulary.size()));
  const std::string path = directory / "l.npz";
  const auto all = static_cast<Index>(evaluation_windows(data.validation, config.context).size());
  EXPECT_EQ(save_logits(path, model, data.validation), all);
  ASSERT_EQ(save_logits(path, model, data.validation, 1), 1);
  const std::string bytes = read_file(path);
  const auto t = static_cast<std::size_t>(config.context), v = static_cast<std::size_t>(data.vocabulary.size());
  std::vector<std::int32_t> inputs(t), targets(t);
  std::vector<float> logits(t * v);
  const auto read = [&](const char* name, auto& values) {
    const std::string raw = part(bytes, name, values.size() * 4);
    std::copy(raw.begin(), raw.end(), reinterpret_cast<char*>(values.data()));
  };
  read("inputs", inputs);
  read("targets", targets);
  read("logits", logits);
  for (std::size_t i = 0; i < t; ++i) {
    EXPECT_EQ(inputs[i], data.validation.ids[i]);
    EXPECT_EQ(targets[i], data.validation.ids[i + 1]);
  }
  const NoGrad no_recording;
  const Tensor expected = model(inputs, 1);
  EXPECT_EQ(logits, std::vector<float>(expected.data<float>(), expected.data<float>() + expected.numel()));
}

TEST(InitialWeights, AreWhereTrainingBegins) {
  const TemporaryDirectory directory;
  RunConfig config = tiny_config();
  const RunData data = tiny_data(directory, config);
  Trainer first(config, data, directory / "first");
  first.run();
  const TrainedModel trained = load_model(directory / "first");
  const InitialWeights start{*trained.model, "first"};
  config.seed = 99;
  {
    Trainer second(config, data, directory / "second", &start);
    const std::vector<NamedTensor> a = trained.model->parameters(), b = second.model().parameters();
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].value.to_vector(), b[i].value.to_vector()) << a[i].name;
    EXPECT_FALSE(a[0].value.same_storage(b[0].value));
  }
  // A run without a checkpoint cannot resume, because resuming would draw different weights.
  EXPECT_TRUE(contains(error_of([&] { Trainer::resume(config, data, directory / "second"); }), "--init first"));
  {
    Trainer second(config, data, directory / "second", &start);
    second.run([](const StepRecord& r) { return r.step < 4; });
  }
  Trainer::resume(config, data, directory / "second")->run();
  const RunInfo info = RunDirectory(directory / "second").load_info();
  EXPECT_EQ(info.initialized_from, "first");
  EXPECT_NE(info.program, "");
  config.width = 16;
  EXPECT_TRUE(contains(error_of([&] { Trainer(config, data, "", &start); }), "the source has tokens.weight"));
  config.width = 8;
  config.layers = 1;
  EXPECT_TRUE(contains(error_of([&] { Trainer(config, data, "", &start); }), "the source has blocks.1.norm1."));
}

}  // namespace
}  // namespace headlight
