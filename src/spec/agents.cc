#include "spec/agents.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.h"
#include "spec/findings.h"
#include "spec/yaml_reader.h"

namespace coppice::spec {
namespace {

constexpr std::array<std::string_view, 9> kPlaceholders{
    "prompt", "prompt_file", "prompt_dir", "dir",  "home",
    "tmp",    "model",       "max_usd",    "files"};

constexpr std::array<std::pair<std::string_view, AgentOutput>, 4> kOutputs{{
    {"text", AgentOutput::kText},
    {"claude_json", AgentOutput::kClaudeJson},
    {"codex_jsonl", AgentOutput::kCodexJsonl},
    {"gemini_json", AgentOutput::kGeminiJson},
}};

// Reads one agent; what is wrong goes to the findings.
class ProfileReader {
 public:
  ProfileReader(const Json& json, std::string pointer, const Source& source,
                Findings& findings)
      : json_(json),
        pointer_(std::move(pointer)),
        source_(source),
        findings_(findings) {}

  AgentProfile Read(const std::string& name) {
    AgentProfile profile{.name = name};
    if (!json_.is_object()) {
      Wrong(pointer_, "an agent is a map");
      return profile;
    }
    for (const auto& [key, value] : json_.items()) {
      if (key == "tried") {
        profile.tried = Text(value, key);
      } else if (key == "install") {
        profile.install = Text(value, key);
      } else if (key == "keys") {
        profile.keys = Texts(value, Child(pointer_, key));
      } else if (key == "key_as") {
        profile.key_as = Text(value, key);
      } else if (key == "env") {
        profile.env = Pairs(value, key);
      } else if (key == "home") {
        profile.home = Home(value, key);
      } else if (key == "output") {
        profile.output = Output(value, key);
      } else if (key == "command") {
        profile.command = Command(value, key);
      } else {
        Wrong(Child(pointer_, key), fmt::format("unknown key \"{}\"", key));
      }
    }
    if (profile.command.empty()) Wrong(pointer_, "an agent needs a command");
    if (profile.install.empty()) Wrong(pointer_, "an agent needs install");
    return profile;
  }

 private:
  void Wrong(std::string_view pointer, std::string what) {
    findings_.Add(source_.Where(pointer), std::move(what));
  }

  std::string TextAt(const Json& value, const std::string& pointer) {
    if (value.is_string()) return value.get<std::string>();
    if (const auto literal = source_.Literal(pointer)) return *literal;
    Wrong(pointer, fmt::format("{} takes text", Spoken(pointer)));
    return {};
  }
  std::string Text(const Json& value, const std::string& key) {
    return TextAt(value, Child(pointer_, key));
  }

  std::vector<std::string> Texts(const Json& value,
                                 const std::string& pointer) {
    std::vector<std::string> texts;
    if (!value.is_array()) {
      Wrong(pointer, fmt::format("{} takes a list", Spoken(pointer)));
      return texts;
    }
    for (std::size_t i = 0; i < value.size(); ++i) {
      texts.push_back(TextAt(value[i], Child(pointer, i)));
    }
    return texts;
  }

  std::vector<std::pair<std::string, std::string>> Pairs(
      const Json& value, const std::string& key) {
    const std::string pointer = Child(pointer_, key);
    std::vector<std::pair<std::string, std::string>> pairs;
    if (!value.is_object()) {
      Wrong(pointer, fmt::format("{} takes a map", Spoken(pointer)));
      return pairs;
    }
    for (const auto& [name, text] : value.items()) {
      pairs.emplace_back(name, TextAt(text, Child(pointer, name)));
    }
    return pairs;
  }

  std::vector<std::pair<std::string, std::string>> Home(
      const Json& value, const std::string& key) {
    auto files = Pairs(value, key);
    for (const auto& [path, text] : files) {
      if (IsSafeRelativePath(path)) continue;
      Wrong(Child(Child(pointer_, key), path),
            fmt::format("\"{}\" is no path within HOME", path));
    }
    return files;
  }

  AgentOutput Output(const Json& value, const std::string& key) {
    const std::string text = Text(value, key);
    for (const auto& [word, output] : kOutputs) {
      if (text == word) return output;
    }
    Wrong(Child(pointer_, key), fmt::format("unknown output \"{}\"", text));
    return AgentOutput::kText;
  }

  std::vector<ArgumentGroup> Command(const Json& value,
                                     const std::string& key) {
    const std::string pointer = Child(pointer_, key);
    std::vector<ArgumentGroup> groups;
    if (!value.is_array()) {
      Wrong(pointer, fmt::format("{} takes a list", Spoken(pointer)));
      return groups;
    }
    for (std::size_t i = 0; i < value.size(); ++i) {
      const std::string at = Child(pointer, i);
      ArgumentGroup group = value[i].is_array()
                                ? Texts(value[i], at)
                                : ArgumentGroup{TextAt(value[i], at)};
      for (const std::string& argument : group) {
        CheckPlaceholders(argument, at);
      }
      groups.push_back(std::move(group));
    }
    const bool named = !groups.empty() && groups.front().size() == 1 &&
                       !groups.front().front().empty() &&
                       groups.front().front().front() != '{';
    if (!named) {
      Wrong(pointer, "a command begins with the name of a program");
      groups.clear();
    }
    return groups;
  }

  void CheckPlaceholders(std::string_view argument,
                         const std::string& pointer) {
    static constexpr std::string_view kWord = "abcdefghijklmnopqrstuvwxyz_";
    if (argument != "{files}" && argument.find("{files}") != argument.npos) {
      Wrong(pointer, "{files} is an argument of its own");
    }
    for (std::size_t at = 0; (at = argument.find('{', at)) != argument.npos;) {
      const std::size_t end = argument.find_first_not_of(kWord, ++at);
      if (end == argument.npos || argument[end] != '}' || end == at) continue;
      const std::string_view word = argument.substr(at, end - at);
      if (!IsPlaceholder(word)) {
        Wrong(pointer, fmt::format("unknown placeholder {{{}}}", word));
      }
    }
  }

  const Json& json_;
  const std::string pointer_;
  const Source& source_;
  Findings& findings_;
};

}  // namespace

bool IsPlaceholder(std::string_view word) {
  return std::ranges::find(kPlaceholders, word) != kPlaceholders.end();
}

const AgentTable& AgentTable::BuiltIn() {
  static const AgentTable table =
      Parse(AgentsText(), "configs/agents.yaml").value();
  return table;
}

Result<AgentTable> AgentTable::Parse(std::string_view yaml, std::string name) {
  Source source;
  Findings findings;
  const YamlText text{.text = yaml, .pointer = "", .place = [&](int line) {
                        return Place{line, fmt::format("{}:{}", name, line)};
                      }};
  const std::optional<Json> json = ReadYaml(text, source, findings);
  AgentTable table;
  if (json && !json->is_object()) {
    findings.Add(source.Where(""), "the file is a map of agents");
  } else if (json) {
    for (const auto& [agent, value] : json->items()) {
      ProfileReader reader(value, Child("", agent), source, findings);
      table.all_.push_back(reader.Read(agent));
    }
  }
  if (!findings.empty()) return findings.ToError();
  return table;
}

Result<AgentProfile> AgentTable::Find(std::string_view agent) const {
  const auto found = std::ranges::find(all_, agent, &AgentProfile::name);
  if (found != all_.end()) return *found;
  std::vector<std::string> names;
  for (const AgentProfile& profile : all_) names.push_back(profile.name);
  return Error{.code = ErrorCode::kUsage,
               .what = fmt::format("proposers: unknown agent \"{}\"", agent),
               .next = fmt::format("write one of {}", fmt::join(names, ", "))};
}

}  // namespace coppice::spec
