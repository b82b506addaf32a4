#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include "base/text.h"
#include "search/prompt.h"
#include "search/prompt_texts.h"

namespace coppice::search {
namespace {

// "{{word}}" as it stands in a template, with the line of its first use.
std::map<std::string, int> Placeholders(std::string_view text) {
  std::map<std::string, int> found;
  int line = 1;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\n') ++line;
    if (!text.substr(at).starts_with("{{")) continue;
    const std::size_t end = text.find("}}", at);
    if (end == std::string_view::npos) break;
    found.try_emplace(std::string(text.substr(at + 2, end - at - 2)), line);
  }
  return found;
}

std::string ReadAll(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

const Templates& Templates::BuiltIn() {
  static const Templates built_in = [] {
    Templates made;
    for (const PromptText& text : BuiltInPrompts()) {
      made.texts_.emplace(text.name, text.text);
    }
    return made;
  }();
  return built_in;
}

Result<Templates> Templates::Load(const std::filesystem::path& directory) {
  Templates made = BuiltIn();
  std::vector<std::string> names;
  for (const auto& [name, text] : made.texts_) names.push_back(name + ".md");
  std::error_code error;
  std::set<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() == ".md") files.insert(entry.path());
  }
  if (error) {
    return Error{.code = ErrorCode::kUsage,
                 .what = "proposal.templates: cannot read the directory",
                 .where = directory.string(),
                 .cause = error.message()};
  }
  for (const std::filesystem::path& file : files) {
    auto known = made.texts_.find(file.stem().string());
    if (known == made.texts_.end()) {
      const auto nearest = Nearest(file.filename().string(), names);
      return Error{.code = ErrorCode::kUsage,
                   .what = "no prompt has this name",
                   .where = file.string(),
                   .next = nearest ? fmt::format("did you mean {}?", *nearest)
                                   : "see configs/prompts for the names"};
    }
    std::string text = ReadAll(file);
    const auto allowed = Placeholders(known->second);
    for (const auto& [word, line] : Placeholders(text)) {
      if (allowed.contains(word)) continue;
      std::vector<std::string> words;
      for (const auto& [name, at] : allowed) words.push_back(name);
      const auto nearest = Nearest(word, words);
      return Error{
          .code = ErrorCode::kUsage,
          .what = fmt::format("unknown placeholder {{{{{}}}}}", word),
          .where = fmt::format("{}:{}", file.string(), line),
          .next = nearest ? fmt::format("did you mean {{{{{}}}}}?", *nearest)
                          : "the built-in text of this name shows which there "
                            "are"};
    }
    known->second = std::move(text);
  }
  return made;
}

// Values are put in once, so that braces inside them stay as they are.
std::string Templates::Fill(std::string_view name, const Values& values) const {
  auto found = texts_.find(name);
  if (found == texts_.end()) return "";
  const std::string& text = found->second;
  std::string filled;
  std::size_t from = 0;
  while (true) {
    const std::size_t at = text.find("{{", from);
    const std::size_t end = at == std::string::npos ? at : text.find("}}", at);
    if (end == std::string::npos) break;
    filled.append(text, from, at - from);
    const std::string word = text.substr(at + 2, end - at - 2);
    bool empty = true;
    for (const auto& [key, value] : values) {
      if (key != word) continue;
      filled += value;
      empty = value.empty();
    }
    from = end + 2;
    // A line of its own with nothing to say is no line.
    const bool alone = (at == 0 || text[at - 1] == '\n') &&
                       from < text.size() && text[from] == '\n';
    if (empty && alone) ++from;
  }
  filled.append(text, from);
  while (!filled.empty() && filled.back() == '\n') filled.pop_back();
  return filled;
}

}  // namespace coppice::search
