// Tests that parameters() finds unregistered layers inside a model and ignores layers outside the model.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <thread>

#include "headlight/nn/dropout.h"
#include "headlight/nn/linear.h"
#include "headlight/optim/optimizer.h"
#include "support/expect_error.h"

namespace headlight::tests {
namespace {

struct PlainMember : Module {
  Child<Linear> up{this, "up", 2, 3};
  Linear down{3, 2};
};

TEST(Registration, APlainMemberIsAnError) {
  PlainMember model;
  for (const std::string& message : {error_of([&] { model.parameters(); }), error_of([&] { model.zero_grad(); }),
                                     error_of([&] { AdamW(model.parameters(), {}); })}) {
    EXPECT_TRUE(contains(message, "module: a member headlight::Linear of ")) << message;
    EXPECT_TRUE(contains(message, "PlainMember")) << message;
    EXPECT_TRUE(
        contains(message, "is not registered; declare it as Child<headlight::Linear> name{this, \"name\", ...}"));
  }
}

struct PlainFirst : Module {
  Linear down{3, 2};
  Param gain{this, "gain", {2}, Init::ones()};
};
struct InOptional : Module {
  ChildList<Linear> all{this, "all", 1, 2, 2};
  std::optional<Linear> extra;
};
struct OnlyPlain : Module {
  Linear inner{2, 2};
};
struct AroundOnlyPlain : Module {
  Child<OnlyPlain> part{this, "part"};
};
struct Inherits : Linear {
  Child<Linear> more{this, "more", 2, 2};
  Linear forgotten{2, 2};
  Inherits() : Linear(2, 2) {}
};

TEST(Registration, WhereverThePlainMemberStands) {
  EXPECT_TRUE(contains(error_of([] { PlainFirst().parameters(); }), "Linear of "));
  EXPECT_TRUE(contains(error_of([] { Inherits().parameters(); }), "Linear of "));
  EXPECT_TRUE(contains(error_of([] { std::make_unique<PlainFirst>()->parameters(); }), "Linear of "));
  const std::string inner = error_of([] { AroundOnlyPlain().parameters(); });
  EXPECT_TRUE(contains(inner, "OnlyPlain")) << inner;
  EXPECT_FALSE(contains(inner, "AroundOnlyPlain")) << "not the innermost owner: " << inner;
  InOptional model;
  EXPECT_EQ(model.parameters().size(), 2u);
  model.extra.emplace(2, 2);
  EXPECT_TRUE(contains(error_of([&] { model.parameters(); }), "Linear of "));
  model.extra.reset();
  EXPECT_EQ(model.parameters().size(), 2u);
}

// ---- layers on the heap ----

struct Forgetful : Module {
  Child<Linear> up{this, "up", 2, 3};
  std::vector<std::unique_ptr<Linear>> layers;
  explicit Forgetful(bool registers) {
    for (const char* name : {"a", "b"}) {
      layers.push_back(std::make_unique<Linear>(3, 3));
      if (registers) adopt(name, *layers.back());
    }
  }
};
struct AroundForgetful : Module {
  Child<Forgetful> part;
  explicit AroundForgetful(bool registers) : part{this, "part", registers} {}
};

TEST(Registration, AForgottenLayerOnTheHeapOfAChildIsAnError) {
  const AroundForgetful model(false);
  const std::string message = error_of([&] { model.parameters(); });
  EXPECT_TRUE(contains(message, "module: a headlight::Linear made by the constructor of ")) << message;
  EXPECT_TRUE(contains(message, "Forgetful is not registered; call adopt(\"name\", module) for it there")) << message;
}

TEST(Registration, AdoptedLayersAreWalked) {
  std::string names;
  for (const NamedTensor& p : AroundForgetful(true).parameters()) names += p.name + " ";
  EXPECT_EQ(names, "part.up.weight part.up.bias part.a.weight part.a.bias part.b.weight part.b.bias ");
  EXPECT_EQ(Forgetful(true).parameters().size(), 6u);
}

// ---- no false reports ----

struct Stateless : Module {
  Child<Linear> up{this, "up", 2, 3};
  Dropout drop{0.1};  // has no parameters
};
struct Frozen : Module {
  Child<Linear> up{this, "up", 2, 3};
  Linear teacher{2, 3};
  Frozen() {
    teacher.weight.value().set_requires_grad(false);
    teacher.bias->value().set_requires_grad(false);
  }
};
struct MeasuresATemporary : Module {
  Index measured = Linear(4, 4).parameter_count();
  Child<Linear> up{this, "up", 2, 3};
};
struct Watches : Module {
  const Linear* other;
  Child<Linear> up{this, "up", 2, 3};
  explicit Watches(const Linear* watched) : other(watched) {}
};
struct AroundWatches : Module {
  Child<Watches> part;
  explicit AroundWatches(const Linear* watched) : part{this, "part", watched} {}
};

TEST(Registration, LayersWithoutTrainedParametersMayBePlainMembers) {
  EXPECT_EQ(Stateless().parameters().size(), 2u);
  EXPECT_EQ(Frozen().parameters().size(), 2u);
  EXPECT_EQ(MeasuresATemporary().parameters().size(), 2u);
}

TEST(Registration, ModulesBesideEachOtherAreLeftAlone) {
  const Linear before(2, 2);
  const Stateless model;
  const Linear after(2, 2);
  const AroundWatches watching(&before);
  const auto heap = std::make_unique<const Linear>(2, 2);
  struct {
    Linear first{2, 2}, second{2, 2};
    Stateless third;
    Linear fourth{2, 2};
  } side_by_side;
  EXPECT_EQ(model.parameters().size(), 2u);
  EXPECT_EQ(watching.parameters().size(), 2u);
  EXPECT_EQ(side_by_side.first.parameters().size(), 2u);
  EXPECT_EQ(side_by_side.second.parameters().size(), 2u);
  EXPECT_EQ(side_by_side.third.parameters().size(), 2u);
  for (const Linear* layer : std::initializer_list<const Linear*>{&before, &after, heap.get(), &side_by_side.fourth})
    EXPECT_EQ(layer->parameters().size(), 2u);
}

// While this object is constructed, another thread constructs a root module.
struct Slow : Module {
  Child<Linear> up{this, "up", 2, 3};
  explicit Slow(std::unique_ptr<Linear>& root) {
    std::thread([&] { root = std::make_unique<Linear>(2, 2); }).join();
  }
};
struct AroundSlow : Module {
  Child<Slow> part;
  explicit AroundSlow(std::unique_ptr<Linear>& root) : part{this, "part", root} {}
};

TEST(Registration, ModulesOfOtherThreadsAreLeftAlone) {
  std::unique_ptr<Linear> root;
  const AroundSlow model(root);
  EXPECT_EQ(model.parameters().size(), 2u);
  EXPECT_EQ(root->parameters().size(), 2u);
}

TEST(Registration, AConstructorThatThrowsLeavesNothingBehind) {
  struct Throws : Module {
    Linear inner{2, 2};
    Throws() { fail("here"); }
  };
  EXPECT_EQ(error_of([] { Throws(); }), "here");
  const Stateless model;  // may have the same address as the object before
  EXPECT_EQ(model.parameters().size(), 2u);
}

// ---- calls through a Child ----

struct Counter : Module {
  mutable int calls = 0;
  int operator()(int& state) const { return state += 1; }
  int operator()(std::unique_ptr<int> owned) const { return *owned; }
  const int& operator()(const char*) const { return calls; }
};
struct Remembers : Module {
  int last = 0;
  int operator()(int x) { return std::exchange(last, x); }  // not const: the layer keeps a state
};
struct Calls : Module {
  Child<Counter> one{this, "one"};
  ChildList<Counter> many{this, "many", 2};
  Child<Remembers> remembers{this, "remembers"};
  ChildList<Remembers> list{this, "list", 2};
};

TEST(Child, ForwardsItsArguments) {
  Calls model;
  const Calls& constant = model;
  int state = 5;
  EXPECT_EQ(model.one(state), 6);
  EXPECT_EQ(constant.one(state), 7);
  EXPECT_EQ(model.many[1](state), 8);
  EXPECT_EQ(constant.many[0](state), 9);
  for (const Child<Counter>& each : constant.many) each(state);
  EXPECT_EQ(state, 11);
  EXPECT_EQ(model.one(std::make_unique<int>(3)), 3);
  EXPECT_EQ(constant.many[1](std::make_unique<int>(4)), 4);
  EXPECT_EQ(&constant.one("the address"), &constant.one->calls);  // a result that is a reference remains a reference
}

TEST(Child, CallsALayerThatIsNotConst) {
  Calls model;
  EXPECT_EQ(model.remembers(7), 0);
  EXPECT_EQ(model.remembers(8), 7);
  model.list[1](3);
  EXPECT_EQ(model.list[1](0), 3);
}

struct TakesAReference : Module {
  TakesAReference(int& count, Index number) { count += static_cast<int>(number) + 1; }
};
struct MakesSeveral : Module {
  ChildList<TakesAReference> plain;
  explicit MakesSeveral(int& count) : plain{this, "plain", 3, kWithIndex, count} {}
};

TEST(Child, AListPassesAMutableArgumentToEachConstructor) {
  int count = 0;
  const MakesSeveral model(count);
  EXPECT_EQ(count, 1 + 2 + 3);
}

}  // namespace
}  // namespace headlight::tests
