#include "search/prompt_templates.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "search/prompt.h"
#include "search/prompt_texts.h"

namespace coppice::search {
namespace {

namespace fs = std::filesystem;

// Without these an answer could not be right.
constexpr std::pair<std::string_view, std::string_view> kNeeded[] = {
    {"idea", "source"},
    {"rules", "format"},
    {"rules", "scope"},
    {"search_replace", "suffix"},
};
// What the spec and the records add to the texts of a section.
constexpr std::size_t kRulesRoom = 3100;
constexpr std::size_t kTaskRoom = 300;

// "{{word}}" from the first brace on; nothing if the braces do not close on
// their line.
struct Placeholder {
  std::string_view word;
  std::size_t end = 0;  // behind the last brace
};
std::optional<Placeholder> PlaceholderAt(std::string_view text,
                                         std::size_t at) {
  const std::size_t end = text.find("}}", at);
  if (end == std::string_view::npos || text.find('\n', at) < end) {
    return std::nullopt;
  }
  return Placeholder{Trim(text.substr(at + 2, end - at - 2)), end + 2};
}

// Words in braces with the line of their first use; "" for braces that do not
// close.
std::map<std::string, int> WordsOf(std::string_view text) {
  std::map<std::string, int> words;
  int line = 1;
  std::size_t from = 0;
  for (std::size_t at = text.find("{{"); at != std::string_view::npos;
       at = text.find("{{", from)) {
    line += static_cast<int>(
        std::ranges::count(text.substr(from, at - from), '\n'));
    const std::optional<Placeholder> found = PlaceholderAt(text, at);
    words.try_emplace(std::string(found ? found->word : ""), line);
    from = found ? found->end : at + 2;
  }
  return words;
}

Error Usage(std::string what, std::string where, std::string next) {
  return Error{.code = ErrorCode::kUsage,
               .what = std::move(what),
               .where = std::move(where),
               .next = std::move(next)};
}

std::string Meant(std::string_view word, const std::vector<std::string>& known,
                  std::string_view otherwise) {
  const std::optional<std::string> nearest = Nearest(word, known);
  return nearest ? fmt::format("did you mean {}?", *nearest)
                 : fmt::format("{}: {}", otherwise, fmt::join(known, ", "));
}

// Are the words of a text those that its built-in one has?
Result<void> CheckWords(std::string_view name, const std::string& text,
                        const std::string& built_in, const fs::path& file) {
  std::vector<std::string> known;
  for (const auto& [word, line] : WordsOf(built_in)) {
    known.push_back("{{" + word + "}}");
  }
  const std::map<std::string, int> words = WordsOf(text);
  for (const auto& [word, line] : words) {
    const std::string braced = "{{" + word + "}}";
    if (std::ranges::count(known, braced) > 0) continue;
    const std::string where = fmt::format("{}:{}", file.string(), line);
    if (word.empty()) {
      return Usage("{{ without a word and }} on its line", where,
                   "write {{word}}");
    }
    return Usage(fmt::format("unknown placeholder {}", braced), where,
                 known.empty() ? "this text has none"
                               : Meant(braced, known, "this text has"));
  }
  for (const auto& [of, word] : kNeeded) {
    if (of != name || words.contains(std::string(word))) continue;
    return Usage(
        fmt::format("{}.md needs the placeholder {{{{{}}}}}", name, word),
        file.string(), "see configs/prompts for the text built in");
  }
  return Ok();
}

using Texts = std::map<std::string, std::string, std::less<>>;

// Puts a file in the place of the built-in text of its name.
Result<void> Override(Texts& texts, const fs::path& file) {
  std::vector<std::string> names;
  for (const auto& [name, text] : texts) names.push_back(name + ".md");
  const std::string name = file.filename().string();
  if (std::ranges::count(names, name) == 0) {
    return Usage(fmt::format("no prompt text is named {}", name), file.string(),
                 Meant(name, names, "the names are"));
  }
  Result<std::string> raw = ReadWhole(file);
  if (!raw) {
    return Usage("not a file that can be read", file.string(),
                 raw.error().cause);
  }
  std::string own = Sanitize(*raw);
  std::string& text = texts.find(file.stem().string())->second;
  Result<void> checked = CheckWords(file.stem().string(), own, text, file);
  if (checked) text = std::move(own);
  return checked;
}

// Does the longest of what stands together in a section fit there?
Result<void> CheckRoom(const Texts& texts, const fs::path& directory) {
  struct Together {
    std::string_view what;
    std::string_view first;
    std::vector<std::string_view> then;
    std::size_t room = 0;
  };
  const Together sections[] = {
      {"rules.md and the longest edit format",
       "rules",
       {"search_replace", "whole", "udiff", "in_place"},
       kRulesCap - kRulesRoom},
      {"header.md and the longest task",
       "header",
       {"task_draft", "task_improve", "task_debug", "task_tune"},
       kTaskCap - kTaskRoom}};
  for (const Together& section : sections) {
    std::size_t longest = 0;
    for (std::string_view name : section.then) {
      longest = std::max(longest, texts.find(name)->second.size());
    }
    const std::size_t size = texts.find(section.first)->second.size() + longest;
    if (size <= section.room) continue;
    return Usage(fmt::format("{} are {} bytes together, of at most {}",
                             section.what, size, section.room),
                 directory.string(), "shorten them");
  }
  return Ok();
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

Result<Templates> Templates::Load(const fs::path& directory) {
  std::error_code error;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with('.') && name != "README.md") {
      files.push_back(entry.path());
    }
  }
  if (error) {
    return Error{.code = ErrorCode::kUsage,
                 .what = "the directory of templates cannot be read",
                 .where = directory.string(),
                 .cause = error.message(),
                 .next = "correct proposal.templates"};
  }
  std::ranges::sort(files);
  Templates made = BuiltIn();
  for (const fs::path& file : files) {
    Result<void> taken = Override(made.texts_, file);
    if (!taken) return taken.error();
  }
  Result<void> fits = CheckRoom(made.texts_, directory);
  if (!fits) return fits.error();
  return made;
}

// Values are put in once, so that braces inside them stay as they are.
std::string Templates::Fill(std::string_view name, const Values& values) const {
  auto found = texts_.find(name);
  if (found == texts_.end()) return "";
  std::string filled;
  for (std::string_view line : SplitLines(found->second)) {
    std::string out;
    bool replaced = false;
    std::size_t from = 0;
    for (std::size_t at = line.find("{{"); at != std::string_view::npos;
         at = line.find("{{", from)) {
      const std::optional<Placeholder> word = PlaceholderAt(line, at);
      if (!word) break;
      out += line.substr(from, at - from);
      from = word->end;
      replaced = true;
      auto value = std::ranges::find(values, word->word,
                                     [](const auto& v) { return v.first; });
      if (value != values.end()) out += value->second;
    }
    out += line.substr(from);
    if (replaced && (Trim(out).empty() || Trim(out) == "-")) continue;
    filled += out + '\n';
  }
  while (filled.ends_with('\n')) filled.pop_back();
  return filled;
}

}  // namespace coppice::search
