#include "support/sample_events.h"

#include <cmath>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

namespace coppice::search {
namespace {

ObjectId Filled(std::uint8_t byte) {
  ObjectId id;
  id.bytes.fill(byte);
  return id;
}

std::string RandomString(Rng& rng) {
  static const char* const kPieces[] = {"",
                                        "a",
                                        "\n",
                                        "\"",
                                        "\\",
                                        "\t",
                                        "\x01",
                                        "\xff",
                                        "\xc3\xa9",
                                        "\xc3",
                                        "\xf0\x9f\x8c\xb3",
                                        "</>",
                                        "\xed\xa0\x80",
                                        "{\"sha256\":\"x\"}",
                                        "\x7f",
                                        "\r\n"};
  std::string text;
  for (std::uint64_t n = rng.Below(5); n > 0; --n) {
    text += kPieces[rng.Below(std::size(kPieces))];
    if (rng.Chance(0.1)) text.push_back('\0');
  }
  return text;
}

double RandomNumber(Rng& rng) {
  switch (rng.Below(6)) {
    case 0:
      return 0;
    case 1:
      return static_cast<double>(rng.Below(100));
    case 2:
      return -rng.Normal();
    case 3:
      return std::ldexp(rng.Normal(), static_cast<int>(rng.Below(2000)) - 1000);
    case 4:
      return NAN;
    default:
      return 1.0 / (1 + static_cast<double>(rng.Below(1000)));
  }
}

int RandomInt(Rng& rng) { return static_cast<int>(rng.Next()); }

template <class E>
E RandomOf(Rng& rng, int count) {
  return static_cast<E>(rng.Below(static_cast<std::uint64_t>(count)));
}

AttemptId RandomAttempt(Rng& rng) {
  return AttemptId(static_cast<std::int64_t>(rng.Below(1u << 30)));
}

ObjectId RandomId(Rng& rng) {
  return Filled(static_cast<std::uint8_t>(rng.Next()));
}

template <class Make>
auto RandomList(Rng& rng, const Make& make) {
  std::vector<decltype(make(rng))> list;
  for (std::uint64_t n = rng.Below(3); n > 0; --n) list.push_back(make(rng));
  return list;
}

double RandomSeconds(Rng& rng) {
  return static_cast<double>(rng.Below(1'000'000'000)) / 1e6;
}

llm::Utterance RandomUtterance(Rng& rng) {
  return {static_cast<llm::Speaker>(rng.Below(3)), RandomString(rng)};
}

std::vector<llm::Utterance> RandomPrompt(Rng& rng) {
  return RandomList(rng, RandomUtterance);
}

llm::Plan RandomPlan(Rng& rng) {
  return {.idea = RandomString(rng),
          .category = RandomString(rng),
          .bottleneck = RandomString(rng),
          .alternatives = RandomString(rng),
          .expect = RandomString(rng),
          .risk = RandomString(rng),
          .needs = RandomList(rng, RandomString),
          .lesson = RandomString(rng)};
}

FileChange RandomChange(Rng& rng) {
  FileChange change{.path = RandomString(rng), .content = {}};
  if (rng.Chance(0.7)) change.content = RandomString(rng);
  return change;
}

FileStat RandomStat(Rng& rng) {
  return {.path = RandomString(rng),
          .added = static_cast<int>(rng.Below(1000)),
          .removed = static_cast<int>(rng.Below(1000)),
          .created = rng.Chance(0.5),
          .deleted = rng.Chance(0.5)};
}

eval::Failure RandomFailure(Rng& rng) {
  eval::Failure failure{.verdict = RandomOf<Verdict>(rng, 7),
                        .phase = RandomOf<EvalPhase>(rng, 7),
                        .reason = RandomString(rng),
                        .signature = RandomString(rng),
                        .tail = RandomString(rng),
                        .log = RandomString(rng)};
  if (rng.Chance(0.5)) failure.outcome = RandomOf<Outcome>(rng, 17);
  return failure;
}

eval::Sample RandomSample(Rng& rng) {
  eval::Sample sample{.index = RandomInt(rng),
                      .phase = RandomOf<SamplePhase>(rng, 7),
                      .verdict = RandomOf<Verdict>(rng, 7),
                      .exit_code = RandomInt(rng),
                      .signal = RandomInt(rng),
                      .seconds = RandomSeconds(rng),
                      .cpu_seconds = RandomSeconds(rng),
                      .rss_kb = static_cast<std::int64_t>(rng.Next()),
                      .slot = RandomInt(rng),
                      .cached = rng.Chance(0.5),
                      .leaked = rng.Chance(0.5),
                      .truncated = rng.Chance(0.5),
                      .noisy_host = rng.Chance(0.5),
                      .log = RandomString(rng)};
  for (std::uint64_t n = rng.Below(4); n > 0; --n) {
    sample.metrics["m" + std::to_string(n)] = RandomNumber(rng);
  }
  if (rng.Chance(0.5)) sample.failure = RandomFailure(rng);
  if (rng.Chance(0.5)) {
    sample.host = {.steal = RandomNumber(rng),
                   .swap_ins = RandomInt(rng),
                   .load = RandomNumber(rng)};
  }
  return sample;
}

Event RandomProposalEvent(Rng& rng) {
  switch (rng.Below(5)) {
    case 0:
      return Selected{.attempt = RandomAttempt(rng),
                      .op = RandomOf<Operator>(rng, 5),
                      .parents = RandomList(rng, RandomAttempt),
                      .arm = RandomString(rng),
                      .chain = RandomInt(rng),
                      .history_withheld = rng.Chance(0.5),
                      .idea = RandomString(rng)};
    case 1:
      return Asked{.attempt = RandomAttempt(rng),
                   .turn = RandomInt(rng),
                   .model = RandomString(rng),
                   .reserve_usd = RandomNumber(rng),
                   .reserve_tokens = RandomInt(rng),
                   .prompt = RandomPrompt(rng)};
    case 2:
      return Answered{.attempt = RandomAttempt(rng),
                      .turn = RandomInt(rng),
                      .text = RandomString(rng),
                      .plan = RandomPlan(rng),
                      .changes = RandomList(rng, RandomChange),
                      .flags = RandomList(rng, RandomString),
                      .usage = {.usd = RandomNumber(rng),
                                .input = static_cast<std::int64_t>(rng.Next()),
                                .seconds = RandomSeconds(rng)},
                      .stop = RandomString(rng)};
    case 3:
      return Rejected{.attempt = RandomAttempt(rng),
                      .outcome = RandomOf<Outcome>(rng, 17),
                      .reason = RandomString(rng),
                      .usd = RandomNumber(rng)};
    default:
      return Committed{.attempt = RandomAttempt(rng),
                       .commit = RandomId(rng),
                       .tree = RandomId(rng),
                       .plan = RandomPlan(rng),
                       .message = RandomString(rng),
                       .time = static_cast<std::int64_t>(rng.Next()),
                       .patch = RandomString(rng),
                       .files = RandomList(rng, RandomStat),
                       .matched = RandomString(rng),
                       .flags = RandomList(rng, RandomString),
                       .needs = RandomList(rng, RandomString)};
  }
}

Event RandomMeasurementEvent(Rng& rng) {
  if (rng.Chance(0.4)) {
    Sampled sampled{.node = RandomAttempt(rng), .sample = RandomSample(rng)};
    if (rng.Chance(0.5)) sampled.versus = RandomAttempt(rng);
    return sampled;
  }
  if (rng.Chance(0.3)) {
    auto finalist = [](Rng& r) {
      return Finalist{.node = RandomAttempt(r),
                      .values = RandomList(r, RandomNumber)};
    };
    return Final{.finalists = RandomList(rng, finalist),
                 .winner = RandomAttempt(rng),
                 .gain = RandomNumber(rng),
                 .sigma = RandomNumber(rng),
                 .confirmed = rng.Chance(0.5),
                 .word = RandomString(rng)};
  }
  Evaluated evaluated{
      .node = RandomAttempt(rng),
      .outcome = RandomOf<Outcome>(rng, 17),
      .reason = RandomString(rng),
      .signature = RandomString(rng),
      .sigma = RandomNumber(rng),
      .flags = RandomList(rng, RandomString),
      .seconds = {.build = RandomNumber(rng), .checks = RandomNumber(rng)},
      .tail = RandomString(rng),
      .log = RandomString(rng)};
  // Nothing and "not a number" are both null.
  if (rng.Chance(0.5)) evaluated.value = rng.Normal();
  if (rng.Chance(0.5)) {
    evaluated.gain =
        Gain{RandomNumber(rng), RandomNumber(rng), RandomNumber(rng)};
  }
  return evaluated;
}

Event RandomRunEvent(Rng& rng) {
  switch (rng.Below(8)) {
    case 0:
      return Started{.format = RandomInt(rng),
                     .coppice = RandomString(rng),
                     .run = RandomString(rng),
                     .spec_json = RandomString(rng),
                     .spec_sha256 = RandomString(rng),
                     .base = RandomId(rng),
                     .lock_json = RandomString(rng),
                     .seed = static_cast<std::int64_t>(rng.Next())};
    case 1:
      return Told{RandomString(rng)};
    case 2:
      return Approved{RandomString(rng)};
    case 3:
      return Noted{.kind = RandomString(rng),
                   .attempt = rng.Chance(0.5)
                                  ? std::optional(RandomAttempt(rng))
                                  : std::nullopt,
                   .text = RandomString(rng)};
    case 4:
      return Paused{.pause = RandomOf<PauseClass>(rng, 2),
                    .cause = RandomString(rng),
                    .detail = RandomString(rng)};
    case 5:
      return Resumed{.coppice = RandomString(rng),
                     .drift = RandomList(rng, RandomString),
                     .budget_json = RandomString(rng)};
    case 6:
      return Exported{.node = RandomAttempt(rng),
                      .branch = RandomString(rng),
                      .commits = RandomList(rng, RandomId),
                      .mode = RandomString(rng)};
    default:
      return Stopped{.reason = RandomString(rng), .exit = RandomInt(rng)};
  }
}

std::vector<Event> ProposalKinds() {
  const AttemptId three(3);
  return {
      Started{.format = 1,
              .coppice = "0.1.0",
              .run = "20260901-223015-kqa",
              .spec_json = "@spec",
              .spec_sha256 = "5bec",
              .base = Filled(1),
              .lock_json = "@lock",
              .seed = 7},
      Selected{.attempt = three,
               .op = Operator::kMerge,
               .parents = {AttemptId(1), AttemptId(2)},
               .arm = "edits",
               .chain = 1,
               .history_withheld = true,
               .idea = "try"},
      Asked{.attempt = three,
            .turn = 1,
            .model = "m",
            .reserve_usd = 0.5,
            .prompt = {{llm::Speaker::kSystem, "@rules"},
                       {llm::Speaker::kUser, "@prompt"}}},
      Answered{.attempt = three,
               .turn = 1,
               .text = "@answer",
               .plan = {.idea = "hoist"},
               .changes = {{"a.c", "@content"}, {"b.c", {}}, {"c.c", ""}},
               .flags = {"exit 1"},
               .usage = {.usd = 0.25,
                         .input = 1,
                         .output = 2,
                         .cached = 3,
                         .seconds = 1.500001},
               .stop = "complete"},
      Rejected{.attempt = three,
               .outcome = Outcome::kScopeViolation,
               .reason = "why",
               .usd = 0.1},
      Committed{.attempt = three,
                .commit = Filled(2),
                .tree = Filled(3),
                .plan = {.idea = "id",
                         .category = "ca",
                         .bottleneck = "bo",
                         .alternatives = "al",
                         .expect = "ex",
                         .risk = "ri",
                         .needs = {"ne"},
                         .lesson = "le"},
                .message = "hoist\n",
                .time = 99,
                .patch = "@patch",
                .files = {{.path = "a.c", .added = 9, .removed = 3},
                          {.path = "b.c", .added = 3, .created = true},
                          {.path = "c.c", .removed = 4, .deleted = true}},
                .matched = "indent+4",
                .flags = {"f"},
                .needs = {"numpy"}},
  };
}

std::vector<Event> MeasurementKinds() {
  return {
      Sampled{.node = AttemptId(3),
              .sample = {.index = 4,
                         .phase = SamplePhase::kConfirm,
                         .verdict = Verdict::kCrashed,
                         .metrics = {{"seconds", 9.87}, {"mb", 81}},
                         .failure = eval::Failure{.outcome = Outcome::kTimeout,
                                                  .verdict = Verdict::kTimeout,
                                                  .phase = EvalPhase::kCheck,
                                                  .reason = "r",
                                                  .signature = "s",
                                                  .tail = "@tail",
                                                  .log = "l"},
                         .exit_code = 2,
                         .signal = 9,
                         .seconds = 1,
                         .cpu_seconds = 0.2505,
                         .rss_kb = 1024,
                         .slot = 1,
                         .cached = true,
                         .leaked = true,
                         .truncated = true,
                         .noisy_host = true,
                         .host = {.steal = 0.03,
                                  .pressure = 0.5,
                                  .swap_ins = 7,
                                  .throttled = 2,
                                  .load = 1.25},
                         .log = "nodes/3/eval.log"},
              .versus = AttemptId(2)},
      Evaluated{.node = AttemptId(3),
                .outcome = Outcome::kImproved,
                .reason = "r",
                .signature = "s",
                .value = 9.87,
                .sigma = 0.05,
                .gain = Gain{.parent = 0.1, .best = 0.2, .baseline = 0.31},
                .flags = {"suspicious"},
                .seconds = {.build = 3.1, .checks = 2.0},
                .tail = "@tail",
                .log = "l"},
  };
}

std::vector<Event> RunKinds() {
  return {
      Told{"{}"},
      Approved{"numpy"},
      Noted{.kind = "canary", .attempt = AttemptId(5), .text = "t"},
      Paused{.pause = PauseClass::kOutage, .cause = "disk", .detail = "d"},
      Resumed{.coppice = "0.2.0", .drift = {"cpu"}, .budget_json = "@budget"},
      Final{.finalists = {{.node = AttemptId(3), .values = {9.8, 9.9}}},
            .winner = AttemptId(3),
            .gain = 0.2,
            .sigma = 0.05,
            .confirmed = true,
            .word = "high"},
      Exported{.node = AttemptId(3),
               .branch = "optimize/x",
               .commits = {Filled(4)},
               .mode = "squash"},
      Stopped{.reason = "plateau", .exit = 3},
  };
}

}  // namespace
}  // namespace coppice::search

namespace coppice::testing {

std::vector<search::Event> AllKinds() {
  std::vector<search::Event> events = search::ProposalKinds();
  for (auto* more : {&search::MeasurementKinds, &search::RunKinds}) {
    for (search::Event& event : more()) events.push_back(std::move(event));
  }
  return events;
}

search::Event RandomEvent(Rng& rng) {
  switch (rng.Below(3)) {
    case 0:
      return search::RandomProposalEvent(rng);
    case 1:
      return search::RandomMeasurementEvent(rng);
    default:
      return search::RandomRunEvent(rng);
  }
}

}  // namespace coppice::testing
