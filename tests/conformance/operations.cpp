// The table from declarations in ops.h to calls.
#include "conformance/operations.h"

#include <functional>
#include <limits>
#include <map>

#include "headlight/base/error.h"

namespace headlight::conformance {

const Tensor& Arguments::operator[](std::size_t i) const {
  static const Tensor none;
  return i < in_.size() ? in_[i] : none;
}

std::optional<JsonView> Arguments::read(const char* key) const {
  read_.insert(key);
  return options_.find(key);
}

JsonView Arguments::required(const char* key) const {
  read_.insert(key);
  return options_.at(key);
}

std::vector<Index> Arguments::indices(const char* key) const {
  std::vector<Index> values;
  for (const JsonView& one : required(key).elements()) values.push_back(one.as_index());
  return values;
}

std::vector<std::int32_t> Arguments::ids(const char* key) const {
  std::vector<std::int32_t> values;
  for (const Index one : indices(key)) values.push_back(static_cast<std::int32_t>(one));
  return values;
}

Reduction Arguments::reduction() const {
  const std::string name = word("reduction");
  if (name == "mean") return Reduction::kMean;
  if (name == "sum") return Reduction::kSum;
  if (name == "none") return Reduction::kNone;
  throw Error(cat("reduction ", name, ": unknown; use mean, sum or none"));
}

void Arguments::check_all_read() const {
  for (const auto& [key, value] : options_.members())
    if (!read_.contains(key)) value.refuse("the operation has no such option; remove it");
}

namespace {

Shape shape_of(const std::vector<Index>& sizes) { return {sizes.data(), static_cast<int>(sizes.size())}; }

// f with a list of one to four numbers: the operations take initializer lists.
template <class F>
Tensor with_list(const std::vector<Index>& values, const F& f) {
  const auto at = [&](std::size_t i) { return static_cast<int>(values[i]); };
  switch (values.size()) {
    case 0:
      return f(std::initializer_list<int>{});
    case 1:
      return f({at(0)});
    case 2:
      return f({at(0), at(1)});
    case 3:
      return f({at(0), at(1), at(2)});
    case 4:
      return f({at(0), at(1), at(2), at(3)});
    default:
      throw Error("a list of more than four axes; use at most four");
  }
}

using Results = std::vector<Tensor>;
using Call = std::function<Results(const Arguments&)>;

Call unary(Tensor (*f)(const Tensor&)) {
  return [f](const Arguments& a) { return Results{f(a[0])}; };
}
Call binary(Tensor (*f)(const Tensor&, const Tensor&)) {
  return [f](const Arguments& a) { return Results{f(a[0], a[1])}; };
}
Call with_value(Tensor (*f)(const Tensor&, double)) {
  return [f](const Arguments& a) { return Results{f(a[0], a.real("value"))}; };
}
Call value_with(Tensor (*f)(double, const Tensor&)) {
  return [f](const Arguments& a) { return Results{f(a.real("value"), a[0])}; };
}
Call reduction(Tensor (*f)(const Tensor&, int, bool)) {
  return [f](const Arguments& a) { return Results{f(a[0], a.axis(), a.flag("keep"))}; };
}
Call reduction(Tensor (*f)(const Tensor&, std::initializer_list<int>, bool)) {
  return [f](const Arguments& a) {
    const bool keep = a.flag("keep");
    return Results{with_list(a.indices("axes"), [&](std::initializer_list<int> axes) { return f(a[0], axes, keep); })};
  };
}
Call loss(Tensor (*f)(const Tensor&, const Tensor&, Reduction)) {
  return [f](const Arguments& a) { return Results{f(a[0], a[1], a.reduction())}; };
}

std::map<std::string, Call> elementwise_calls() {
  using One = Tensor (*)(const Tensor&);
  using Two = Tensor (*)(const Tensor&, const Tensor&);
  using Value = Tensor (*)(const Tensor&, double);
  using First = Tensor (*)(double, const Tensor&);
  return {
      {"add(a,b)", binary(static_cast<Two>(add))},
      {"sub(a,b)", binary(static_cast<Two>(sub))},
      {"mul(a,b)", binary(static_cast<Two>(mul))},
      {"div(a,b)", binary(static_cast<Two>(div))},
      {"scale(x,factor)", [](const Arguments& a) { return Results{scale(a[0], a.real("factor"))}; }},
      {"add(x,value)", with_value(static_cast<Value>(add))},
      {"sub(x,value)", with_value(static_cast<Value>(sub))},
      {"sub(value,x)", value_with(static_cast<First>(sub))},
      {"mul(x,value)", with_value(static_cast<Value>(mul))},
      {"div(x,value)", with_value(static_cast<Value>(div))},
      {"div(value,x)", value_with(static_cast<First>(div))},
      {"pow(a,b)", binary(static_cast<Two>(pow))},
      {"pow(x,exponent)", [](const Arguments& a) { return Results{pow(a[0], a.real("exponent"))}; }},
      {"maximum(a,b)", binary(maximum)},
      {"minimum(a,b)", binary(minimum)},
      {"where(mask,a,b)", [](const Arguments& a) { return Results{where(a[0], a[1], a[2])}; }},
      {"neg(x)", unary(static_cast<One>(neg))},
      {"abs(x)", unary(static_cast<One>(abs))},
      {"clamp(x,low,high)",
       [](const Arguments& a) {
         constexpr double kInf = std::numeric_limits<double>::infinity();
         return Results{clamp(a[0], a.real("low", -kInf), a.real("high", kInf))};
       }},
      {"exp(x)", unary(static_cast<One>(exp))},
      {"log(x)", unary(static_cast<One>(log))},
      {"sqrt(x)", unary(static_cast<One>(sqrt))},
      {"sin(x)", unary(static_cast<One>(sin))},
      {"cos(x)", unary(static_cast<One>(cos))},
      {"tanh(x)", unary(static_cast<One>(tanh))},
      {"sigmoid(x)", unary(sigmoid)},
      {"relu(x)", unary(relu)},
      {"gelu(x,form)",
       [](const Arguments& a) { return Results{gelu(a[0], a.word("form") == "erf" ? Gelu::kErf : Gelu::kTanh)}; }},
      {"silu(x)", unary(silu)},
      {"gated_tanh(x)", unary(gated_tanh)},
      {"dropout(x,p)", [](const Arguments& a) { return Results{dropout(a[0], a.real("p"))}; }},
  };
}

std::map<std::string, Call> reduction_calls() {
  using Axis = Tensor (*)(const Tensor&, int, bool);
  using Axes = Tensor (*)(const Tensor&, std::initializer_list<int>, bool);
  using All = Tensor (*)(const Tensor&);
  return {
      {"sum(x,axis,keep)", reduction(static_cast<Axis>(sum))},
      {"mean(x,axis,keep)", reduction(static_cast<Axis>(mean))},
      {"max(x,axis,keep)", reduction(static_cast<Axis>(max))},
      {"min(x,axis,keep)", reduction(static_cast<Axis>(min))},
      {"logsumexp(x,axis,keep)", reduction(static_cast<Axis>(logsumexp))},
      {"var(x,axis,keep,correction)",
       [](const Arguments& a) { return Results{var(a[0], a.axis(), a.flag("keep"), a.index("correction"))}; }},
      {"sum(x)", unary(static_cast<All>(sum))},
      {"mean(x)", unary(static_cast<All>(mean))},
      {"max(x)", unary(static_cast<All>(max))},
      {"min(x)", unary(static_cast<All>(min))},
      {"sum(x,axes,keep)", reduction(static_cast<Axes>(sum))},
      {"mean(x,axes,keep)", reduction(static_cast<Axes>(mean))},
      {"max(x,axes,keep)", reduction(static_cast<Axes>(max))},
      {"min(x,axes,keep)", reduction(static_cast<Axes>(min))},
      {"logsumexp(x,axes,keep)", reduction(static_cast<Axes>(logsumexp))},
      {"var(x,axes,keep,correction)",
       [](const Arguments& a) {
         const bool keep = a.flag("keep");
         const Index correction = a.index("correction");
         return Results{with_list(a.indices("axes"),
                                  [&](std::initializer_list<int> axes) { return var(a[0], axes, keep, correction); })};
       }},
      // The indices, as numbers in one row.
      {"argmax(x,axis)",
       [](const Arguments& a) {
         std::vector<double> found;
         for (const std::int32_t i : argmax(a[0], a.axis())) found.push_back(i);
         return Results{Tensor::of({static_cast<Index>(found.size())}, found, a[0].dtype())};
       }},
      {"cumsum(x,axis)", [](const Arguments& a) { return Results{cumsum(a[0], a.axis())}; }},
      {"softmax(x,axis)", [](const Arguments& a) { return Results{softmax(a[0], a.axis())}; }},
      {"log_softmax(x,axis)", [](const Arguments& a) { return Results{log_softmax(a[0], a.axis())}; }},
      {"masked_softmax(x,mask)", binary(masked_softmax)},
      {"layer_norm(x,gamma,beta,eps)",
       [](const Arguments& a) { return Results{layer_norm(a[0], a[1], a[2], a.real("eps"))}; }},
      {"rms_norm(x,gamma,eps)", [](const Arguments& a) { return Results{rms_norm(a[0], a[1], a.real("eps"))}; }},
  };
}

std::map<std::string, Call> shape_calls() {
  return {
      {"reshape(x,sizes)",
       [](const Arguments& a) {
         const std::vector<Index> s = a.indices("sizes");
         switch (s.size()) {
           case 0:
             return Results{reshape(a[0], std::initializer_list<Index>{})};
           case 1:
             return Results{reshape(a[0], {s[0]})};
           case 2:
             return Results{reshape(a[0], {s[0], s[1]})};
           case 3:
             return Results{reshape(a[0], {s[0], s[1], s[2]})};
           case 4:
             return Results{reshape(a[0], {s[0], s[1], s[2], s[3]})};
           default:
             throw Error("reshape: more than four axes; use at most four");
         }
       }},
      {"reshape(x,shape)", [](const Arguments& a) { return Results{reshape(a[0], shape_of(a.indices("shape")))}; }},
      {"permute(x,axes)",
       [](const Arguments& a) {
         return Results{
             with_list(a.indices("axes"), [&](std::initializer_list<int> axes) { return permute(a[0], axes); })};
       }},
      {"transpose(x,axis_a,axis_b)",
       [](const Arguments& a) { return Results{transpose(a[0], a.axis("axis_a"), a.axis("axis_b"))}; }},
      {"slice(x,axis,begin,end)",
       [](const Arguments& a) { return Results{slice(a[0], a.axis(), a.index("begin"), a.index("end"))}; }},
      {"concat(parts,axis)", [](const Arguments& a) { return Results{concat(a.all(), a.axis())}; }},
      {"stack(parts,axis)", [](const Arguments& a) { return Results{stack(a.all(), a.axis())}; }},
      {"split(x,axis,size)",
       [](const Arguments& a) {
         const auto parts = split(a[0], a.axis(), a.index("size"));
         return Results(parts.begin(), parts.end());
       }},
      {"pad(x,axis,before,after,value)",
       [](const Arguments& a) {
         constexpr double kInf = std::numeric_limits<double>::infinity();
         const double value = a.flag("lowest") ? -kInf : a.real("value", 0);
         return Results{pad(a[0], a.axis(), a.index("before"), a.index("after"), value)};
       }},
      {"gather(x,axis,indices)", [](const Arguments& a) { return Results{gather(a[0], a.axis(), a.ids("indices"))}; }},
      {"embedding(table,ids,shape)",
       [](const Arguments& a) { return Results{embedding(a[0], a.ids("ids"), shape_of(a.indices("shape")))}; }},
  };
}

std::map<std::string, Call> loss_calls() {
  return {
      {"cross_entropy(logits,targets)",
       [](const Arguments& a) { return Results{cross_entropy(a[0], a.ids("targets"))}; }},
      {"cross_entropy(logits,targets,options)",
       [](const Arguments& a) {
         CrossEntropyOptions o;
         o.axis = a.axis();
         o.weights = a[1];
         o.ignored = static_cast<std::int32_t>(a.index("ignored"));
         o.reduction = a.reduction();
         o.label_smoothing = a.real("label_smoothing", 0);
         return Results{cross_entropy(a[0], a.ids("targets"), o)};
       }},
      {"distillation_loss(logits,teacher,temperature)",
       [](const Arguments& a) { return Results{distillation_loss(a[0], a[1], a.real("temperature"))}; }},
      {"mse_loss(x,target,reduction)", loss(mse_loss)},
      {"binary_cross_entropy(p,target,reduction)", loss(binary_cross_entropy)},
      {"binary_cross_entropy_with_logits(x,target,reduction)", loss(binary_cross_entropy_with_logits)},
  };
}

// The inputs are q, k, v, mask, bias, or qkv, mask, bias.
AttentionOptions attention_options(const Arguments& a, std::size_t mask) {
  AttentionOptions o;
  o.causal = a.flag("causal");
  o.scale = a.real("scale", 0);
  o.mask = a[mask];
  o.bias = a[mask + 1];
  o.window = a.index("window", 0);
  o.shift = a.index("shift", 0);
  o.softcap = a.real("softcap", 0);
  return o;
}

Call attention_call(Tensor (*f)(const Tensor&, const Tensor&, const Tensor&, const AttentionOptions&, Tensor*)) {
  return [f](const Arguments& a) {
    Tensor weights;
    const bool wanted = a.flag("weights");
    Results results{f(a[0], a[1], a[2], attention_options(a, 3), wanted ? &weights : nullptr)};
    if (wanted) results.push_back(weights);
    return results;
  };
}

std::map<std::string, Call> layer_calls() {
  return {
      {"matmul(a,b,options)",
       [](const Arguments& a) {
         MatmulOptions o;
         o.transpose_a = a.flag("transpose_a");
         o.transpose_b = a.flag("transpose_b");
         o.scale = a.real("scale", 1);
         return Results{matmul(a[0], a[1], o)};
       }},
      {"linear(x,w,bias,addend)", [](const Arguments& a) { return Results{linear(a[0], a[1], a[2], a[3])}; }},
      {"attention(q,k,v,options,weights)", attention_call(attention)},
      {"attention_composite(q,k,v,options,weights)", attention_call(attention_composite)},
      {"attention_packed(qkv,heads,options,key_heads)",
       [](const Arguments& a) {
         return Results{attention_packed(a[0], a.index("heads"), attention_options(a, 1), a.index("key_heads", 0))};
       }},
      {"linear_attention(q,k,v,weights)",
       [](const Arguments& a) {
         Tensor weights;
         const bool wanted = a.flag("weights");
         Results results{linear_attention(a[0], a[1], a[2], wanted ? &weights : nullptr)};
         if (wanted) results.push_back(weights);
         return results;
       }},
      {"rotate(x,offset,base)",
       [](const Arguments& a) { return Results{rotate(a[0], a.index("offset", 0), a.real("base"))}; }},
      {"rotate_heads(x,heads,size,offset,base)",
       [](const Arguments& a) {
         return Results{rotate_heads(a[0], a.index("heads"), a.index("size"), a.index("offset", 0), a.real("base"))};
       }},
      {"rotate(x,cosine,sine,neighbors)",
       [](const Arguments& a) { return Results{rotate(a[0], a[1], a[2], a.flag("neighbors"))}; }},
      {"rnn(x,w,bias,h0)", [](const Arguments& a) { return Results{rnn(a[0], a[1], a[2], a[3])}; }},
      {"gru(x,w,bias,h0)", [](const Arguments& a) { return Results{gru(a[0], a[1], a[2], a[3])}; }},
      {"lstm(x,w,bias,h0,c0,last_cell)",
       [](const Arguments& a) {
         Tensor last;
         const bool wanted = a.flag("last_cell");
         Results results{lstm(a[0], a[1], a[2], a[3], a[4], wanted ? &last : nullptr)};
         if (wanted) results.push_back(last);
         return results;
       }},
      {"conv1d(x,w,bias,options)",
       [](const Arguments& a) {
         Conv1dOptions o;
         o.dilation = a.index("dilation", 1);
         o.groups = a.index("groups", 1);
         return Results{conv1d(a[0], a[1], a[2], o)};
       }},
      {"graph_attention(h,source,target,edges,options)",
       [](const Arguments& a) {
         std::vector<Edge> edges;
         const std::vector<std::int32_t> ends = a.ids("edges");
         for (std::size_t i = 0; i + 1 < ends.size(); i += 2) edges.push_back({ends[i], ends[i + 1]});
         GraphAttentionOptions o;
         o.slope = a.real("slope", o.slope);
         o.self_loops = a.flag("self_loops");
         return Results{graph_attention(a[0], a[1], a[2], edges, o)};
       }},
  };
}

const std::map<std::string, Call>& all_calls() {
  static const std::map<std::string, Call> all = [] {
    std::map<std::string, Call> calls = elementwise_calls();
    for (auto part : {reduction_calls(), shape_calls(), loss_calls(), layer_calls()}) calls.merge(part);
    return calls;
  }();
  return all;
}

}  // namespace

std::vector<Tensor> call(const std::string& declaration, const Arguments& arguments) {
  const auto found = all_calls().find(declaration);
  if (found == all_calls().end())
    throw Error(cat(declaration, ": tests/conformance/operations.cpp has no such call; add one"));
  Results results = found->second(arguments);
  arguments.check_all_read();
  return results;
}

}  // namespace headlight::conformance
