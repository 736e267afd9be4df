// headlight sample: text from a trained model.
#include "cli.h"

namespace headlight::cli {

namespace {

int run(const Arguments& args) {
  const Index chars = args.whole("chars", 500, 1, 100'000'000);
  const SampleOptions options{.temperature = args.real("temperature", 0.8, 0, 100),
                              .top_k = args.whole("top-k", 0, 0, 1'000'000),
                              .top_p = args.real("top-p", 1, 1e-6, 1)};
  const Index seed = args.whole("seed", 1, 0, Index{1} << 53);
  const TrainedModel trained = load_model(args.operands()[0], args.has("last") ? Weights::kLast : Weights::kBest);
  const Vocabulary& vocabulary = trained.info.vocabulary;
  const std::string prompt = args.text("prompt", "");
  std::vector<std::int32_t> start = vocabulary.encode(prompt, "prompt");
  // With nothing to go on, begin as after a document ...
  const std::vector<std::int32_t>& end = trained.info.document_end;
  if (start.empty() && !end.empty()) start = {end.back()};
  if (start.empty()) {
    // ... or after a line break, or at the first character there is.
    const bool has_break = vocabulary.is_bytes() || vocabulary.characters().find(U'\n') != std::u32string::npos;
    start = has_break ? vocabulary.encode("\n", "prompt") : std::vector<std::int32_t>{0};
  }
  const bool int8 = args.has("int8");
  // Of eight bits for the prompt too, and so what `eval --int8` measures.
  if (int8) round_to_int8(*trained.model);
  print(prompt);
  Rng rng(mix64(static_cast<std::uint64_t>(seed)));
  const auto show = [&](std::int32_t token) {
    print(vocabulary.piece(token));
    if (stdout_is_terminal()) finish_output();
    return true;
  };
  if (int8) {
    Decoder decoder(*trained.model, Decoder::Weights::kInt8);
    generate(decoder, start, chars, options, rng, show, end);
  } else {
    generate(*trained.model, start, chars, options, rng, show, end);
  }
  print("\n");
  return 0;
}

}  // namespace

Command sample_command() {
  return {
      .name = "sample",
      .summary = "Writes text with a trained model.",
      .usage = "DIR [--prompt TEXT] [--chars N] [OPTIONS]",
      .examples = {"headlight sample runs/tales", "headlight sample runs/mine --prompt \"ROMEO:\" --chars 300 --seed 7",
                   "headlight sample runs/mine --temperature 0      # always the likeliest character"},
      .flags = {{"prompt", "TEXT", "what the text begins with", "Options",
                 "nothing: as after a document or line break"},
                {"chars", "N", "characters to write", "Options", "500"},
                {"temperature", "X", "below 1 safer, above 1 wilder; 0: no chance at all", "Options", "0.8"},
                {"top-k", "N", "choose among the N likeliest only; 0: all", "Options", "0"},
                {"top-p", "X", "choose among the likeliest that together reach probability X", "Options", "1"},
                {"seed", "N", "of the random choices; the same seed writes the same text", "Options", "1"},
                {"int8", "", "weights of eight bits: faster where the model is larger than the caches, a little worse"},
                {"last", "", "use the last checkpoint instead of the best step"}},
      .least_operands = 1,
      .most_operands = 1,
      .run = run};
}

}  // namespace headlight::cli
