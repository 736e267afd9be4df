// Weights in several safetensors files: Hugging Face's model.safetensors.index.json and the shards that it names.
//
//   {"metadata": {"total_size": 123}, "weight_map": {"wte.weight": "model-00001-of-00002.safetensors", ...}}
#pragma once

#include <string>
#include <vector>

#include "headlight/formats/safetensors.h"

namespace headlight {

inline constexpr const char* kShardIndex = "model.safetensors.index.json";

struct ShardedTensors {
  std::vector<SafeTensors> shards;  // the views are good as long as these live
  std::vector<TensorView> tensors;
};
// Of the index in this directory. Each shard is checked as any safetensors file, and memory is that of the shards.
// Errors, each with the index or the shard: not such an object; a shard's name with a folder in it, or of no file beside the
// index; a tensor that the index names and its shard does not have, or the other way round; another total_size.
ShardedTensors load_shards(const std::string& directory);

}  // namespace headlight
