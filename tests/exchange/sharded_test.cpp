// Sharded weights load as the same model as a single file; every defect gives a one-line error.
#include "exchange/sharded.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "exchange/exchange.h"
#include "support/expect_error.h"
#include "support/random_model.h"
#include "support/temporary_directory.h"

namespace headlight {
namespace {

const std::string kFirst = "model-00001-of-00002.safetensors", kSecond = "model-00002-of-00002.safetensors";

class Sharded : public testing::Test {
 protected:
  explicit Sharded(const RunConfig& config = small_config()) : trained_(random_model(config)) {
    export_hugging_face(trained_, one_);
    export_hugging_face(trained_, path_);
    remove_file(path_ + "/model.safetensors");
    std::vector<TensorView> parts[2];
    const SafeTensors all = SafeTensors::load(one_ + "/model.safetensors");
    Index bytes = 0;
    for (std::size_t i = 0; i < all.tensors().size(); ++i) {
      const TensorView& tensor = all.tensors()[i];
      parts[i % 2].push_back(tensor);
      map_.set(tensor.name, i % 2 == 0 ? kFirst : kSecond);
      bytes += static_cast<Index>(tensor.data.size());
    }
    save_safetensors(cat(path_, "/", kFirst), parts[0]);
    save_safetensors(cat(path_, "/", kSecond), parts[1]);
    total_ = bytes;
    some_ = parts[0][0].name;
    write_index(map_, total_);
  }
  void write_index(const Json& map, const Json& total) const {
    Json index = Json::object();
    index.set("metadata", Json::object().set("total_size", total)).set("weight_map", map);
    write_file_atomically(cat(path_, "/", kShardIndex), json_text(index));
  }
  std::string refused() const {
    return error_of([&] { import_model(path_); });
  }
  std::string with(const std::string& tensor, const Json& shard) const {
    Json map = map_;
    write_index(map.set(tensor, shard), total_);
    const std::string line = refused();
    write_index(map_, total_);
    return line;
  }

  const TemporaryDirectory directory_;
  const std::string one_ = directory_ / "one", path_ = directory_ / "several";
  const TrainedModel trained_;
  Json map_ = Json::object(), total_;
  std::string some_;  // a tensor of the first shard
};

class ShardedNeox : public Sharded {
 protected:
  static RunConfig rotary() {
    RunConfig config = small_config();
    config.position = "rotary", config.tied = false;
    return config;
  }
  ShardedNeox() : Sharded(rotary()) {}
};

TEST_F(Sharded, IsTheModelOfOneFile) {
  const TrainedModel one = import_model(one_), several = import_model(path_);
  EXPECT_EQ(logits_of(*several.model), logits_of(*one.model));
  EXPECT_EQ(logits_of(*several.model), logits_of(*trained_.model));
  for (const Setting& s : settings()) EXPECT_EQ(text_of(several.info.config, s), text_of(one.info.config, s)) << s.name;
  EXPECT_EQ(several.info.vocabulary.characters(), one.info.vocabulary.characters());
}

TEST_F(ShardedNeox, IsTheModelOfOneFile) {
  EXPECT_EQ(logits_of(*import_model(path_).model), logits_of(*trained_.model));
}

TEST_F(Sharded, OneFileComesFirst) {
  std::filesystem::copy_file(one_ + "/model.safetensors", path_ + "/model.safetensors");
  write_file_atomically(cat(path_, "/", kShardIndex), "{");
  EXPECT_EQ(refused(), "(no error)");
}

TEST_F(Sharded, NamesAreThoseOfFilesBesideTheIndex) {
  for (const char* name : {"", ".", "..", "../one/model.safetensors", "/etc/passwd", "a\\b.safetensors",
                           "x/y.safetensors", ".safetensors", "config.json"})
    EXPECT_TRUE(contains(with(some_, name), "is not the plain name of a .safetensors file beside the index")) << name;
  EXPECT_TRUE(
      contains(with(some_, std::string("a\0.safetensors", 14)), "a\\u0000.safetensors\" is not the plain name"));
  EXPECT_TRUE(contains(with(some_, "model-00003-of-00002.safetensors"),
                       "names model-00003-of-00002.safetensors, which does not exist; download all files"));
  make_directories(path_ + "/folder.safetensors");
  EXPECT_TRUE(contains(with(some_, "folder.safetensors"), "which does not exist"));
  EXPECT_TRUE(contains(with(some_, 3), cat("weight_map.", some_, ": expected a string")));
}

TEST_F(Sharded, EveryTensorIsInItsShard) {
  EXPECT_TRUE(contains(with(some_, kSecond), cat("several/", kFirst, ": has a tensor ", some_,
                                                 ", which model.safetensors.index.json places in ", kSecond)));
  EXPECT_TRUE(contains(with("transformer.h.9.ln_1.bias", kFirst),
                       cat("several/", kFirst, ": has no tensor transformer.h.9.ln_1.bias, which ")));
  Json fewer = Json::object();
  for (const auto& [name, shard] : JsonView(map_, "map").members())
    if (name != some_) fewer.set(name, shard.json());
  write_index(fewer, total_);
  EXPECT_TRUE(contains(refused(), cat("has a tensor ", some_, ", which model.safetensors.index.json does not name")));
  write_index(map_, *total_.if_int64() + 1);
  EXPECT_TRUE(contains(refused(), cat("total_size: is ", *total_.if_int64() + 1,
                                      ", but the tensors of the shards take ", *total_.if_int64(), " bytes")));
  write_index(map_, Json());
  EXPECT_EQ(refused(), "(no error)") << "total_size is optional";
  write_index(Json::object(), total_);
  EXPECT_TRUE(contains(refused(), "weight_map: names no tensors"));
}

// Each shard passes all safetensors checks, and a second name for the same file takes no more memory.
TEST_F(Sharded, ShardsAreCheckedAsAnyFile) {
  for (const std::string& name : {kFirst, kSecond}) {
    const std::string file = cat(path_, "/", name), before = read_file(file);
    write_file_atomically(file, before.substr(0, before.size() - 1));
    const std::string line = refused();
    EXPECT_EQ(line.rfind(file + ": ", 0), 0u) << line;
    write_file_atomically(file, before);
  }
  EXPECT_EQ(refused(), "(no error)");
  std::filesystem::create_symlink(kFirst, path_ + "/model-00000-of-00002.safetensors");
  EXPECT_TRUE(contains(with(some_, "model-00000-of-00002.safetensors"), "model.safetensors.index.json places in "));
}

}  // namespace
}  // namespace headlight
