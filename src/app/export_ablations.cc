#include "app/export_ablations.h"

#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

namespace coppice::app {
namespace {

constexpr int kFormat = 1;

std::string_view WordOf(search::Ablation answer) {
  switch (answer) {
    case search::Ablation::kGood:
      return "good";
    case search::Ablation::kWorse:
      return "worse";
    case search::Ablation::kBroken:
      break;
  }
  return "broken";
}

std::optional<search::Ablation> AnswerOf(const std::string& word) {
  for (auto answer : {search::Ablation::kGood, search::Ablation::kWorse,
                      search::Ablation::kBroken}) {
    if (word == WordOf(answer)) return answer;
  }
  return std::nullopt;
}

std::string Text(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>()
                                                   : "";
}

}  // namespace

Result<AblationLog> AblationLog::Open(const std::filesystem::path& file,
                                      ObjectId against, std::string measuring) {
  AblationLog log(against, std::move(measuring));
  const std::string text = ReadWholeOrNothing(file);
  for (std::string_view line : SplitLines(text)) {
    Result<Json> json = ParseJson(line, "ablation");
    if (!json || !json->is_object() || json->value("format", 0) != kFormat) {
      continue;
    }
    const auto tree = ObjectId::FromHex(Text(*json, "tree"));
    const auto answer = AnswerOf(Text(*json, "answer"));
    if (tree && answer && Text(*json, "against") == log.against_ &&
        Text(*json, "measuring") == log.measuring_) {
      log.known_[*tree] = *answer;
    }
  }
  std::error_code ignored;
  std::filesystem::create_directories(file.parent_path(), ignored);
  log.file_ = UniqueFd(
      open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
  if (!log.file_) return DiskError("write", file);
  // What a killed process left of a line must not spoil the next.
  if (!text.empty() && text.back() != '\n' &&
      write(log.file_.get(), "\n", 1) != 1) {
    return DiskError("write", file);
  }
  return log;
}

std::optional<search::Ablation> AblationLog::Find(ObjectId tree) const {
  const auto found = known_.find(tree);
  if (found == known_.end()) return std::nullopt;
  return found->second;
}

void AblationLog::Add(ObjectId tree, search::Ablation answer,
                      const std::string& why) {
  known_[tree] = answer;
  const std::string line = DumpCanonical(Json{{"format", kFormat},
                                              {"against", against_},
                                              {"measuring", measuring_},
                                              {"tree", tree.Hex()},
                                              {"answer", WordOf(answer)},
                                              {"why", why}}) +
                           "\n";
  const ssize_t written = write(file_.get(), line.data(), line.size());
  if (written != static_cast<ssize_t>(line.size())) {
    LogWarning("an answer of the minimiser could not be kept");
  }
}

}  // namespace coppice::app
