// The configuration of a training run that is small enough for tests: about 1,500 parameters, a few milliseconds.
#pragma once

#include "files.h"
#include "temporary_directory.h"
#include "training/trainer.h"

namespace headlight {

inline RunConfig tiny_config() {
  RunConfig c;
  c.layers = 2;
  c.heads = 2;
  c.width = 8;
  c.context = 8;
  c.batch = 3;
  c.steps = 12;
  c.warmup = 2;
  c.lr = 1e-2;
  c.min_lr = 1e-3;
  c.eval_every = 5;
  c.threads = 1;
  c.val_fraction = 0.2;
  return c;
}

// A text with learnable structure, different for each seed.
inline std::string tiny_text(std::uint64_t seed = 1, int words = 200) {
  const char* list[] = {"the cat", " sat on", " a mat", ", and", " so", " it was é", ".\n"};
  Rng rng(seed);
  std::string text;
  for (int i = 0; i < words; ++i) text += list[rng.below(7)];
  return text;
}

inline RunData tiny_data(const TemporaryDirectory& directory, const RunConfig& config, std::uint64_t seed = 1) {
  const std::string path = directory / cat("text", seed, ".txt");
  if (!path_exists(path)) write_file_atomically(path, tiny_text(seed));
  RunConfig c = config;
  c.data = path;
  return load_run_data(c);
}

}  // namespace headlight
