#include "search/event.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/json.h"
#include "support/sample_events.h"

namespace coppice::search {
namespace {

using testing::AllKinds;
using testing::RandomEvent;

// Decodes with the texts that were encoded with it.
Result<Event> Back(const EncodedEvent& row) {
  const FindText text = [&](const std::string& digest) -> Result<std::string> {
    auto found = row.texts.find(digest);
    if (found != row.texts.end()) return found->second;
    return Error{.code = ErrorCode::kIo, .what = "no text " + digest};
  };
  return Decode(row, text);
}

// SPEC §4, field by field: what is written today must be read for ever.
TEST_CASE("bodies are canonical JSON with the field names of the contract") {
  const std::vector<std::string> expected = {
      R"({"base":"0101010101010101010101010101010101010101","coppice":"0.1.0",)"
      R"("format":1,"lock":{"sha256":"@lock"},"run":"20260901-223015-kqa",)"
      R"("seed":7,"spec":{"sha256":"@spec"},"spec_sha256":"5bec"})",
      R"({"arm":"edits","attempt":3,"chain":1,"history":"withheld",)"
      R"("idea":"try","op":"merge","parents":[1,2]})",
      R"({"attempt":3,"model":"m","prompt":[{"sha256":"@rules"},)"
      R"({"sha256":"@prompt"}],"reserve_usd":0.5,"role":"propose",)"
      R"("speakers":"su","turn":1})",
      R"({"attempt":3,"changes":[{"content":{"sha256":"@content"},)"
      R"("path":"a.c"},{"content":null,"path":"b.c"},{"content":"",)"
      R"("path":"c.c"}],"flags":["exit 1"],"ms":1500.001,)"
      R"("plan":{"idea":"hoist"},"stop":"complete",)"
      R"("text":{"sha256":"@answer"},"turn":1,)"
      R"("usage":{"cached":3,"input":1,"output":2},"usd":0.25})",
      R"({"attempt":3,"outcome":"scope_violation","reason":"why","usd":0.1})",
      R"({"added":12,"attempt":3,)"
      R"("commit":"0202020202020202020202020202020202020202",)"
      R"("files":[{"added":9,"path":"a.c","removed":3},{"added":3,)"
      R"("created":true,"path":"b.c","removed":0},{"added":0,)"
      R"("deleted":true,"path":"c.c","removed":4}],"flags":["f"],)"
      R"("matched":"indent+4","message":"hoist\n","needs":["numpy"],)"
      R"("patch":{"sha256":"@patch"},"plan":{"alternatives":"al",)"
      R"("bottleneck":"bo","category":"ca","expect":"ex","idea":"id",)"
      R"("lesson":"le","needs":["ne"],"risk":"ri"},"removed":7,"time":99,)"
      R"("tree":"0303030303030303030303030303030303030303"})",
      R"({"cached":true,"cpu_ms":250.5,"exit":2,"failure":{"log":"l",)"
      R"("outcome":"timeout","phase":"check","reason":"r","signature":"s",)"
      R"("tail":{"sha256":"@tail"},"verdict":"timeout"},)"
      R"("host":{"load":1.25,"pressure":0.5,"steal":0.03,"swap_ins":7,)"
      R"("throttled":2},"leaked":true,)"
      R"("log":"nodes/3/eval.log","metrics":{"mb":81.0,"seconds":9.87},)"
      R"("ms":1000.0,"node":3,"noisy_host":true,"phase":"confirm",)"
      R"("rss_kb":1024,"sample":4,)"
      R"("signal":9,"slot":1,"truncated":true,"verdict":"crashed","versus":2})",
      R"({"flags":["suspicious"],"gain":{"baseline":0.31,"best":0.2,)"
      R"("parent":0.1},"log":"l","node":3,"outcome":"improved",)"
      R"("reason":"r","seconds":{"build":3.1,"checks":2.0},"sigma":0.05,)"
      R"("signature":"s","tail":{"sha256":"@tail"},"value":9.87})",
      R"({"directive":"{}"})",
      R"({"dependency":"numpy"})",
      R"({"attempt":5,"kind":"canary","text":"t"})",
      R"({"cause":"disk","class":"outage","detail":"d"})",
      R"({"coppice":"0.2.0","drift":["cpu"],"spec":{"sha256":"@budget"}})",
      R"({"confirmed":true,"finalists":[{"node":3,"values":[9.8,9.9]}],)"
      R"("gain":0.2,"sigma":0.05,"winner":3,"word":"high"})",
      R"({"branch":"optimize/x",)"
      R"("commits":["0404040404040404040404040404040404040404"],)"
      R"("mode":"squash","node":3})",
      R"({"exit":3,"reason":"plateau"})"};
  const std::vector<Event> events = AllKinds();
  REQUIRE(events.size() == expected.size());
  REQUIRE(events.size() == std::variant_size_v<Event>);
  for (std::size_t i = 0; i < events.size(); ++i) {
    REQUIRE(events[i].index() == i);
    EncodedEvent row = Encode(events[i]);
    CAPTURE(row.kind);
    for (const auto& [digest, text] : row.texts) {
      CHECK(digest == Sha256Hex(text));
      const std::size_t at = row.body.find(digest);
      REQUIRE(at != std::string::npos);
      row.body.replace(at, digest.size(), text);
    }
    CHECK(row.body == expected[i]);
  }
}

TEST_CASE("a row says its kind and the attempt it is about") {
  const std::vector<Event> events = AllKinds();
  const char* kinds[] = {"started",  "selected",  "asked",    "answered",
                         "rejected", "committed", "sampled",  "evaluated",
                         "told",     "approved",  "noted",    "paused",
                         "resumed",  "final",     "exported", "stopped"};
  const std::set<std::string> without{"started", "told",  "approved", "paused",
                                      "resumed", "final", "stopped"};
  for (std::size_t i = 0; i < events.size(); ++i) {
    const EncodedEvent row = Encode(events[i]);
    CHECK(row.kind == kinds[i]);
    CHECK(KindOf(events[i]) == row.kind);
    CHECK(row.attempt.has_value() != without.contains(row.kind));
  }
  CHECK(Encode(events[7]).attempt == 3);
}

TEST_CASE("every event comes back as it was") {
  Rng rng(1);
  std::vector<Event> events = AllKinds();
  for (int i = 0; i < 5000; ++i) events.push_back(RandomEvent(rng));
  for (const Event& event : events) {
    const EncodedEvent row = Encode(event);
    CAPTURE(row.body);
    const Result<Event> back = Back(row);
    REQUIRE(back.has_value());
    REQUIRE(back->index() == event.index());
    const EncodedEvent again = Encode(*back);
    REQUIRE(again.body == row.body);
    REQUIRE(again.texts == row.texts);
    REQUIRE(again.attempt == row.attempt);
    REQUIRE(DumpCanonical(*ParseJson(row.body, "body")) == row.body);
  }
}

TEST_CASE("texts are kept byte for byte, other strings become valid UTF-8") {
  using std::string_literals::operator""s;
  const std::string odd = "caf\xe9 \0 \xff\xfe \xc3\xa9"s;
  Committed committed;
  committed.patch = odd;
  committed.matched = odd;
  const Result<Event> back = Back(Encode(committed));
  REQUIRE(back.has_value());
  const auto& got = std::get<Committed>(*back);
  CHECK(got.patch == odd);
  CHECK(got.matched == "caf\xef\xbf\xbd \0 \xef\xbf\xbd\xef\xbf\xbd \xc3\xa9"s);
}

TEST_CASE("durations are kept to the microsecond") {
  Sampled sampled;
  for (const double seconds : {0.000001, 0.123457, 3.1, 86400.000001}) {
    sampled.sample.seconds = seconds;
    const Result<Event> back = Back(Encode(sampled));
    REQUIRE(back.has_value());
    CHECK(std::get<Sampled>(*back).sample.seconds == seconds);
  }
}

TEST_CASE(
    "numbers come back to the last bit, and those that are none as none") {
  Evaluated evaluated;
  evaluated.value = 0.1 + 0.2;
  evaluated.sigma = std::numeric_limits<double>::denorm_min();
  evaluated.gain =
      Gain{.parent = std::nan(""), .best = -0.0, .baseline = 1e300};
  const Result<Event> back = Back(Encode(evaluated));
  REQUIRE(back.has_value());
  const auto& got = std::get<Evaluated>(*back);
  CHECK(got.value == 0.1 + 0.2);
  CHECK(got.sigma == std::numeric_limits<double>::denorm_min());
  CHECK(std::isnan(got.gain->parent));
  CHECK(std::signbit(got.gain->best));
  CHECK(got.gain->baseline == 1e300);
  evaluated.value.reset();
  evaluated.gain.reset();
  const Result<Event> none = Back(Encode(evaluated));
  REQUIRE(none.has_value());
  CHECK_FALSE(std::get<Evaluated>(*none).value);
  CHECK_FALSE(std::get<Evaluated>(*none).gain);
}

TEST_CASE("fields that a later version adds are ignored") {
  for (const Event& event : AllKinds()) {
    EncodedEvent row = Encode(event);
    Json body = *ParseJson(row.body, "body");
    body["zeal"] = {{"new", true}};
    EncodedEvent later = row;
    later.body = DumpCanonical(body);
    const Result<Event> back = Back(later);
    REQUIRE(back.has_value());
    CHECK(Encode(*back).body == row.body);
  }
}

TEST_CASE("a missing field is an error that names it and the kind") {
  const std::set<std::string> optional{
      "versus",  "seen",  "role",    "speakers", "failure",   "leaked",
      "attempt", "added", "removed", "host",     "truncated", "noisy_host"};
  for (const Event& event : AllKinds()) {
    const EncodedEvent row = Encode(event);
    const Json body = *ParseJson(row.body, "body");
    for (const auto& [name, value] : body.items()) {
      CAPTURE(row.kind);
      CAPTURE(name);
      Json less = body;
      less.erase(name);
      EncodedEvent torn = row;
      torn.body = DumpCanonical(less);
      const Result<Event> back = Back(torn);
      if (back) {
        CHECK(optional.contains(name));
        continue;
      }
      CHECK(back.error().what ==
            fmt::format("a record \"{}\" lacks the field \"{}\"", row.kind,
                        name));
    }
  }
}

TEST_CASE("a field of another type is an error that names it") {
  for (const Event& event : AllKinds()) {
    const EncodedEvent row = Encode(event);
    const Json body = *ParseJson(row.body, "body");
    for (const auto& [name, value] : body.items()) {
      if (row.kind == "committed" && (name == "added" || name == "removed")) {
        continue;  // for readers of the file; coppice adds up the files
      }
      CAPTURE(row.kind);
      CAPTURE(name);
      EncodedEvent torn = row;
      Json other = body;
      other[name] = value.is_boolean() ? Json("maybe") : Json(true);
      torn.body = DumpCanonical(other);
      const Result<Event> back = Back(torn);
      REQUIRE_FALSE(back.has_value());
      CHECK(back.error().code == ErrorCode::kIo);
      CHECK(back.error().what.find(row.kind) != std::string::npos);
    }
  }
}

TEST_CASE("an unknown kind, a torn body and a lost text are errors") {
  EncodedEvent row = Encode(AllKinds()[1]);
  row.kind = "dreamt";
  CHECK(Back(row).error().what == "unknown kind of record \"dreamt\"");
  row = Encode(AllKinds()[1]);
  for (std::size_t n = 0; n < row.body.size(); ++n) {
    EncodedEvent torn = row;
    torn.body.resize(n);
    CHECK_FALSE(Back(torn).has_value());
  }
  row.body = "[]";
  CHECK(Back(row).error().what == "a record \"selected\" is no object");
  row = Encode(AllKinds()[0]);
  const std::string digest = row.texts.begin()->first;
  row.texts.erase(digest);
  CHECK(Back(row).error().what == "no text " + digest);
}

TEST_CASE("numbers that do not fit are refused") {
  EncodedEvent row = Encode(AllKinds()[15]);
  row.body = R"({"exit":4294967296,"reason":"x"})";
  CHECK_FALSE(Back(row).has_value());
  row.body = R"({"exit":18446744073709551615,"reason":"x"})";
  CHECK_FALSE(Back(row).has_value());
}

TEST_CASE("a sample by itself carries its texts") {
  const auto sampled = std::get<Sampled>(AllKinds()[6]);
  const std::string body = EncodeSample(sampled.sample);
  const Result<eval::Sample> back = DecodeSample(body);
  REQUIRE(back.has_value());
  CHECK(back->failure->tail == sampled.sample.failure->tail);
  CHECK(EncodeSample(*back) == body);
  CHECK_FALSE(DecodeSample("{}").has_value());
}

}  // namespace
}  // namespace coppice::search
