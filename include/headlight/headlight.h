// All of Headlight. README.md numbers these headers in the order to read them.
#pragma once

// IWYU pragma: begin_exports
#include "headlight/base/chart.h"
#include "headlight/base/columns.h"
#include "headlight/base/error.h"
#include "headlight/base/file.h"
#include "headlight/base/format.h"
#include "headlight/base/isa.h"
#include "headlight/base/profile.h"
#include "headlight/base/random.h"
#include "headlight/base/shape.h"
#include "headlight/base/text.h"
#include "headlight/base/threads.h"
#include "headlight/base/utf8.h"
#include "headlight/base/version.h"

#include "headlight/tensor/pool.h"
#include "headlight/tensor/tensor.h"

#include "headlight/autograd/finite_check.h"
#include "headlight/autograd/gradcheck.h"
#include "headlight/autograd/tape.h"

#include "headlight/ops/ops.h"

#include "headlight/nn/dropout.h"
#include "headlight/nn/embedding.h"
#include "headlight/nn/feed_forward.h"
#include "headlight/nn/linear.h"
#include "headlight/nn/module.h"
#include "headlight/nn/multi_head_attention.h"
#include "headlight/nn/norm.h"
#include "headlight/nn/position.h"
#include "headlight/nn/position_alibi.h"
#include "headlight/nn/position_learned.h"
#include "headlight/nn/position_none.h"
#include "headlight/nn/position_rotary.h"
#include "headlight/nn/position_sinusoidal.h"
#include "headlight/nn/probe.h"
#include "headlight/nn/self_attention.h"
#include "headlight/nn/transformer.h"

#include "headlight/optim/optimizer.h"
#include "headlight/optim/schedule.h"

#include "headlight/data/corpus.h"
#include "headlight/data/grammar.h"
#include "headlight/data/neighbours.h"
#include "headlight/data/traced_text.h"
#include "headlight/data/vocabulary.h"
#include "headlight/data/windows.h"

#include "headlight/io/checkpoint.h"
#include "headlight/io/json.h"
#include "headlight/io/safetensors.h"

#include "headlight/heads/head_scores.h"
#include "headlight/heads/roles.h"

#include "headlight/run/bench.h"
#include "headlight/run/config.h"
#include "headlight/run/dashboard.h"
#include "headlight/run/evaluate.h"
#include "headlight/run/generate.h"
#include "headlight/run/plan.h"
#include "headlight/run/run_data.h"
#include "headlight/run/run_directory.h"
#include "headlight/run/run_log.h"
#include "headlight/run/trainer.h"
// IWYU pragma: end_exports
