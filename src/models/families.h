// The built-in model families, one function for each; registry.cpp lists them.
#pragma once

#include "headlight/models/registry.h"
#include "headlight/models/transformer.h"

namespace headlight {

ModelKind transformer_kind();
ModelKind rnn_kind();
ModelKind gru_kind();
ModelKind lstm_kind();
ModelKind conv_kind();
// The configuration that the settings of the family `transformer` describe. Error: a malformed list of heads.
TransformerConfig transformer_config(const ModelOptions& options, Index vocabulary);

}  // namespace headlight
