// An untrained model whose parameters are all random, for tests of file formats that store models.
#pragma once

#include "headlight/autograd/tape.h"
#include "training/run_directory.h"

namespace headlight {

inline RunConfig small_config() {
  RunConfig c;
  c.layers = 2;
  c.heads = 2;
  c.width = 8;
  c.context = 12;
  return c;
}

// All parameters are random, including biases and norms, which training starts at 0 and 1.
inline TrainedModel random_model(const RunConfig& config = small_config()) {
  TrainedModel trained;
  trained.info.config = config;
  trained.info.vocabulary = config.tokens == TokenUnit::kByte
                                ? Vocabulary::bytes()
                                : Vocabulary::of_text("\r\n the cat: é日🙂\"\\", "test");
  trained.info.source = "/home/somebody/secret/my text.txt";
  trained.info.config.data = trained.info.source;
  trained.step = 70;
  trained.val_loss = 1.25;
  seed_generator(3);
  trained.model = config.make_model(trained.info.vocabulary.size());
  Rng rng(4);
  for (const NamedTensor& p : trained.model->parameters()) {
    Tensor value = p.value;
    value.copy_from(Tensor::normal(value.shape(), p.name.find("norm") != std::string::npos ? 0.7 : 0, 0.3, rng));
  }
  return trained;
}

inline std::vector<double> logits_of(const LanguageModel& model) {
  const NoGrad no_recording;
  std::vector<std::int32_t> ids;
  for (Index i = 0; i < 2 * model.context(); ++i) ids.push_back(static_cast<std::int32_t>(i * 7 % model.vocabulary()));
  return model(ids, 2).to_vector();
}

}  // namespace headlight
