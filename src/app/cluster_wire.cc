#include "app/cluster_wire.h"

#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "search/event.h"

namespace coppice::app {
namespace {

// Runs `read` over the parsed text; what is missing or of another type is one
// error.
template <class T>
Result<T> Read(std::string_view text, std::string_view name,
               const std::function<Result<T>(const Json&)>& read) {
  Result<Json> json = ParseJson(text, name);
  if (!json) return json.error();
  try {
    return read(*json);
  } catch (const Json::exception& e) {
    return Error{.code = ErrorCode::kIo,
                 .what = std::string(name) + " is damaged",
                 .cause = e.what()};
  }
}

Json ToJson(const Learned& learned) {
  return {{"lock", eval::FormatLock(learned.habits)},
          {"bytes", learned.checkout.bytes},
          {"left", learned.checkout.left}};
}

Result<std::optional<Learned>> LearnedFrom(const Json& json) {
  using Maybe = Result<std::optional<Learned>>;
  const auto found = json.find("learned");
  if (found == json.end()) {
    return Maybe(boost::system::in_place_value, std::nullopt);
  }
  Result<eval::BaselineLock> lock =
      eval::ParseLock(found->at("lock").get<std::string>(), "learned");
  if (!lock) return lock.error();
  Learned learned{.habits = std::move(*lock), .checkout = {}};
  learned.checkout.bytes = found->at("bytes").get<std::uint64_t>();
  learned.checkout.left = found->at("left").get<std::vector<std::string>>();
  return Maybe(boost::system::in_place_value, std::move(learned));
}

Result<ObjectId> IdFrom(const Json& json) {
  const auto id = ObjectId::FromHex(json.get<std::string>());
  if (id) return *id;
  return Error{.code = ErrorCode::kIo, .what = "no id of a commit"};
}

}  // namespace

std::string Encode(const CommonOrder& order) {
  return DumpCanonical({{"coppice", order.coppice},
                        {"run", order.run},
                        {"repository", order.repository},
                        {"base", order.base.Hex()},
                        {"spec", order.spec_json},
                        {"learned", eval::FormatLock(order.learned)},
                        {"passed", order.passed},
                        {"exclude", order.exclude},
                        {"isolation", order.isolation},
                        {"base_pack", order.base_pack},
                        {"copies", order.copies},
                        {"scratch", order.scratch},
                        {"silence", order.silence.count()}});
}

Result<CommonOrder> DecodeCommon(std::string_view text) {
  auto read = [](const Json& json) -> Result<CommonOrder> {
    CommonOrder order;
    json.at("coppice").get_to(order.coppice);
    json.at("run").get_to(order.run);
    json.at("repository").get_to(order.repository);
    Result<ObjectId> base = IdFrom(json.at("base"));
    if (!base) return base.error();
    order.base = *base;
    json.at("spec").get_to(order.spec_json);
    Result<eval::BaselineLock> lock =
        eval::ParseLock(json.at("learned").get<std::string>(), "learned");
    if (!lock) return lock.error();
    order.learned = std::move(*lock);
    json.at("passed").get_to(order.passed);
    json.at("exclude").get_to(order.exclude);
    json.at("isolation").get_to(order.isolation);
    json.at("base_pack").get_to(order.base_pack);
    json.at("copies").get_to(order.copies);
    json.at("scratch").get_to(order.scratch);
    order.silence = std::chrono::seconds(json.at("silence").get<int>());
    return order;
  };
  return Read<CommonOrder>(text, "the order of the run", read);
}

std::chrono::milliseconds BeatOf(std::chrono::seconds silence) {
  constexpr int kBeats = 15;
  return std::chrono::milliseconds(silence) / kBeats;
}

std::string Encode(const Owner& owner) {
  return DumpCanonical({{"repository", owner.repository},
                        {"host", owner.host},
                        {"directory", owner.directory},
                        {"needs", owner.needs}});
}

Result<Owner> DecodeOwner(std::string_view text) {
  auto read = [](const Json& json) -> Result<Owner> {
    Owner owner;
    json.at("repository").get_to(owner.repository);
    json.at("host").get_to(owner.host);
    json.at("directory").get_to(owner.directory);
    json.at("needs").get_to(owner.needs);
    return owner;
  };
  return Read<Owner>(text, "the owner of a run", read);
}

std::string Encode(const Order& order) {
  return DumpCanonical({{"attempt", order.target.attempt.value()},
                        {"commit", order.target.commit.Hex()},
                        {"clean", order.target.clean},
                        {"common", order.common}});
}

Result<Order> DecodeOrder(std::string_view text) {
  auto read = [](const Json& json) -> Result<Order> {
    Order order;
    order.target.attempt = AttemptId(json.at("attempt").get<std::int64_t>());
    Result<ObjectId> commit = IdFrom(json.at("commit"));
    if (!commit) return commit.error();
    order.target.commit = *commit;
    json.at("clean").get_to(order.target.clean);
    json.at("common").get_to(order.common);
    return order;
  };
  return Read<Order>(text, "an order", read);
}

std::string Encode(const Hello& hello) {
  return DumpCanonical({{"host", hello.host},
                        {"job", hello.job},
                        {"coppice", hello.coppice},
                        {"at", hello.at},
                        {"environment", eval::ToJson(hello.environment)}});
}

Result<Hello> DecodeHello(std::string_view text) {
  auto read = [](const Json& json) -> Result<Hello> {
    Hello hello;
    json.at("host").get_to(hello.host);
    json.at("job").get_to(hello.job);
    json.at("coppice").get_to(hello.coppice);
    json.at("at").get_to(hello.at);
    hello.environment = eval::EnvironmentFromJson(json.at("environment"));
    return hello;
  };
  return Read<Hello>(text, "a worker's first word", read);
}

// A failure travels inside a sample, whose form is the journal's.
std::string Encode(const OpenedAnswer& answer) {
  Json json{{"build", answer.opened.seconds.build},
            {"checks", answer.opened.seconds.checks}};
  if (answer.opened.failure) {
    eval::Sample sample;
    sample.verdict = answer.opened.failure->verdict;
    sample.failure = answer.opened.failure;
    json["failed"] = search::EncodeSample(sample);
  }
  if (answer.learned) json["learned"] = ToJson(*answer.learned);
  return DumpCanonical(json);
}

Result<OpenedAnswer> DecodeOpened(std::string_view text) {
  auto read = [](const Json& json) -> Result<OpenedAnswer> {
    OpenedAnswer answer;
    json.at("build").get_to(answer.opened.seconds.build);
    json.at("checks").get_to(answer.opened.seconds.checks);
    if (const auto failed = json.find("failed"); failed != json.end()) {
      Result<eval::Sample> sample =
          search::DecodeSample(failed->get<std::string>());
      if (!sample) return sample.error();
      answer.opened.failure = std::move(sample->failure);
    }
    Result<std::optional<Learned>> learned = LearnedFrom(json);
    if (!learned) return learned.error();
    answer.learned = std::move(*learned);
    return answer;
  };
  return Read<OpenedAnswer>(text, "the answer of a worker", read);
}

std::string Encode(const SampleAnswer& answer) {
  Json json{{"sample", search::EncodeSample(answer.sample)}};
  Json items = Json::array();
  for (const JudgeItem& item : answer.sample.items) {
    items.push_back({item.id, item.bucket, item.text});
  }
  json["items"] = std::move(items);
  if (answer.learned) json["learned"] = ToJson(*answer.learned);
  return DumpCanonical(json);
}

Result<SampleAnswer> DecodeSampleAnswer(std::string_view text) {
  auto read = [](const Json& json) -> Result<SampleAnswer> {
    Result<eval::Sample> sample =
        search::DecodeSample(json.at("sample").get<std::string>());
    if (!sample) return sample.error();
    SampleAnswer answer{.sample = std::move(*sample), .learned = {}};
    for (const Json& item : json.at("items")) {
      answer.sample.items.push_back({item.at(0), item.at(1), item.at(2)});
    }
    Result<std::optional<Learned>> learned = LearnedFrom(json);
    if (!learned) return learned.error();
    answer.learned = std::move(*learned);
    return answer;
  };
  return Read<SampleAnswer>(text, "the answer of a worker", read);
}

std::string Encode(const eval::Diagnosis& diagnosis) {
  return DumpCanonical(
      {{"text", diagnosis.text}, {"problem", diagnosis.problem}});
}

Result<eval::Diagnosis> DecodeDiagnosis(std::string_view text) {
  auto read = [](const Json& json) -> Result<eval::Diagnosis> {
    return eval::Diagnosis{.text = json.at("text"),
                           .problem = json.at("problem")};
  };
  return Read<eval::Diagnosis>(text, "the answer of a worker", read);
}

}  // namespace coppice::app
