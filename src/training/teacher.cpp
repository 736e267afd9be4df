// Loading a teacher, and the checks that student and teacher fit.
#include "training/teacher.h"

#include <bit>

#include "base/words.h"
#include "headlight/autograd/tape.h"
#include "headlight/base/error.h"
#include "headlight/base/random.h"
#include "os/file.h"
#include "os/folder.h"
#include "training/run_directory.h"
#include "training/text_files.h"

namespace headlight {

namespace {

std::uint64_t hash_of(const Module& model) {
  std::uint64_t hash = 1;
  for (const NamedTensor& p : model.parameters()) {
    const float* values = std::as_const(p.value).data<float>();
    for (Index i = 0; i < p.value.numel(); ++i) hash = mix64(hash ^ std::bit_cast<std::uint32_t>(values[i]));
  }
  return hash == 0 ? 1 : hash;
}

std::string size_text(const Vocabulary& vocabulary) {
  return vocabulary.is_bytes() ? "bytes" : counted(vocabulary.size(), "character");
}

}  // namespace

Teacher::Teacher(const RunConfig& config, const Vocabulary& vocabulary, const std::string& directory) {
  const GeneratorGuard keep;  // building the model draws initial weights
  const std::string path = path_from(config.folder, config.teacher), where = cat("--teacher ", config.teacher);
  // A path may have several spellings, so compare the files.
  const std::string own = cat(directory, "/config.json"), its = cat(path, "/config.json");
  if (!directory.empty() && path_exists(own) && path_exists(its) && read_file(own) == read_file(its))
    throw UsageError(cat(where, ": is the run's own directory; choose another --out, to keep the teacher"));
  TrainedModel loaded;
  try {
    loaded = load_model(path);
  } catch (const Error& e) {
    fail(where, ": cannot load the teacher (", e.what(), "); name the directory of a trained run");
  }
  const Vocabulary& theirs = loaded.info.vocabulary;
  if (theirs.characters() != vocabulary.characters())
    fail(where, ": its vocabulary (", size_text(theirs), ") differs from that of the text (", size_text(vocabulary),
         "); train both on the same characters, or both with --tokens byte");
  if (loaded.model->context() < config.context)
    fail(where, ": its context is ", loaded.model->context(), ", and --context is ", config.context, "; use --context ",
         loaded.model->context(), " or less");
  model_ = std::move(loaded.model);
  fingerprint_ = hash_of(*model_);
}

Tensor Teacher::logits(std::span<const std::int32_t> ids, Index batch) const {
  const NoGrad no_recording;
  return (*model_)(ids, batch);
}

}  // namespace headlight
