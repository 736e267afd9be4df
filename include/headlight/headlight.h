// The public API in reading order: everything needed to write an operation, a layer, a model or a training loop.
#pragma once

// IWYU pragma: begin_exports
#include "headlight/base/error.h"
#include "headlight/base/index.h"
#include "headlight/base/random.h"
#include "headlight/base/shape.h"
#include "headlight/base/text.h"
#include "headlight/base/threads.h"

#include "headlight/tensor/pool.h"
#include "headlight/tensor/tensor.h"

#include "headlight/autograd/gradcheck.h"
#include "headlight/autograd/operation.h"
#include "headlight/autograd/saved.h"
#include "headlight/autograd/tape.h"

#include "headlight/ops/ops.h"

#include "headlight/nn/conv1d.h"
#include "headlight/nn/dropout.h"
#include "headlight/nn/embedding.h"
#include "headlight/nn/feed_forward.h"
#include "headlight/nn/gradcheck.h"
#include "headlight/nn/graph_attention.h"
#include "headlight/nn/hook.h"
#include "headlight/nn/linear.h"
#include "headlight/nn/module.h"
#include "headlight/nn/multi_head_attention.h"
#include "headlight/nn/norm.h"
#include "headlight/nn/position.h"
#include "headlight/nn/recurrent.h"
#include "headlight/nn/self_attention.h"

#include "headlight/models/language_model.h"
#include "headlight/models/registry.h"
#include "headlight/models/sequence_models.h"
#include "headlight/models/transformer.h"

#include "headlight/optim/optimizer.h"
#include "headlight/optim/schedule.h"

#include "headlight/corpora/corpus.h"
#include "headlight/data/token_ids.h"
#include "headlight/data/vocabulary.h"
#include "headlight/data/windows.h"

#include "headlight/corpora/traced_text.h"

#include "headlight/formats/safetensors.h"
#include "headlight/generation/generate.h"
#include "headlight/training/checkpoint.h"
#include "headlight/training/evaluate.h"
// IWYU pragma: end_exports
