// A model with attention heads that is not a transformer: `headlight heads` measures and ablates its heads, and
// commands that need a transformer refuse it in one line.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <sstream>

#include "formats/json.h"
#include "headlight/command_line.h"
#include "headlight/models/registry.h"
#include "headlight/nn/embedding.h"
#include "headlight/nn/hook.h"
#include "headlight/nn/linear.h"
#include "headlight/ops/ops.h"
#include "os/folder.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace headlight::tests {
namespace {

// Attention with fixed patterns: head h gives each token the value of the token h + 1 places earlier, if there is one.
// The heads have no queries and keys, but they run the same hooks as a transformer's heads.
class ShiftHeads : public Module {
 public:
  ShiftHeads(Index width, Index heads)
      : heads_(heads), values_{this, "values", width, width}, out_{this, "out", width, width} {}

  Tensor operator()(const Tensor& x) const {
    const Index b = x.size(0), t = x.size(1), d = x.size(2) / heads_;
    Tensor shift = Tensor::zeros({b, heads_, t, t});
    for (Index row = 0; row < b * heads_ * t; ++row)
      shift.data<float>()[row * t + std::max<Index>(0, row % t - 1 - row / t % heads_)] = 1;
    run_hook({0, HookSite::Kind::kAttentionWeights}, shift);
    const Tensor v = permute(reshape(values_(x), {b, t, heads_, d}), {0, 2, 1, 3});  // [B,H,T,D]
    const Tensor z = run_hook({0, HookSite::Kind::kHeadOutputs}, matmul(shift, v));  // [B,H,T,D]
    return out_(reshape(permute(z, {0, 2, 1, 3}), {b, t, x.size(2)}));               // [B,T,C]
  }

 private:
  Index heads_;
  Child<Linear> values_, out_;
};

class ShiftModel : public HeadedModel {
 public:
  ShiftModel(Index vocabulary, Index context, Index width, Index heads)
      : tokens_{this, "tokens", vocabulary, width},
        shifts_{this, "shifts", width, heads},
        head_{this, "head", width, vocabulary},
        vocabulary_(vocabulary),
        context_(context),
        width_(width),
        heads_(heads) {}

  Tensor embed(std::span<const std::int32_t> ids, Index batch) const override {
    return tokens_(ids, Shape{batch, sequence_length(ids, batch)});
  }
  Tensor run_block(Index, const Tensor& x) const override { return add(x, tanh(shifts_(x))); }
  Tensor logits(const Tensor& x) const override { return head_(x); }
  Index layers() const override { return 1; }
  Index heads_in(Index) const override { return heads_; }
  Index width() const override { return width_; }
  std::unique_ptr<HeadedModel> untrained() const override {
    return std::make_unique<ShiftModel>(vocabulary_, context_, width_, heads_);
  }
  Index vocabulary() const override { return vocabulary_; }
  Index context() const override { return context_; }
  std::string summary() const override { return cat(heads_, " shifts"); }

 private:
  Child<Embedding> tokens_;
  Child<ShiftHeads> shifts_;
  Child<Linear> head_;
  Index vocabulary_, context_, width_, heads_;
};

class HeadedModels : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    register_model({.name = "shifts",
                    .help = "a model whose heads copy earlier tokens",
                    .shared = {"width", "heads"},
                    .make = [](const ModelOptions& o, Index vocabulary) -> std::unique_ptr<LanguageModel> {
                      return std::make_unique<ShiftModel>(vocabulary, o.whole("context"), o.whole("width"),
                                                          o.whole("heads"));
                    },
                    .heads = true});
    directory_ = new TemporaryDirectory;
    ASSERT_EQ(run(words("train --quiet --watch-heads --model shifts --width 16 --heads 2 --context 16 --steps 400 "
                        "--lr 0.01 --optimizer adamw --eval-every 200 --corpus-chars 20000 --out " +
                        path())),
              0)
        << error_;
  }
  static void TearDownTestSuite() { delete directory_; }

  static std::vector<std::string> words(const std::string& line) {
    std::istringstream in(line);
    return {std::istream_iterator<std::string>(in), {}};
  }
  // The exit code; `out_` and `error_` receive what the command printed.
  static int run(std::vector<std::string> words) {
    words.insert(words.begin(), "headlight");
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int code = command_line(static_cast<int>(arguments.size()), arguments.data());
    std::fflush(stdout);
    out_ = ::testing::internal::GetCapturedStdout();
    error_ = ::testing::internal::GetCapturedStderr();
    return code;
  }
  static std::string path() { return *directory_ / "run"; }

  static inline TemporaryDirectory* directory_ = nullptr;
  static inline std::string out_, error_;
};

TEST_F(HeadedModels, AreMeasuredAndAblated) {
  ASSERT_EQ(run({"heads", path(), "--windows", "16", "--untrained", "2", "--subspaces", "2", "--json"}), 0) << error_;
  const Json json = parse_json(out_, "heads");
  const JsonView study(json, "heads");
  const auto heads = study.at("heads").elements();
  ASSERT_EQ(heads.size(), 2u);
  // Head 0 attends to the previous token, and the model uses it.
  EXPECT_EQ(heads[0].at("head").as_string(), "L0H0");
  EXPECT_EQ(heads[0].at("closest_role").as_string(), "previous") << out_.substr(0, 2000);
  ASSERT_EQ(run({"heads", "ablate", path(), "L0H0", "--chars", "0", "--json"}), 0) << error_;
  const Json ablated = parse_json(out_, "ablate");
  EXPECT_GT(JsonView(ablated, "ablate").at("slots").elements()[0].at("rise").as_double(), 0.05);
  ASSERT_EQ(run({"heads", "show", path(), "L0H1", "tom"}), 0) << error_;
  EXPECT_EQ(run({"heads", "show", path(), "L0H2", "tom"}), 1);
  EXPECT_NE(error_.find("no such head; use L0H0 to L0H1"), std::string::npos) << error_;
  ASSERT_EQ(run({"heads", "report", path(), "--windows", "8", "--untrained", "1", "--subspaces", "2"}), 0) << error_;
  EXPECT_TRUE(path_exists(path() + "/heads.html"));
  EXPECT_TRUE(path_exists(path() + "/heads.jsonl")) << "written by --watch-heads";
}

TEST_F(HeadedModels, AreRefusedInOneLineWhereATransformerIsNeeded) {
  const std::vector<std::string> refused[] = {{"heads", "prune", path(), "--keep", "1", "--out", *directory_ / "no"},
                                              {"heads", "report", path(), "--recovery", "5"},
                                              {"eval", path(), "--int8"},
                                              {"export", path(), "--to", "hf", "--out", *directory_ / "no"}};
  for (const std::vector<std::string>& words : refused) {
    EXPECT_NE(run(words), 0) << words[1];
    EXPECT_EQ(std::count(error_.begin(), error_.end(), '\n'), 1) << error_;
    EXPECT_TRUE(contains(error_, "needs a transformer") || contains(error_, "--model shifts")) << error_;
    EXPECT_FALSE(path_exists(*directory_ / "no"));
  }
}

}  // namespace
}  // namespace headlight::tests
