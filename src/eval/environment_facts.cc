#include "eval/environment_facts.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/digest.h"
#include "base/text.h"
#include "eval/pinning.h"

namespace coppice::eval {
namespace {

namespace fs = std::filesystem;

// Programs that answer --version and do nothing else.
constexpr std::array<std::string_view, 28> kKnownTools = {
    "bash",  "bazel",  "bun",    "cargo",   "clang", "clang++",   "cmake",
    "deno",  "dotnet", "g++",    "gcc",     "ghc",   "hyperfine", "java",
    "julia", "make",   "meson",  "ninja",   "node",  "npm",       "perl",
    "php",   "pytest", "python", "python3", "ruby",  "rustc",     "uv"};

std::string FirstLineOf(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return std::string(Trim(line));
}

// The value of the first "KEY<separator>VALUE" line, quotes taken off.
std::string ValueIn(const fs::path& file, std::string_view key,
                    char separator) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const std::size_t at = line.find(separator);
    if (at == std::string::npos) continue;
    if (Trim(std::string_view(line).substr(0, at)) != key) continue;
    std::string_view value = Trim(std::string_view(line).substr(at + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    return std::string(value);
  }
  return {};
}

std::string FindGpu(const fs::path& root) {
  std::error_code failed;
  std::vector<std::string> models;
  for (fs::directory_iterator it(root / "proc/driver/nvidia/gpus", failed), end;
       !failed && it != end; it.increment(failed)) {
    models.push_back(ValueIn(it->path() / "information", "Model", ':'));
  }
  std::ranges::sort(models);
  return fmt::format("{}", fmt::join(models, ", "));
}

// Words of all commands that are known tools, and the system's compiler when
// something is built.
std::set<std::string> ToolsOf(const spec::Spec& spec) {
  std::set<std::string> tools;
  const auto add = [&](const std::optional<std::string>& command) {
    if (!command) return;
    std::string word;
    for (const char c : *command + " ") {
      const bool ends = c == ' ' || c == '\t' || c == '\n' || c == ';' ||
                        c == '|' || c == '&' || c == '(' || c == ')';
      if (!ends) {
        word += c;
        continue;
      }
      if (std::ranges::find(kKnownTools, word) != kKnownTools.end()) {
        tools.insert(word);
      }
      word.clear();
    }
  };
  add(spec.evaluation.setup);
  add(spec.evaluation.build);
  add(spec.evaluation.smoke);
  add(spec.evaluation.command);
  for (const spec::Check& check : spec.checks) add(check.command);
  if (spec.evaluation.build || spec.evaluation.setup) {
    tools.insert("cc");
    tools.insert("c++");
  }
  return tools;
}

void Compare(std::string_view what, const std::string& before,
             const std::string& now, std::vector<std::string>& drift) {
  if (before == now) return;
  const auto shown = [](const std::string& s) {
    return s.empty() ? std::string("unknown") : s;
  };
  drift.push_back(fmt::format("{}: {} -> {}", what, shown(before), shown(now)));
}

}  // namespace

EnvironmentFacts ReadEnvironment(const fs::path& root) {
  EnvironmentFacts facts;
  facts.os = ValueIn(root / "etc/os-release", "PRETTY_NAME", '=');
  utsname name{};
  if (uname(&name) == 0) facts.kernel = name.release;
  facts.cpu = ValueIn(root / "proc/cpuinfo", "model name", ':');
  facts.governor = FirstLineOf(
      root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  facts.gpu = FindGpu(root);
  facts.cores = static_cast<int>(AllowedCores().size());
  std::string total = ValueIn(root / "proc/meminfo", "MemTotal", ':');
  total = total.substr(0, total.find(' '));
  facts.memory_mb =
      static_cast<std::int64_t>(ParseNumber(total).value_or(0) / 1024);
  return facts;
}

Task<std::map<std::string, std::string>> AskToolVersions(const spec::Spec& spec,
                                                         Sandbox& sandbox,
                                                         WorkTree tree) {
  const std::set<std::string> tools = ToolsOf(spec);
  std::map<std::string, std::string> versions;
  CommandRequest request;
  for (const std::string& tool : tools) {
    request.command += fmt::format(
        "printf '%s\\t%s\\n' {0} \"$({0} --version 2>/dev/null </dev/null"
        " | head -n 1)\"\n",
        tool);
  }
  if (tools.empty()) co_return versions;
  request.tree = std::move(tree);
  request.timeout = std::chrono::seconds(30);
  const CommandResult result = co_await sandbox.Run(request);
  for (const std::string_view line : SplitLines(result.out.head)) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) continue;
    const std::string version = OneLine(Trim(line.substr(tab + 1)), 120);
    if (!version.empty()) versions.emplace(line.substr(0, tab), version);
  }
  co_return versions;
}

Json ToJson(const EnvironmentFacts& facts) {
  return Json{{"os", facts.os},
              {"kernel", facts.kernel},
              {"cpu", facts.cpu},
              {"governor", facts.governor},
              {"gpu", facts.gpu},
              {"cores", facts.cores},
              {"memory_mb", facts.memory_mb},
              {"isolation", facts.isolation},
              {"tools", facts.tools}};
}

EnvironmentFacts EnvironmentFromJson(const Json& json) {
  EnvironmentFacts facts;
  facts.os = json.value("os", "");
  facts.kernel = json.value("kernel", "");
  facts.cpu = json.value("cpu", "");
  facts.governor = json.value("governor", "");
  facts.gpu = json.value("gpu", "");
  facts.cores = json.value("cores", 0);
  facts.memory_mb = json.value("memory_mb", std::int64_t{0});
  facts.isolation = json.value("isolation", "");
  facts.tools = json.value("tools", std::map<std::string, std::string>());
  return facts;
}

std::string EnvironmentDigest(const EnvironmentFacts& facts) {
  return Sha256Hex(DumpCanonical(ToJson(facts)));
}

std::vector<std::string> Drift(const EnvironmentFacts& before,
                               const EnvironmentFacts& now) {
  std::vector<std::string> drift;
  Compare("os", before.os, now.os, drift);
  Compare("kernel", before.kernel, now.kernel, drift);
  Compare("cpu", before.cpu, now.cpu, drift);
  Compare("cores", std::to_string(before.cores), std::to_string(now.cores),
          drift);
  Compare("governor", before.governor, now.governor, drift);
  Compare("memory_mb", std::to_string(before.memory_mb),
          std::to_string(now.memory_mb), drift);
  Compare("gpu", before.gpu, now.gpu, drift);
  Compare("isolation", before.isolation, now.isolation, drift);
  std::set<std::string> names;
  for (const auto& [name, version] : before.tools) names.insert(name);
  for (const auto& [name, version] : now.tools) names.insert(name);
  for (const std::string& name : names) {
    const auto old_version = before.tools.find(name);
    const auto new_version = now.tools.find(name);
    Compare("tool " + name,
            old_version == before.tools.end() ? "" : old_version->second,
            new_version == now.tools.end() ? "" : new_version->second, drift);
  }
  return drift;
}

}  // namespace coppice::eval
