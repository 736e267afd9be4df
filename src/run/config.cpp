#include "headlight/run/config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "headlight/base/error.h"
#include "headlight/data/corpus.h"

namespace headlight {

namespace {

constexpr double kBig = 1 << 20;

std::vector<Setting> make_settings() {
  using R = RunConfig;
  std::vector<Setting> s;
  const auto number = [&](const char* name, SettingField field, const char* group, double low, double high,
                          const char* help) -> Setting& {
    s.push_back({.name = name, .field = field, .group = group, .help = help, .lowest = low, .highest = high});
    return s.back();
  };
  const auto choice = [&](const char* name, std::string R::*field, const char* group, std::vector<const char*> choices,
                          const char* help) {
    s.push_back({.name = name, .field = field, .group = group, .help = help, .choices = std::move(choices)});
  };
  const auto yes_no = [&](const char* name, bool R::*field, const char* group, const char* help) {
    s.push_back({.name = name, .field = field, .group = group, .help = help});
  };

  choice("data", &R::data, "Text", {},
         "a UTF-8 text to learn from: a file, a folder of them, or -; may be repeated (default: a built-in corpus)");
  s.back().free_on_resume = true;  // the file may have moved; whether it is the same text is checked
  choice("corpus", &R::corpus, "Text", {}, "the built-in corpus to use without --data");
  choice("grammar", &R::grammar, "Text", {}, "draw the text from this grammar file instead");
  number("corpus-chars", &R::corpus_chars, "Text", 1000, 1e8, "characters to draw from a corpus or grammar");
  choice("tokens", &R::tokens, "Text", {"character", "byte"}, "what the model reads and writes: character or byte");
  number("val-fraction", &R::val_fraction, "Text", 0, 0.9, "the last part of the text, kept for validation");

  number("layers", &R::layers, "Model", 1, 1000, "blocks of attention and feed-forward");
  number("heads", &R::heads, "Model", 1, 1000, "attention heads in each block");
  number("width", &R::width, "Model", 1, kBig, "channels; divisible by the heads");
  number("context", &R::context, "Model", 1, kBig, "characters the model sees at a time");
  number("hidden", &R::hidden, "Model", -1, kBig, "width of the feed-forward layers; -1: four times --width, 0: none");
  choice("layer-heads", &R::layer_heads, "Model", {},
         "heads of each layer instead, as in 4,2,0 (what heads prune leaves)");
  number("head-size", &R::head_size, "Model", 0, kBig, "channels of a head; 0: --width divided by --heads");
  choice("head-slopes", &R::head_slopes, "Model", {},
         "ALiBi: the slopes that the heads of each layer have, as in 0,2/1 (what heads prune leaves)");
  number("dropout", &R::dropout, "Model", 0, 1, "probability with which training drops an element").highest_excluded =
      true;
  choice("position", &R::position, "Model", {"learned", "sinusoidal", "rotary", "alibi", "none"},
         "position encoding: learned, sinusoidal, rotary, alibi or none");
  choice("norm", &R::norm, "Model", {"layer", "rms"}, "normalisation: layer or rms");
  choice("activation", &R::activation, "Model", {"gelu", "gelu-erf", "relu", "silu"},
         "of the feed-forward layers: gelu (tanh form), gelu-erf, relu or silu");
  yes_no("pre-norm", &R::pre_norm, "Model", "normalise before each layer (no: after)");
  yes_no("tied", &R::tied, "Model", "the output shares the token embedding");
  yes_no("bias", &R::bias, "Model", "biases in the linear layers");

  number("batch", &R::batch, "Training", 1, kBig, "windows of text in a batch");
  number("accumulate", &R::accumulate, "Training", 1, kBig, "batches to a step");
  number("steps", &R::steps, "Training", 1, 1e9, "steps to train for").free_on_resume = true;
  choice("optimizer", &R::optimizer, "Training", {"adamw", "sgd"}, "adamw or sgd (with momentum)");
  number("lr", &R::lr, "Training", 0, 10, "learning rate at its peak").lowest_excluded = true;
  number("min-lr", &R::min_lr, "Training", 0, 10, "learning rate at the end");
  number("warmup", &R::warmup, "Training", 0, 1e9, "steps over which the learning rate rises to its peak");
  choice("decay", &R::decay, "Training", {"cosine", "linear", "constant"},
         "how the learning rate falls: cosine, linear or constant");
  number("beta1", &R::beta1, "Training", 0, 1, "AdamW: memory of the mean gradient").highest_excluded = true;
  number("beta2", &R::beta2, "Training", 0, 1, "AdamW: memory of its square").highest_excluded = true;
  number("momentum", &R::momentum, "Training", 0, 1, "SGD: memory of the gradient").highest_excluded = true;
  number("weight-decay", &R::weight_decay, "Training", 0, 10, "pull of the matrices towards zero");
  number("clip", &R::clip, "Training", 0, 1e9, "largest norm of the gradient; 0: no clipping");
  number("eval-every", &R::eval_every, "Training", 1, 1e9, "steps between validations and checkpoints");
  number("eval-windows", &R::eval_windows, "Training", 0, 1e9, "windows a validation uses; 0: the whole part");
  number("save-every", &R::save_every, "Training", 0, 1e9,
         "save a checkpoint every so many seconds too (at most a hundredth of the time is spent on it); 0: do not")
      .free_on_resume = true;
  number("patience", &R::patience, "Training", 0, 1e9, "stop after so many validations without a better one; 0: never")
      .free_on_resume = true;
  number("seed", &R::seed, "Training", 0, 9007199254740991.0, "of everything random");
  number("threads", &R::threads, "Training", 0, 256, "0: as many as there are cores").free_on_resume = true;
  yes_no("watch-heads", &R::watch_heads, "Training", "write what the heads look at, over the steps, to heads.jsonl");
  s.back().free_on_resume = true;
  number("watch-every", &R::watch_every, "Training", 0, 1e9,
         "with --watch-heads: steps between looks; 0: some 40 looks, denser early")
      .free_on_resume = true;
  return s;
}

template <class T>
std::string number_as_text(T value) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return std::string(buffer, end);
}

std::string allowed_range(const Setting& s) {
  // In full, as it may be typed: 1000000000, not 1e+09.
  const auto limit = [&](double value) {
    return std::holds_alternative<Index RunConfig::*>(s.field) ? std::to_string(static_cast<Index>(value))
                                                               : number_as_text(value);
  };
  if (s.highest_excluded) return cat("from ", limit(s.lowest), " to below ", limit(s.highest));
  return cat(s.lowest_excluded ? "more than " : "", limit(s.lowest), s.lowest_excluded ? ", at most " : " to ",
             limit(s.highest));
}

bool in_range(const Setting& s, double value) {
  return (s.lowest_excluded ? value > s.lowest : value >= s.lowest) &&
         (s.highest_excluded ? value < s.highest : value <= s.highest);
}

enum class Parsed { kFine, kNoNumber, kTooLarge };

template <class T>
Parsed parse_whole_text(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::invalid_argument || end != text.data() + text.size()) return Parsed::kNoNumber;
  return error == std::errc() ? Parsed::kFine : Parsed::kTooLarge;
}

std::vector<Preset> make_presets() {
  // Small steps at a high rate. Learned positions and small heads, because what recurs is found again by its content,
  // however far back it stands: rotary positions, which turn queries and keys apart, learn that several times later.
  RunConfig demo;
  demo.layers = 2;
  demo.heads = 4;
  demo.width = 64;
  demo.context = 144;
  demo.batch = 4;
  demo.steps = 7000;
  demo.lr = 8e-3;
  demo.min_lr = 1e-4;
  demo.warmup = 100;
  demo.beta2 = 0.95;
  demo.weight_decay = 0.01;
  demo.eval_every = 1000;
  demo.val_fraction = 0.02;

  // Attention alone, on corpora of sequences: what is learned then stands in the heads.
  RunConfig repeats;
  repeats.corpus = "repeats";
  repeats.corpus_chars = 80'000;  // half of them for validation; training draws new ones
  repeats.val_fraction = 0.5;
  repeats.layers = 2;
  repeats.heads = 4;
  repeats.width = 64;
  repeats.hidden = 0;
  repeats.tied = false;  // tied, what a head copies must be both what is read and what is said: learned much later
  repeats.position = "rotary";
  repeats.context = 64;
  repeats.batch = 64;
  repeats.steps = 300;
  repeats.lr = 5e-3;  // at 3e-3 two seeds of six were still on their way after 300 steps
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

  RunConfig micro;
  micro.layers = 2;
  micro.width = 64;
  micro.batch = 16;

  RunConfig cpu;  // nanoGPT's recipe for tiny Shakespeare on a CPU
  cpu.dropout = 0;

  RunConfig baby;  // nanoGPT's recipe for tiny Shakespeare on a GPU
  baby.layers = 6;
  baby.heads = 6;
  baby.width = 384;
  baby.context = 256;
  baby.batch = 64;
  baby.steps = 5000;
  baby.dropout = 0.2;

  return {{"demo", "2 layers, 4 heads, for the built-in corpus: under a minute on two cores", demo},
          {"repeats", "2 layers of attention alone, 4 heads, for the corpus repeats: seconds", repeats},
          {"roles", "the same for the corpus roles: under a minute on two cores", roles},
          {"markov", "the same for the corpus markov: under a minute on two cores", markov},
          {"micro", "2 layers, 4 heads, width 64, context 64, batch 16: seconds", micro},
          {"cpu", "4 layers, 4 heads, width 128, context 64, batch 12: minutes (nanoGPT's CPU recipe)", cpu},
          {"baby", "6 layers, 6 heads, width 384, context 256, batch 64: hours (nanoGPT's GPU recipe)", baby}};
}

}  // namespace

std::string Setting::key() const {
  std::string key = name;
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = make_settings();
  return all;
}

const Setting* find_setting(std::string_view name) {
  for (const Setting& setting : settings())
    if (name == setting.name) return &setting;
  return nullptr;
}

void set_from_text(RunConfig& config, const Setting& s, std::string_view text) {
  const auto refuse = [&](const std::string& why) -> void {
    throw UsageError(cat("--", s.name, " ", text.empty() ? "''" : text, ": ", why));
  };
  if (const auto* field = std::get_if<Index RunConfig::*>(&s.field)) {
    Index value = 0;
    const Parsed parsed = parse_whole_text(text, value);
    if (parsed == Parsed::kNoNumber) refuse(cat("not a whole number; allowed is ", allowed_range(s)));
    if (parsed == Parsed::kTooLarge || !in_range(s, static_cast<double>(value)))
      refuse(cat("outside what is allowed: ", allowed_range(s)));
    config.*(*field) = value;
  } else if (const auto* real = std::get_if<double RunConfig::*>(&s.field)) {
    double value = 0;
    const Parsed parsed = parse_whole_text(text, value);
    if (parsed == Parsed::kNoNumber || std::isnan(value)) refuse(cat("not a number; allowed is ", allowed_range(s)));
    if (parsed == Parsed::kTooLarge || !in_range(s, value)) refuse(cat("outside what is allowed: ", allowed_range(s)));
    config.*(*real) = value;
  } else if (const auto* flag = std::get_if<bool RunConfig::*>(&s.field)) {
    if (text != "yes" && text != "no") refuse("say yes or no");
    config.*(*flag) = text == "yes";
  } else {
    if (!s.choices.empty() && std::find(s.choices.begin(), s.choices.end(), text) == s.choices.end()) {
      std::string names;
      for (const char* c : s.choices) names += cat(names.empty() ? "" : ", ", c);
      const std::string near = did_you_mean(text, {s.choices.begin(), s.choices.end()});
      refuse(cat("not one of ", names, near.empty() ? "" : cat("; did you mean ", near, "?")));
    }
    config.*std::get<std::string RunConfig::*>(s.field) = std::string(text);
    if (s.name == std::string_view("data")) config.more_data.clear();
  }
}

std::string text_of(const RunConfig& config, const Setting& s) {
  if (const auto* field = std::get_if<Index RunConfig::*>(&s.field)) return std::to_string(config.*(*field));
  if (const auto* real = std::get_if<double RunConfig::*>(&s.field)) return number_as_text(config.*(*real));
  if (const auto* flag = std::get_if<bool RunConfig::*>(&s.field)) return config.*(*flag) ? "yes" : "no";
  return config.*std::get<std::string RunConfig::*>(s.field);
}

Json to_json(const RunConfig& config) {
  Json json = Json::object();
  for (const Setting& s : settings()) std::visit([&](auto field) { json.set(s.key(), Json(config.*field)); }, s.field);
  if (!config.more_data.empty()) {
    Json all = Json::array();
    for (const std::string& path : config.all_data()) all.push(path);
    json.set("data", all);
  }
  return json;
}

void from_json(RunConfig& config, const JsonView& json) {
  for (const auto& [key, value] : json.members()) {
    const Setting* found = nullptr;
    std::vector<std::string> keys;
    for (const Setting& s : settings()) {
      keys.push_back(s.key());
      if (keys.back() == key) found = &s;
    }
    if (!found) {
      const std::string near = did_you_mean(key, keys);
      json.refuse(cat("no setting is called ", key, near.empty() ? "" : cat("; did you mean ", near, "?")));
    }
    if (key == "data" && value.json().is_array()) {
      config.data.clear();
      config.more_data.clear();
      for (const JsonView& path : value.elements())
        (config.data.empty() ? config.data : config.more_data.emplace_back()) = path.as_string();
      continue;
    }
    // Through the text, so that a file is held to the same rules as a flag.
    std::string text;
    if (std::holds_alternative<Index RunConfig::*>(found->field)) text = std::to_string(value.as_index());
    else if (std::holds_alternative<double RunConfig::*>(found->field)) text = number_as_text(value.as_double());
    else if (found->is_switch()) text = value.as_bool() ? "yes" : "no";
    else text = value.as_string();
    try {
      set_from_text(config, *found, text);
    } catch (const UsageError& e) {
      value.refuse(e.what());
    }
  }
}

namespace {

constexpr Index kMostHeads = 1000;  // of a layer

// "4,2,0"; nothing when it is no such list.
std::optional<std::vector<Index>> parse_list(std::string_view text) {
  std::vector<Index> numbers;
  for (std::size_t at = 0; !text.empty() && at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    Index number = 0;
    if (parse_whole_text(text.substr(at, end - at), number) != Parsed::kFine || number < 0 || number > kMostHeads)
      return {};
    numbers.push_back(number);
    at = end + 1;
  }
  return numbers;
}

std::vector<Index> parse_layer_heads(std::string_view text) {
  if (const auto heads = parse_list(text)) return *heads;
  throw UsageError(
      cat("--layer-heads ", text, ": expected the heads of each layer, 0 to ", kMostHeads, ", as in 4,2,0"));
}

// "0,2//1": of three layers, the second without heads.
std::vector<std::vector<Index>> parse_head_slopes(std::string_view text) {
  std::vector<std::vector<Index>> layers;
  for (std::size_t at = 0; !text.empty() && at <= text.size();) {
    const std::size_t end = std::min(text.find('/', at), text.size());
    const auto slopes = parse_list(text.substr(at, end - at));
    if (!slopes)
      throw UsageError(cat("--head-slopes ", text, ": expected the slopes of each layer's heads, numbers from 0 to ",
                           kMostHeads, ", as in 0,2/1"));
    layers.push_back(*slopes);
    at = end + 1;
  }
  return layers;
}

}  // namespace

TransformerConfig RunConfig::model(Index vocabulary) const {
  TransformerConfig c;
  c.vocabulary = vocabulary;
  c.context = context;
  c.layers = layers;
  c.heads = heads;
  c.width = width;
  c.hidden = hidden;
  c.layer_heads = parse_layer_heads(layer_heads);
  c.head_size = head_size;
  c.slopes = parse_head_slopes(head_slopes);
  c.dropout = dropout;
  c.position = position == "learned"      ? PositionKind::kLearned
               : position == "sinusoidal" ? PositionKind::kSinusoidal
               : position == "rotary"     ? PositionKind::kRotary
               : position == "alibi"      ? PositionKind::kAlibi
                                          : PositionKind::kNone;
  c.norm = norm == "layer" ? NormKind::kLayer : NormKind::kRms;
  c.activation = activation == "gelu"       ? Activation::kGelu
                 : activation == "gelu-erf" ? Activation::kGeluErf
                 : activation == "relu"     ? Activation::kRelu
                                            : Activation::kSilu;
  c.pre_norm = pre_norm;
  c.tied = tied;
  c.bias = bias;
  return c;
}

std::vector<std::string> RunConfig::all_data() const {
  std::vector<std::string> all;
  if (!data.empty()) all.push_back(data);
  all.insert(all.end(), more_data.begin(), more_data.end());
  return all;
}

Schedule RunConfig::schedule() const {
  return {.peak = lr,
          .lowest = min_lr,
          .warmup = warmup,
          .steps = steps,
          .decay = decay == "cosine"   ? Decay::kCosine
                   : decay == "linear" ? Decay::kLinear
                                       : Decay::kConstant};
}

void RunConfig::check() const {
  try {
    model(1).check();
  } catch (const Error& e) {
    throw UsageError(e.what());
  }
  if (min_lr > lr) throw UsageError(cat("--min-lr ", min_lr, " is above --lr ", lr));
  if (!data.empty() && !grammar.empty()) throw UsageError("--data and --grammar cannot both be given");
  if (data.empty() && grammar.empty()) {
    check_corpus_name("--corpus", corpus);
    const Index length = corpus_info(corpus).sequence_length;
    if (length > 0 && context > length)
      throw UsageError(cat("--context ", context, ": the sequences of ", corpus, " have ", length, " symbols; use ",
                           length, " or fewer"));
  }
  // Whatever the machine: sizes like these are slips of the keyboard.
  constexpr double kMost = 4e11;
  if (memory(1) > kMost)
    throw UsageError(cat("a step of this model would take about ", memory(1) * 1e-9,
                         " GB of memory; use a smaller --width, --hidden, --layers, --context or --batch"));
}

double RunConfig::memory(Index vocabulary) const {
  const auto number = [](Index n) { return static_cast<double>(n); };
  const double c = number(width), f = hidden < 0 ? 4 * c : number(hidden), v = number(vocabulary);
  const TransformerConfig m = model(vocabulary);
  double all_heads = 0;
  for (Index layer = 0; layer < layers; ++layer) all_heads += number(m.heads_in(layer));
  const double inner = all_heads * number(m.size_of_heads());  // channels of all heads of all layers
  const double parameters = 4 * c * inner + number(layers) * 2 * c * f + (v + number(context)) * c;
  const double places = number(batch) * number(context);  // at a time
  // What the tape keeps for each token: about ten values of the width, three of the hidden size, and the attention.
  const double activations =
      places * (number(layers) * (6 * c + 3 * f) + 4 * inner + all_heads * number(context) + 4 * c + 3 * v);
  const double ids = 2 * places * number(accumulate);  // inputs and targets of a step
  return 4 * (4 * parameters + activations + ids);     // weights, gradients and two moments; float32
}

const std::vector<Preset>& presets() {
  static const std::vector<Preset> all = make_presets();
  return all;
}

const Preset& find_preset(std::string_view name) {
  std::vector<std::string> names;
  std::string list;
  for (const Preset& preset : presets()) {
    if (name == preset.name) return preset;
    names.push_back(preset.name);
    list += cat(list.empty() ? "" : ", ", preset.name);
  }
  const std::string near = did_you_mean(name, names);
  throw UsageError(
      cat("--preset ", name, ": not one of ", list, near.empty() ? "" : cat("; did you mean ", near, "?")));
}

std::string preset_of_corpus(std::string_view corpus) {
  if (corpus == "repeats-fixed") return "repeats";  // the trap is to differ in nothing else
  for (const Preset& preset : presets())
    if (preset.name == corpus) return preset.name;
  return "demo";
}

void check_corpus_name(std::string_view what, std::string_view name) {
  const std::vector<std::string> names = corpus_names();
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  std::string list;
  for (const std::string& known : names) list += cat(list.empty() ? "" : ", ", known);
  const std::string near = did_you_mean(name, names);
  throw UsageError(cat(what, " ", name.empty() ? "''" : name, ": there is no such corpus; there is: ", list,
                       near.empty() ? "" : cat("; did you mean ", near, "?")));
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& names) {
  // Optimal string alignment: changed, missing, additional and swapped letters; allowed up to a third of the word.
  std::string best;
  std::size_t smallest = std::max<std::size_t>(2, word.size() / 3 + 1);
  for (const std::string& name : names) {
    std::vector<std::size_t> before, above, row(name.size() + 1);
    for (std::size_t j = 0; j <= name.size(); ++j) row[j] = j;
    for (std::size_t i = 0; i < word.size(); ++i) {
      before = std::exchange(above, row);
      row[0] = i + 1;
      for (std::size_t j = 0; j < name.size(); ++j) {
        row[j + 1] = std::min({above[j] + (word[i] == name[j] ? 0u : 1u), above[j + 1] + 1, row[j] + 1});
        if (i > 0 && j > 0 && word[i] == name[j - 1] && word[i - 1] == name[j])
          row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
      }
    }
    if (row.back() < smallest) {
      smallest = row.back();
      best = name;
    }
  }
  return best;
}

}  // namespace headlight
