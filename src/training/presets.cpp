// The presets, and the mapping from corpora to presets.
#include "headlight/base/error.h"
#include "training/config.h"

namespace headlight {

namespace {

std::vector<Preset> make_presets() {
  // Small batches at a high learning rate. The positions are learned, because heads must match repeated text by content
  // at any distance. Rotary positions make attention scores depend on distance, so heads learn this match several times
  // more slowly.
  RunConfig demo;
  demo.layers = 2;
  demo.heads = 4;
  demo.width = 64;
  demo.context = 144;
  demo.batch = 4;
  demo.steps = 5800;
  demo.optimizer = "muon";
  demo.lr = 8e-3;
  demo.min_lr = 1e-5;
  demo.matrix_lr = 0.02;
  demo.warmup = 100;
  demo.beta2 = 0.95;
  demo.weight_decay = 0.01;
  demo.eval_every = 1000;
  demo.val_fraction = 0.02;

  // Attention only, on corpora of sequences: without feed-forward layers, the heads must implement the solution.
  RunConfig repeats;
  repeats.corpus = "repeats";
  repeats.corpus_chars = 80'000;  // half for validation; training generates new sequences
  repeats.val_fraction = 0.5;
  repeats.layers = 2;
  repeats.heads = 4;
  repeats.width = 64;
  repeats.hidden = 0;
  repeats.tied = false;  // with tied weights, a copying head reads and writes the same vectors, and learns much later
  repeats.position = "rotary";
  repeats.context = 64;
  repeats.batch = 64;
  repeats.steps = 300;
  repeats.lr = 5e-3;  // at 3e-3, two of six seeds had not converged after 300 steps
  repeats.min_lr = 1e-4;
  repeats.warmup = 50;
  repeats.beta2 = 0.99;
  repeats.weight_decay = 0.01;
  repeats.eval_every = 25;

  RunConfig roles = repeats;
  roles.corpus = "roles";
  roles.lr = 3e-3;
  roles.context = 96;
  roles.steps = 800;
  roles.eval_every = 100;

  RunConfig markov = repeats;
  markov.corpus = "markov";
  markov.lr = 3e-3;
  markov.steps = 600;
  markov.eval_every = 100;

  RunConfig chorus = repeats;
  chorus.corpus = "chorus";
  chorus.layers = 1;  // with one head for each of the four sources that need attention
  chorus.position = "learned";
  // With AdamW, or with a warmup of 50 steps, the head of the source `digit`, which is learned last, was weak for some
  // seeds.
  chorus.optimizer = "muon";
  chorus.lr = 0.02;
  chorus.batch = 32;
  chorus.steps = 2000;
  chorus.warmup = 300;
  chorus.eval_every = 250;

  RunConfig chorus_induction = chorus;
  chorus_induction.corpus = "chorus-induction";
  chorus_induction.layers = 2;
  chorus_induction.optimizer = "adamw";
  chorus_induction.lr = repeats.lr;
  chorus_induction.warmup = repeats.warmup;

  // Each row of a batch is one pair. The longest pair has 48 tokens, including the line break before it.
  RunConfig numbers;
  numbers.corpus = "numbers";
  numbers.model = "encoder-decoder";
  numbers.layers = 2;
  numbers.heads = 4;
  numbers.width = 64;
  numbers.context = 48;
  numbers.batch = 32;
  numbers.steps = 1500;
  numbers.lr = 3e-3;
  numbers.min_lr = 1e-4;
  numbers.warmup = 100;
  numbers.beta2 = 0.98;
  numbers.weight_decay = 0.01;
  numbers.eval_every = 250;
  numbers.eval_windows = 500;

  RunConfig micro;
  micro.layers = 2;
  micro.width = 64;
  micro.batch = 16;

  RunConfig cpu;  // nanoGPT's configuration for tiny Shakespeare on a CPU
  cpu.dropout = 0;

  RunConfig baby;  // nanoGPT's configuration for tiny Shakespeare on a GPU
  baby.layers = 6;
  baby.heads = 6;
  baby.width = 384;
  baby.context = 256;
  baby.batch = 64;
  baby.steps = 5000;
  baby.dropout = 0.2;

  return {{"demo", "2 layers, 4 heads, for the built-in corpus: under a minute on two cores", demo},
          {"repeats", "2 attention-only layers, 4 heads, for the corpus repeats: seconds", repeats},
          {"roles", "as repeats, for the corpus roles: under a minute on two cores", roles},
          {"markov", "as repeats, for the corpus markov: under a minute on two cores", markov},
          {"chorus", "1 attention-only layer, 4 heads, for the corpus chorus: ten seconds on two cores", chorus},
          {"chorus-induction", "as chorus with 2 layers, for the corpus chorus-induction: under a minute",
           chorus_induction},
          {"numbers", "2 layers in encoder and decoder, for the corpus numbers and for --pairs: a minute", numbers},
          {"micro", "2 layers, 4 heads, width 64, context 64, batch 16: seconds", micro},
          {"cpu", "4 layers, 4 heads, width 128, context 64, batch 12: minutes (nanoGPT's CPU recipe)", cpu},
          {"baby", "6 layers, 6 heads, width 384, context 256, batch 64: hours (nanoGPT's GPU recipe)", baby}};
}

}  // namespace

const std::vector<Preset>& presets() {
  static const std::vector<Preset> all = make_presets();
  return all;
}

const Preset& find_preset(std::string_view name) {
  std::vector<std::string> names;
  for (const Preset& preset : presets()) {
    if (name == preset.name) return preset;
    names.emplace_back(preset.name);
  }
  throw UsageError(cat("--preset ", name, ": not one of ", word_list(names), suggestion(name, names)));
}

std::string preset_of_corpus(std::string_view corpus) {
  if (corpus == "repeats-fixed") return "repeats";  // the same preset, so that the two runs differ only in the corpus
  for (const Preset& preset : presets())
    if (preset.name == corpus) return preset.name;
  return "demo";
}

}  // namespace headlight
