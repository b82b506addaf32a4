#include "eval/baseline_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/fd.h"
#include "base/json.h"

namespace coppice::eval {
namespace {

namespace fs = std::filesystem;

constexpr int kFormat = 1;

Json SlotsToJson(const SlotsTried& slots) {
  Json levels = Json::array();
  for (const LoadLevel& level : slots.levels) {
    levels.push_back({{"at_once", level.at_once},
                      {"median", level.median},
                      {"seconds", level.seconds},
                      {"fault", level.fault}});
  }
  return Json{
      {"tried", slots.tried},
      {"honest", slots.honest},
      {"times", slots.times},
      {"solo",
       {{"median", slots.solo_median}, {"seconds", slots.solo_seconds}}},
      {"loaded", levels}};
}

SlotsTried SlotsFromJson(const Json& json) {
  SlotsTried slots;
  slots.tried = json.value("tried", 1);
  slots.honest = json.value("honest", 1);
  slots.times = json.value("times", false);
  const Json none = Json::object();
  const Json solo = json.value("solo", none);
  slots.solo_median = solo.value("median", 0.0);
  slots.solo_seconds = solo.value("seconds", 0.0);
  for (const Json& level : json.value("loaded", Json::array())) {
    slots.levels.push_back({.at_once = level.at("at_once").get<int>(),
                            .median = level.at("median").get<double>(),
                            .seconds = level.at("seconds").get<double>(),
                            .fault = level.at("fault").get<std::string>()});
  }
  return slots;
}

Json JudgedToJson(const JudgedBase& judged) {
  Json json{{"drawn", judged.drawn},
            {"second_draw", judged.second_draw},
            {"usd", judged.usd},
            {"input", judged.input},
            {"output", judged.output}};
  if (!judged.texts.empty()) json["texts"] = judged.texts;
  return json;
}

Json LockToJson(const BaselineLock& lock) {
  return Json{{"format", kFormat},
              {"coppice", COPPICE_VERSION},
              {"base", lock.base.Hex()},
              {"digest", lock.digest},
              {"immutable", lock.immutable},
              {"samples", lock.samples},
              {"median", lock.median},
              {"noise", {{"mode", lock.noise_mode}, {"sigma", lock.sigma}}},
              {"gates", lock.gates},
              {"holdout", lock.holdout},
              {"duration_ms", lock.duration_ms},
              {"slots", SlotsToJson(lock.slots)},
              {"environment", ToJson(lock.environment)},
              {"by_products", lock.habits.by_products},
              {"rewritten", lock.habits.rewritten},
              {"units", lock.units},
              {"judged", lock.judged ? JudgedToJson(*lock.judged) : Json()}};
}

using Names = std::set<std::string>;
using TextMap = std::map<std::string, std::string>;
using NumberMap = std::map<std::string, double>;

// Missing optional fields keep their defaults; throws nlohmann's exceptions.
BaselineLock LockFromJson(const Json& json) {
  BaselineLock lock;
  const auto base = ObjectId::FromHex(json.at("base").get<std::string>());
  if (!base) throw Json::other_error::create(501, "base is no id", &json);
  lock.base = *base;
  lock.digest = json.at("digest").get<std::string>();
  lock.samples = json.at("samples").get<std::vector<NumberMap>>();
  lock.median = json.at("median").get<double>();
  lock.noise_mode = json.at("noise").at("mode").get<std::string>();
  lock.sigma = json.at("noise").at("sigma").get<double>();
  lock.environment = EnvironmentFromJson(json.at("environment"));
  lock.immutable = json.value("immutable", TextMap());
  lock.gates = json.value("gates", NumberMap());
  lock.holdout = json.value("holdout", decltype(lock.holdout)());
  lock.duration_ms = json.value("duration_ms", std::int64_t{0});
  lock.habits.by_products = json.value("by_products", Names());
  lock.habits.rewritten = json.value("rewritten", Names());
  lock.units = json.value("units", TextMap());
  if (const auto slots = json.find("slots"); slots != json.end()) {
    lock.slots = SlotsFromJson(*slots);
  }
  if (const auto judged = json.find("judged");
      judged != json.end() && judged->is_object()) {
    lock.judged = JudgedBase{
        .drawn = judged->at("drawn").get<decltype(JudgedBase::drawn)>(),
        .second_draw =
            judged->value("second_draw", decltype(JudgedBase::second_draw)()),
        .texts = judged->value("texts", TextMap()),
        .usd = judged->value("usd", 0.0),
        .input = judged->value("input", std::int64_t{0}),
        .output = judged->value("output", std::int64_t{0})};
  }
  return lock;
}

Error IoError(std::string what, const fs::path& file) {
  return Error{.code = ErrorCode::kIo,
               .what = std::move(what),
               .where = file,
               .cause = std::strerror(errno)};
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool SyncDirectory(const fs::path& directory) {
  const UniqueFd fd(
      open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd && fsync(fd.get()) == 0;
}

}  // namespace

std::string FormatLock(const BaselineLock& lock) {
  return LockToJson(lock).dump(1, ' ', false, Json::error_handler_t::replace) +
         '\n';
}

Result<BaselineLock> ParseLock(std::string_view text, std::string_view name) {
  Result<Json> json = ParseJson(text, name);
  if (!json) return json.error();
  const Error damaged{.code = ErrorCode::kUsage,
                      .what = "not a baseline lock",
                      .where = std::string(name),
                      .cause = {},
                      .next = "remove it; `coppice check` makes it again"};
  try {
    if (const int format = json->at("format").get<int>(); format > kFormat) {
      return Error{
          .code = ErrorCode::kCheck,
          .what = fmt::format("format {} is newer than this program", format),
          .where = std::string(name),
          .cause = "written by coppice " +
                   json->value("coppice", "of unknown version"),
          .next =
              "use that version, or remove the file and measure "
              "the baseline again"};
    }
    return LockFromJson(*json);
  } catch (const Json::exception& e) {
    Error error = damaged;
    error.cause = e.what();
    return error;
  }
}

Result<std::optional<BaselineLock>> ReadLock(const fs::path& file) {
  const UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return std::optional<BaselineLock>();
    return IoError("cannot read the baseline lock", file);
  }
  std::string text;
  char buffer[16 * 1024];
  while (true) {
    const ssize_t n = read(fd.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IoError("cannot read the baseline lock", file);
    if (n == 0) break;
    text.append(buffer, static_cast<std::size_t>(n));
  }
  Result<BaselineLock> lock = ParseLock(text, file.string());
  if (!lock) return lock.error();
  return std::optional<BaselineLock>(std::move(*lock));
}

Result<void> WriteLock(const fs::path& file, const BaselineLock& lock) {
  std::error_code ignored;
  fs::create_directories(file.parent_path(), ignored);
  const fs::path temporary = file.string() + fmt::format(".{}.tmp", getpid());
  {
    const UniqueFd fd(open(temporary.c_str(),
                           O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!fd || !WriteAll(fd.get(), FormatLock(lock)) || fsync(fd.get()) != 0) {
      Error error = IoError("cannot write the baseline lock", temporary);
      unlink(temporary.c_str());
      return error;
    }
  }
  if (rename(temporary.c_str(), file.c_str()) != 0 ||
      !SyncDirectory(file.parent_path())) {
    return IoError("cannot replace the baseline lock", file);
  }
  return Ok();
}

Result<std::string> MeasuringDigest(std::string_view merged_spec_json,
                                    const TextMap& copied) {
  Result<Json> merged = ParseJson(merged_spec_json, "merged specification");
  if (!merged) return merged.error();
  Json measuring = Json::object();
  for (const char* key : {"metric", "evaluation", "checks", "judge"}) {
    const auto it = merged->find(key);
    measuring[key] = it == merged->end() ? Json() : *it;
  }
  measuring["copied"] = copied;
  return Sha256Hex(DumpCanonical(measuring));
}

std::vector<std::string> Mismatch(const BaselineLock& lock, ObjectId base,
                                  std::string_view digest,
                                  const EnvironmentFacts& now) {
  std::vector<std::string> reasons;
  if (lock.base != base) {
    reasons.push_back(
        fmt::format("base: {} -> {}", lock.base.Hex(), base.Hex()));
  }
  if (lock.digest != digest) {
    reasons.push_back(
        "the keys metric, evaluation, checks or judge, or a copied file, "
        "changed");
  }
  for (std::string& drift : Drift(lock.environment, now)) {
    reasons.push_back(std::move(drift));
  }
  return reasons;
}

}  // namespace coppice::eval
