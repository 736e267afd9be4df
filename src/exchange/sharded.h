// Reading weights from several safetensors files: Hugging Face's model.safetensors.index.json and the shards it names.
//
//   {"metadata": {"total_size": 123}, "weight_map": {"wte.weight": "model-00001-of-00002.safetensors", ...}}
#pragma once

#include <string>
#include <vector>

#include "headlight/formats/safetensors.h"

namespace headlight {

inline constexpr const char* kShardIndex = "model.safetensors.index.json";

struct ShardedTensors {
  std::vector<SafeTensors> shards;  // own the data of the views
  std::vector<TensorView> tensors;
};
// Loads the shards of the index in this directory. Each shard passes all checks of a safetensors file; memory use
// equals the size of the shards. Error messages name the index or the shard. Errors: a malformed index; a shard name
// that contains a folder or names a missing file; a tensor that is only in the index or only in a shard; a wrong
// total_size.
ShardedTensors load_shards(const std::string& directory);

}  // namespace headlight
