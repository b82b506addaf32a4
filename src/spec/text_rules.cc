#include "spec/text_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "spec/pattern.h"
#include "spec/values.h"

namespace coppice::spec {
namespace {

using Complaint = std::optional<std::string>;

constexpr int kNewestVersion = 1;

std::vector<std::string_view> PartsOf(std::string_view path) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = path.find('/');
    parts.push_back(path.substr(0, end));
    if (end == std::string_view::npos) return parts;
    path.remove_prefix(end + 1);
  }
}

bool Contains(const std::vector<std::string_view>& parts,
              std::string_view part) {
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

Complaint Path(const std::string& path) {
  if (path.find('\0') != std::string::npos) return "a path holds no NUL";
  if (path.starts_with('/') || path.starts_with('~')) {
    return "paths are relative to the repository root";
  }
  const std::vector<std::string_view> parts = PartsOf(path);
  if (Contains(parts, "..")) return "\"..\" may lead out of the repository";
  if (Contains(parts, ".git")) return "git's own files are out of bounds";
  return std::nullopt;
}

Complaint CopiedPath(const std::string& path) {
  if (Complaint complaint = Path(path)) return complaint;
  for (std::string_view part : PartsOf(path)) {
    if (part == ".env" || part.starts_with(".env.")) {
      return "files of secrets are never copied; name single variables in "
             "evaluation.pass_env";
    }
  }
  return std::nullopt;
}

Complaint HomePath(const std::string& path) {
  if (!path.starts_with('/') && !path.starts_with("~/")) return "";
  if (Contains(PartsOf(path), "..")) {
    return "\"..\" may lead out of the home directory";
  }
  return std::nullopt;
}

Complaint TextOrFile(const std::string& text) {
  if (!text.starts_with('@')) return std::nullopt;
  if (text.size() == 1) return "a path must follow the @";
  return Path(text.substr(1));
}

Complaint Branch(std::string branch) {
  constexpr std::string_view kName = "{name}";
  const std::size_t at = branch.find(kName);
  if (at != std::string::npos) branch.replace(at, kName.size(), "name");
  for (std::string_view part : PartsOf(branch)) {
    if (part.empty() || part.starts_with('.') || part.ends_with(".lock")) {
      return "";
    }
  }
  const bool broken = branch.starts_with('-') || branch.ends_with('.') ||
                      branch == "@" || branch.find("..") != std::string::npos ||
                      branch.find("@{") != std::string::npos ||
                      std::any_of(branch.begin(), branch.end(), [](char c) {
                        constexpr std::string_view kForbidden = " ~^:?*[\\{}";
                        return (c >= 0 && c < 0x20) || c == 0x7f ||
                               kForbidden.find(c) != std::string_view::npos;
                      });
  return broken ? Complaint("") : std::nullopt;
}

Complaint Version(const Json& value) {
  if (value <= kNewestVersion) return std::nullopt;
  return fmt::format("this coppice ({}) reads version {}", COPPICE_VERSION,
                     kNewestVersion);
}

Complaint VariableNames(const Json& map) {
  for (const auto& [name, value] : map.items()) {
    const bool plain = !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
                       std::all_of(name.begin(), name.end(), [](char c) {
                         return c == '_' || (c >= '0' && c <= '9') ||
                                (c >= 'a' && c <= 'z') ||
                                (c >= 'A' && c <= 'Z');
                       });
    if (!plain) {
      return fmt::format("\"{}\" is no name of a variable", OneLine(name, 40));
    }
    if (name.starts_with("COPPICE_")) {
      return fmt::format("{} is set by coppice itself", OneLine(name, 40));
    }
  }
  return std::nullopt;
}

Complaint Unless(bool fine) { return fine ? std::nullopt : Complaint(""); }

}  // namespace

std::optional<std::string> BrokenRule(std::string_view rule,
                                      const Json& value) {
  if (rule == "version") return Version(value);
  if (rule == "variable-names") return VariableNames(value);
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  if (rule == "path") return Path(text);
  if (rule == "copied-path") return CopiedPath(text);
  if (rule == "home-path") return HomePath(text);
  if (rule == "text-or-file") return TextOrFile(text);
  if (rule == "regex") return PatternComplaint(text);
  if (rule == "branch") return Branch(text);
  if (rule == "comparison") return Unless(ParseComparison(text).has_value());
  if (rule == "amount") return Unless(ParsePercentage(text).has_value());
  if (rule == "min-improvement") {
    return Unless(text == "auto" || ParsePercentage(text).has_value());
  }
  return fmt::format("the schema names a rule, \"{}\", that nobody knows",
                     rule);
}

}  // namespace coppice::spec
