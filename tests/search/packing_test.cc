#include "search/packing.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"

namespace coppice::search {
namespace {

struct Part {
  int count = 0;
  bool set = false;
  double share = 0;
};

struct Thing {
  AttemptId id;
  std::int64_t near = 0;
  double real = 0;
  std::string text;
  Interned name;
  std::string path;
  bool flag = false;
  std::optional<double> maybe;
  std::vector<Part> parts;
};

template <class Io, class T>
void Fields(Io& io, T& thing) {
  io.Number(thing.id);
  io.Near(thing.near, thing.id.value());
  io.Number(thing.real);
  io.Text(thing.text);
  io.Name(thing.name);
  io.Path(thing.path, AttemptId(12));
  io.Flag(thing.flag);
  io.Maybe(thing.maybe, [&](auto& value) { io.Number(value); });
  io.Each(thing.parts, [&](auto& part) {
    io.Number(part.count);
    io.Flag(part.set);
    io.Number(part.share);
  });
}

std::size_t SizeOf(double x) {
  std::string out;
  PutReal(out, x);
  return out.size();
}

bool ComesBack(double x) {
  std::string out;
  PutReal(out, x);
  std::string_view rest = out;
  const double back = TakeReal(rest);
  return rest.empty() &&
         std::bit_cast<std::uint64_t>(back) == std::bit_cast<std::uint64_t>(x);
}

}  // namespace

TEST_CASE("every bit of a packed number comes back") {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (double x : {0.0, -0.0, 1.0, -1.0, 0.1, 99155.0, 0.0006, -0.528, 1e-9,
                   1e300, 5e-324, kInfinity, -kInfinity, std::nan("")}) {
    CAPTURE(x);
    CHECK(ComesBack(x));
  }
  Rng rng(3);
  for (int i = 0; i < 10000; ++i) {
    const std::uint64_t bits = rng.Next();
    CAPTURE(bits);
    CHECK(ComesBack(std::bit_cast<double>(bits)));
    CHECK(ComesBack(static_cast<double>(bits % 1000000) / 1e6));
  }
  for (std::int64_t x :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 62,
        std::numeric_limits<std::int64_t>::min(),
        std::numeric_limits<std::int64_t>::max()}) {
    CAPTURE(x);
    std::string out;
    PutWhole(out, Folded(x));
    std::string_view rest = out;
    CHECK(Unfolded(TakeWhole(rest)) == x);
    CHECK(rest.empty());
  }
}

TEST_CASE("a number of few decimals takes few bytes") {
  CHECK(SizeOf(0.25) <= 2);
  CHECK(SizeOf(0.004426) <= 3);
  CHECK(SizeOf(99155) <= 4);
  CHECK(SizeOf(1.0 / 3) == 9);
}

TEST_CASE("packed records come back one after the other") {
  NameTable names;
  const std::vector<Thing> things = {
      {},
      {.id = AttemptId(7),
       .near = 5,
       .real = 1.5,
       .text = "a text",
       .name = "name",
       .path = "nodes/12/eval.log",
       .flag = true,
       .maybe = 0.0,
       .parts = {{.count = -3, .set = true, .share = 0.1}, {}}},
      {.id = AttemptId(0),
       .near = 0,
       .real = -2,
       .text = std::string(1000, 'x'),
       .name = "other",
       .path = "elsewhere/eval.log",
       .flag = false,
       .maybe = 3.25,
       .parts = {{}}}};
  std::string packed;
  for (const Thing& thing : things) {
    Packer packer(names);
    Fields(packer, thing);
    packer.AppendTo(packed);
  }
  CHECK(packed.size() < 1100);
  std::string_view rest = packed;
  for (const Thing& thing : things) {
    Thing back;
    Unpacker unpacker(names, rest);
    Fields(unpacker, back);
    CHECK(back.id == thing.id);
    CHECK(back.near == thing.near);
    CHECK(back.real == thing.real);
    CHECK(back.text == thing.text);
    CHECK(back.name == thing.name);
    CHECK(back.path == thing.path);
    CHECK(back.flag == thing.flag);
    CHECK(back.maybe == thing.maybe);
    REQUIRE(back.parts.size() == thing.parts.size());
    for (std::size_t i = 0; i < back.parts.size(); ++i) {
      CHECK(back.parts[i].count == thing.parts[i].count);
      CHECK(back.parts[i].set == thing.parts[i].set);
      CHECK(back.parts[i].share == thing.parts[i].share);
    }
  }
  CHECK(rest.empty());
}

}  // namespace coppice::search
