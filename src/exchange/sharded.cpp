// Reads an index and its shards, and checks that each shard contains exactly the tensors that the index assigns to it.
#include "exchange/sharded.h"

#include <cstdint>
#include <map>
#include <set>

#include "formats/json.h"
#include "headlight/base/error.h"
#include "os/file.h"
#include "os/folder.h"

namespace headlight {

namespace {

constexpr Index kMaxIndexBytes = Index{100} << 20;  // the limit of a safetensors header
constexpr std::string_view kShardEnd = ".safetensors";

// Refuses names that are not plain file names, so that an index cannot refer to other folders.
const std::string& checked_name(const JsonView& view) {
  const std::string& name = view.as_string();
  const bool plain = name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
  if (!plain || !name.ends_with(kShardEnd) || name.size() == kShardEnd.size())
    view.refuse(cat(json_text(Json(name)), " is not the plain name of a .safetensors file beside the index"));
  return name;
}

}  // namespace

ShardedTensors load_shards(const std::string& directory) {
  const std::string index_name = cat(directory, "/", kShardIndex);
  const Json document = parse_json(read_file(index_name, kMaxIndexBytes), index_name);
  const JsonView index(document, index_name);
  std::map<std::string, std::string> shard_of;  // by tensor
  std::set<std::string> names;
  for (const auto& [tensor, shard] : index.at("weight_map").members()) {
    shard_of[tensor] = checked_name(shard);
    if (!names.insert(shard_of[tensor]).second) continue;
    const std::string path = cat(directory, "/", shard_of[tensor]);
    if (!path_exists(path) || is_directory(path))
      shard.refuse(cat("names ", shard_of[tensor], ", which does not exist; download all files of the model"));
  }
  if (names.empty()) index.at("weight_map").refuse("names no tensors");

  ShardedTensors all;
  std::uint64_t bytes = 0;
  for (const std::string& name : names) {
    const SafeTensors& shard = all.shards.emplace_back(SafeTensors::load(cat(directory, "/", name)));
    for (const TensorView& tensor : shard.tensors()) {
      const auto found = shard_of.find(tensor.name);
      if (found == shard_of.end() || found->second != name)
        fail(shard.source(), ": has a tensor ", tensor.name, ", which ", kShardIndex,
             found == shard_of.end() ? " does not name" : cat(" places in ", found->second),
             "; use the index and shards of one model");
      bytes += tensor.data.size();
      all.tensors.push_back(tensor);
    }
  }
  for (const auto& [tensor, name] : shard_of) {
    const auto at = static_cast<std::size_t>(std::distance(names.begin(), names.find(name)));
    if (!all.shards[at].find(tensor))
      fail(all.shards[at].source(), ": has no tensor ", tensor, ", which ", kShardIndex,
           " places there; use the index and shards of one model");
  }
  if (const auto metadata = index.find("metadata"))
    if (const auto total = metadata->find("total_size"); total && total->as_double() != static_cast<double>(bytes))
      total->refuse(cat("is ", json_text(total->json()), ", but the tensors of the shards take ", bytes,
                        " bytes; download all files of the model again"));
  return all;
}

}  // namespace headlight
