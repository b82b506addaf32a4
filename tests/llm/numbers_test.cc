#include "llm/numbers.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/text.h"
#include "llm/knobs.h"

namespace coppice::llm {
namespace {

std::string Changed(std::string_view literal, NumberChange change) {
  return ChangedNumber(literal, change).value_or("-");
}

TEST_CASE("whole numbers stay whole") {
  CHECK(Changed("64", NumberChange::kHalf) == "32");
  CHECK(Changed("65", NumberChange::kHalf) == "32");
  CHECK(Changed("64", NumberChange::kTenthLess) == "58");
  CHECK(Changed("64", NumberChange::kTenthMore) == "70");
  CHECK(Changed("1'000u", NumberChange::kDouble) == "2000u");
  CHECK(Changed("0", NumberChange::kOneMore) == "1");
  CHECK(Changed("0", NumberChange::kOneLess) == "-1");
  CHECK(Changed("-7i64", NumberChange::kNegate) == "7i64");
  CHECK(Changed("1_000", NumberChange::kNegate) == "-1000");
}

TEST_CASE("real numbers stay real and short") {
  CHECK(Changed("0.7", NumberChange::kTenthMore) == "0.77");
  CHECK(Changed("0.5f", NumberChange::kHalf) == "0.25f");
  CHECK(Changed("2.5", NumberChange::kDouble) == "5.0");
  CHECK(Changed("1e-3", NumberChange::kHalf) == "0.0005");
  CHECK(Changed("-1.5", NumberChange::kNegate) == "1.5");
  CHECK(Changed("1.", NumberChange::kOneLess) == "0.0");
}

TEST_CASE("numbers that would not change, or are not understood, are left") {
  CHECK_FALSE(ChangedNumber("0", NumberChange::kDouble));
  CHECK_FALSE(ChangedNumber("0", NumberChange::kNegate));
  CHECK_FALSE(ChangedNumber("3", NumberChange::kTenthMore));
  CHECK_FALSE(ChangedNumber("0.0", NumberChange::kHalf));
  CHECK_FALSE(ChangedNumber("5px", NumberChange::kHalf));
  CHECK_FALSE(ChangedNumber("9223372036854775807", NumberChange::kDouble));
  CHECK_FALSE(ChangedNumber("99999999999999999999", NumberChange::kHalf));
  CHECK_FALSE(ChangedNumber("1e999", NumberChange::kHalf));
}

spec::Knob Listed() {
  spec::Knob knob;
  knob.name = "B";
  knob.pattern = R"(B = (\d+);)";
  knob.values = {"16", "32", "64"};
  return knob;
}

TEST_CASE("other values are all the values but the current one") {
  Rng rng(1);
  const spec::Knob knob = Listed();
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) seen.insert(*OtherValue(knob, "32", rng));
  CHECK(seen == std::set<std::string>{"16", "64"});
  seen.clear();
  for (int i = 0; i < 200; ++i) seen.insert(*OtherValue(knob, "5", rng));
  CHECK(seen.size() == 3);
}

TEST_CASE("a neighbour is one step away in the list") {
  Rng rng(1);
  const spec::Knob knob = Listed();
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    if (auto value = NeighbourValue(knob, "16", rng)) seen.insert(*value);
  }
  CHECK(seen == std::set<std::string>{"32"});
  CHECK_FALSE(NeighbourValue(knob, "17", rng));
}

TEST_CASE("ranges give numbers within them, of their type and scale") {
  Rng rng(1);
  spec::Knob knob;
  knob.name = "r";
  knob.range = {1, 4};
  knob.integer = true;
  std::set<std::string> seen;
  for (int i = 0; i < 300; ++i) seen.insert(*OtherValue(knob, "2", rng));
  CHECK(seen == std::set<std::string>{"1", "3", "4"});

  knob.integer = false;
  knob.logarithmic = true;
  knob.range = {1e-4, 1};
  int below = 0;
  for (int i = 0; i < 400; ++i) {
    const double value = *ParseNumber(*OtherValue(knob, "0.5", rng));
    CHECK(value >= 1e-4);
    CHECK(value <= 1);
    below += value < 1e-2;
  }
  CHECK(below > 150);  // half of the scale, not a hundredth
  CHECK(below < 250);
  for (int i = 0; i < 50; ++i) {
    const double step = *ParseNumber(*NeighbourValue(knob, "0.01", rng));
    CHECK((step == doctest::Approx(0.02512).epsilon(0.01) ||
           step == doctest::Approx(0.003981).epsilon(0.01)));
  }
  CHECK(*ParseNumber(*NeighbourValue(knob, "7", rng)) <= 1);
}

}  // namespace
}  // namespace coppice::llm
