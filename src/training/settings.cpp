// The table of settings: name, field, range or choices, and help text.
#include <algorithm>
#include <utility>

#include "headlight/base/error.h"
#include "training/config.h"

namespace headlight {

namespace {

constexpr double kBig = 1 << 20;
constexpr const char* kModelGroup = "Model";

template <class E>
struct Named {
  E value;
  const char* name;
};
constexpr Named<TokenUnit> kTokens[] = {{TokenUnit::kCharacter, "character"}, {TokenUnit::kByte, "byte"}};
constexpr Named<Precision> kPrecisions[] = {{Precision::kFloat32, "float32"}, {Precision::kBf16, "bf16"}};
constexpr Named<Sampling> kSamplings[] = {{Sampling::kRandom, "random"}, {Sampling::kEpochs, "epochs"}};
constexpr Named<Decay> kDecays[] = {
    {Decay::kCosine, "cosine"}, {Decay::kLinear, "linear"}, {Decay::kConstant, "constant"}};

struct Choices {
  ChoiceField field;
  std::vector<std::string> names;
};

template <auto field, const auto& table>
Choices choices_of() {
  Choices choices;
  choices.field.get = [](const RunConfig& config) {
    return static_cast<std::size_t>(
        std::find_if(std::begin(table), std::end(table), [&](const auto& n) { return n.value == config.*field; }) -
        std::begin(table));
  };
  choices.field.set = [](RunConfig& config, std::size_t number) { config.*field = table[number].value; };
  for (const auto& named : table) choices.names.emplace_back(named.name);
  return choices;
}

// A part's name as in lists of choices.
template <class Kind>
std::string name_of(const Kind& kind) {
  return kind.name;
}
std::string name_of(const AttentionKind& kind) { return kind.shown(); }

std::vector<Setting> make_settings() {
  using R = RunConfig;
  std::vector<Setting> s;
  const auto number = [&](const char* name, SettingField field, const char* group, double low, double high,
                          const char* help) -> Setting& {
    s.push_back({.name = name, .field = field, .group = group, .help = help, .lowest = low, .highest = high});
    return s.back();
  };
  const auto text = [&](const char* name, std::string R::*field, const char* group, const char* help) -> Setting& {
    s.push_back({.name = name, .field = field, .group = group, .help = help});
    return s.back();
  };
  const auto choice = [&](const char* name, const Choices& choices, const char* group, const std::string& help) {
    s.push_back({.name = name, .field = choices.field, .group = group, .help = help, .choices = choices.names});
    s.back().help += word_list(choices.names, "or");
  };
  // A choice from a table of parts. The setting's help lists the parts, each with its own help unless `brief`.
  const auto part = [&](const char* name, std::string R::*field, const char* group, const std::string& help,
                        const auto& kinds, bool brief = false) {
    text(name, field, group, "");
    std::vector<std::string> shown;
    for (const auto& kind : kinds) {
      s.back().choices.push_back(name_of(kind));
      s.back().choice_help.push_back(kind.help);
      shown.push_back(brief || kind.help.empty() ? name_of(kind) : cat(name_of(kind), " (", kind.help, ")"));
    }
    s.back().help = help + word_list(shown, "or");
  };
  const auto yes_no = [&](const char* name, bool R::*field, const char* group, const char* help) {
    s.push_back({.name = name, .field = field, .group = group, .help = help});
  };

  text("data", &R::data, "Text",
       "UTF-8 text to train on: a file, a folder or - (standard input); repeatable (default: a built-in corpus)")
      .free_on_resume = true;  // the file may have moved; the fingerprint check compares the texts
  text("pairs", &R::pairs, "Text", "a file of pairs to train on: a source, a tab and a target in each line")
      .free_on_resume = true;  // as `data`
  text("corpus", &R::corpus, "Text", "built-in corpus, used without --data");
  text("grammar", &R::grammar, "Text", "generate the text from this grammar file instead");
  number("corpus-chars", &R::corpus_chars, "Text", 1000, 1e8, "characters to generate from a corpus or grammar");
  choice("tokens", choices_of<&R::tokens, kTokens>(), "Text", "unit of a token: ");
  number("val-fraction", &R::val_fraction, "Text", 0, 0.9, "fraction of the text, at its end, held out for validation");

  text("model", &R::model, "Model", "kind of model; see headlight models");
  number("layers", &R::layers, "Model", 1, 1000, "number of layers");
  number("heads", &R::heads, "Model", 1, 1000, "attention heads per layer");
  number("kv-heads", &R::kv_heads, "Model", 0, 1000,
         "heads of keys and values, shared by groups of --heads; 0: as many as --heads");
  number("width", &R::width, "Model", 1, kBig, "width of the model");
  number("context", &R::context, "Model", 1, kBig, "context length in tokens");
  number("hidden", &R::hidden, "Model", -1, kBig,
         "width of the feed-forward parts; -1: four times --width (swiglu: 8/3), 0: none");
  text("layer-heads", &R::layer_heads, "Model", "heads of each layer, as in 4,2,0 (set by heads prune)");
  number("head-size", &R::head_size, "Model", 0, kBig, "width of a head; 0: --width divided by --heads");
  number("dropout", &R::dropout, "Model", 0, 1, "dropout probability").highest_excluded = true;
  part("position", &R::position, "Model", "position encoding: ", position_kinds(), true);
  part("norm", &R::norm, "Model", "normalization: ", norm_kinds(), true);
  part("feed-forward", &R::feed_forward, "Model", "feed-forward part of each block: ", feed_forward_kinds(), true);
  part("attention", &R::attention, "Model", "what a token attends to: ", attention_kinds());
  part("activation", &R::activation, "Model", "activation of the feed-forward part mlp: ", activation_kinds());
  yes_no("pre-norm", &R::pre_norm, "Model", "normalize before each sublayer (no: after it)");
  yes_no("tied", &R::tied, "Model", "tie the output weights to the token embedding");
  yes_no("bias", &R::bias, "Model", "biases in linear layers");
  for (const ModelKind& kind : model_kinds()) {
    for (const ModelSetting& own : kind.settings) {
      const auto same = [&](const Setting& other) { return own.name == other.name; };
      if (std::any_of(s.begin(), s.end(), same)) continue;  // another family declares the same setting
      s.push_back({.name = own.name.c_str(),
                   .field = OwnField{own},
                   .group = kModelGroup,
                   .help = own.help,
                   .lowest = own.lowest,
                   .highest = own.highest,
                   .choices = own.choices});
      if (!own.choices.empty()) s.back().help += cat(": ", word_list(own.choices, "or"));
    }
  }

  number("batch", &R::batch, "Training", 1, kBig, "sequences per batch");
  number("accumulate", &R::accumulate, "Training", 1, kBig, "batches per step (gradient accumulation)");
  choice("sampling", choices_of<&R::sampling, kSamplings>(), "Training",
         "order of training windows: drawn at random with replacement, or each once per epoch (a model with --stateful "
         "and corpora with new sequences in each step have their own order): ");
  number("steps", &R::steps, "Training", 1, 1e9, "optimizer steps in all").free_on_resume = true;
  part("optimizer", &R::optimizer, "Training", "", optimizer_kinds());
  number("lr", &R::lr, "Training", 0, 10, "peak learning rate").lowest_excluded = true;
  number("min-lr", &R::min_lr, "Training", 0, 10, "final learning rate");
  number("matrix-lr", &R::matrix_lr, "Training", 0, 10, "peak learning rate of the matrices that Muon updates")
      .lowest_excluded = true;
  number("warmup", &R::warmup, "Training", 0, 1e9, "warm-up steps, with a linearly increasing learning rate");
  choice("decay", choices_of<&R::decay, kDecays>(), "Training", "learning-rate decay after the warm-up: ");
  number("beta1", &R::beta1, "Training", 0, 1, "AdamW's beta1 (decay rate of the first moment)").highest_excluded =
      true;
  number("beta2", &R::beta2, "Training", 0, 1, "AdamW's beta2 (decay rate of the second moment)").highest_excluded =
      true;
  number("momentum", &R::momentum, "Training", 0, 1, "SGD's momentum").highest_excluded = true;
  number("weight-decay", &R::weight_decay, "Training", 0, 10, "weight decay of matrices");
  number("clip", &R::clip, "Training", 0, 1e9, "maximum gradient norm (gradient clipping); 0: no clipping");
  number("ema", &R::ema, "Training", 0, 1,
         "decay per step of an exponential moving average of the weights; validation and the saved model use the "
         "average; 0: no average")
      .highest_excluded = true;
  choice(
      "precision", choices_of<&R::precision, kPrecisions>(), "Training",
      "operands of matrix products in training steps (bf16 is faster on some CPUs with AVX512-BF16, such as Zen 4): ");
  yes_no(
      "remat", &R::remat, "Training",
      "recompute attention outputs, norms and activations in the backward pass instead of storing them: less memory, "
      "the same results");
  s.back().free_on_resume = true;
  number("head-dropout", &R::head_dropout, "Training", 0, 1,
         "probability of dropping a head of a transformer, drawn for each sequence and layer (Zhou et al. 2020)")
      .highest_excluded = true;
  number("eval-every", &R::eval_every, "Training", 1, 1e9, "steps between validations and checkpoints");
  number("eval-windows", &R::eval_windows, "Training", 0, 1e9, "windows per validation; 0: all of them");
  number("save-every", &R::save_every, "Training", 0, 1e9,
         "seconds between additional checkpoints (at most 1% of the time); 0: none")
      .free_on_resume = true;
  number("patience", &R::patience, "Training", 0, 1e9, "stop after this many validations without improvement; 0: never")
      .free_on_resume = true;
  yes_no("stop-on-divergence", &R::stop_on_divergence, "Training",
         "end with exit code 3 if the loss stays worse than a uniform guess; on with --minutes");
  s.back().free_on_resume = true;
  number("seed", &R::seed, "Training", 0, 9007199254740991.0, "random seed of weights, batches and dropout");
  number("threads", &R::threads, "Training", 0, 256, "number of threads; 0: one per core").free_on_resume = true;
  yes_no("watch-heads", &R::watch_heads, "Training",
         "record head scores and attention during training, in heads.jsonl");
  s.back().free_on_resume = true;
  number("watch-every", &R::watch_every, "Training", 0, 1e9,
         "with --watch-heads: steps between records; 0: about 40 records, denser early")
      .free_on_resume = true;
  text("teacher", &R::teacher, "Distillation",
       "run whose predictions the model also learns to match; any kind of model with the same vocabulary")
      .free_on_resume = true;  // the run may have moved; the fingerprint check compares the weights
  number("distill-weight", &R::distill_weight, "Distillation", 0, 1,
         "weight of the distillation loss; the cross-entropy has the rest");
  number("distill-temperature", &R::distill_temperature, "Distillation", 0, 1000,
         "softmax temperature of teacher and student in the distillation loss")
      .lowest_excluded = true;
  return s;
}

}  // namespace

std::string Setting::key() const {
  std::string key = name;
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

bool Setting::is_switch() const {
  const auto* own = std::get_if<OwnField>(&field);
  return std::holds_alternative<bool RunConfig::*>(field) || (own && own->setting.kind == ModelSetting::Kind::kYesNo);
}

bool Setting::describes_model() const {
  return group == std::string_view(kModelGroup) && name != std::string_view("model");
}

bool Setting::is_of(const std::string& family) const {
  const ModelKind& kind = find_family(family);
  const auto is_this = [&](const auto& setting) { return setting.name == std::string_view(name); };
  if (std::holds_alternative<OwnField>(field)) return std::any_of(kind.settings.begin(), kind.settings.end(), is_this);
  return describes_model() &&
         (name == std::string_view("context") || std::count(kind.shared.begin(), kind.shared.end(), name) > 0);
}

const std::vector<Setting>& settings() {
  static std::vector<Setting> all;
  static std::size_t registered = 0;  // number of entries when `all` was made; registration only adds entries
  if (const std::size_t now = model_kinds().size() + feed_forward_kinds().size() + attention_kinds().size() +
                              norm_kinds().size() + position_kinds().size() + activation_kinds().size() +
                              optimizer_kinds().size();
      registered != now) {
    all = make_settings();
    registered = now;
  }
  return all;
}

void check_families() {
  std::vector<std::string> shared;
  for (const Setting& s : settings())
    if (s.describes_model() && !std::holds_alternative<OwnField>(s.field)) shared.emplace_back(s.name);
  for (const ModelKind& kind : model_kinds()) {
    for (const std::string& name : kind.shared)
      if (std::count(shared.begin(), shared.end(), name) == 0)
        fail("model ", kind.name, ": there is no shared setting ", name.empty() ? "''" : name, "; use one of ",
             word_list(shared), suggestion(name, shared));
    for (const ModelSetting& own : kind.settings)
      for (const Setting& s : settings())
        if (!std::holds_alternative<OwnField>(s.field) && s.name == own.name)
          fail("model ", kind.name, ": its own setting ", own.name, " is named like the ",
               s.describes_model() ? "shared setting --" : "setting --", s.name,
               s.describes_model() ? "; list it in ModelKind::shared, or use another name" : "; use another name");
  }
}

const Setting* find_setting(std::string_view name) {
  for (const Setting& setting : settings())
    if (name == setting.name) return &setting;
  return nullptr;
}

}  // namespace headlight
