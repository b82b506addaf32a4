#include "eval/judge_items.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "eval/tree_files.h"

// The file is a candidate's: whatever is wrong with it is said and ends in
// metric_error. Texts are cleaned of what no reader sees, and one that is
// longer than any output worth paying for is refused, not cut: a cut would be
// scored as if it were the whole.

namespace coppice::eval {
namespace {

constexpr std::size_t kLongestText = 64 * 1024;

MetricProblem Invalid(std::string text) {
  return {.reason = MetricReason::kInvalid, .text = std::move(text)};
}

std::optional<std::string> IdOf(const Json& item) {
  const auto id = item.find("id");
  if (id == item.end()) return std::nullopt;
  if (id->is_string()) return Sanitize(id->get<std::string>());
  if (id->is_number_integer()) return id->dump();
  return std::nullopt;
}

std::string TextAt(const Json& item, const char* key) {
  const auto text = item.find(key);
  return text == item.end() || !text->is_string()
             ? std::string()
             : Sanitize(text->get<std::string>());
}

}  // namespace

ItemsRead ParseItems(std::string_view bytes, std::string_view path) {
  const Json list = Json::parse(bytes, nullptr, false);
  if (!list.is_array()) {
    return Invalid(fmt::format("{} is no JSON list of items", path));
  }
  std::vector<JudgeItem> items;
  std::set<std::string> ids;
  for (const Json& item : list) {
    const std::optional<std::string> id =
        item.is_object() ? IdOf(item) : std::nullopt;
    if (!id || id->empty()) {
      return Invalid(
          fmt::format("item {} of {} has no id", items.size() + 1, path));
    }
    const auto text = item.find("text");
    if (text == item.end() || !text->is_string()) {
      return Invalid(
          fmt::format("item `{}` of {} has no text", OneLine(*id, 60), path));
    }
    items.push_back({*id, TextAt(item, "bucket"), TextAt(item, "text")});
    if (items.back().text.size() > kLongestText) {
      return Invalid(fmt::format("the text of item `{}` has {} bytes, over {}",
                                 OneLine(*id, 60), items.back().text.size(),
                                 kLongestText));
    }
    if (!ids.insert(*id).second) {
      return Invalid(
          fmt::format("item `{}` is in {} twice", OneLine(*id, 60), path));
    }
  }
  return items;
}

ItemsRead ReadItems(const WorkTree& tree, std::string_view path) {
  const std::vector<ResultFile> files = ReadTreeFiles(tree, path);
  if (files.empty()) {
    return MetricProblem{
        .reason = MetricReason::kMissing,
        .text = fmt::format("the evaluation wrote no {} for the judge", path)};
  }
  if (files.front().problem) return *files.front().problem;
  return ParseItems(files.front().bytes, path);
}

}  // namespace coppice::eval
