#include "app/static_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "base/text.h"
#include "eval/line_pattern.h"
#include "spec/command_words.h"
#include "spec/scope_rules.h"

// Line by line, a table of patterns. It rather says too little: what it names,
// it names with a line that the user can look at; the probe under load finds
// the rest by doing.

namespace coppice::app {
namespace {

constexpr std::size_t kLongestText = 256 << 10;
constexpr std::size_t kLongestLine = 1000;

struct Place {
  std::string where;  // "evaluation.build", "bench/run.sh:12"
  std::string_view line;
};

// A text that runs in a slot: a command, or a file that one names.
struct Text {
  std::string where;
  std::string text;
  bool numbered = false;
};

std::vector<Text> TextsOf(const ScanInput& input) {
  std::vector<Text> texts;
  std::set<std::string> seen;
  for (const spec::NamedCommand& command : spec::CommandsOf(input.spec)) {
    if (command.key.starts_with("proposers")) continue;
    texts.push_back({command.key, command.command});
    for (std::string& path : spec::PathsNamedIn(command.command)) {
      if (!seen.insert(path).second) continue;
      std::optional<std::string> text = input.tracked(path);
      if (!text || text->size() > kLongestText) continue;
      texts.push_back({std::move(path), std::move(*text), true});
    }
  }
  return texts;
}

bool IsRemark(std::string_view line) {
  line = Trim(line);
  return line.starts_with('#') || line.starts_with("//");
}

// Calls `see` for every line that is no remark.
template <class See>
void EachLine(const std::vector<Text>& texts, See see) {
  for (const Text& text : texts) {
    int number = 0;
    for (const std::string_view line : SplitLines(text.text)) {
      ++number;
      if (IsRemark(line) || line.size() > kLongestLine) continue;
      see(Place{.where = text.numbered
                             ? fmt::format("{}:{}", text.where, number)
                             : text.where,
                .line = line});
    }
  }
}

class Patterns {
 public:
  explicit Patterns(std::initializer_list<const char*> patterns) {
    for (const char* pattern : patterns) {
      patterns_.push_back(eval::LinePattern::Make(pattern).value());
    }
  }
  std::optional<std::string> Find(std::string_view line) const {
    for (const eval::LinePattern& pattern : patterns_) {
      if (auto found = pattern.Find(line)) return found;
    }
    return std::nullopt;
  }

 private:
  std::vector<eval::LinePattern> patterns_;
};

// Something of which the machine has one.
struct Single {
  const char* pattern;  // its group is what is shown
  const char* lock;
};
constexpr std::array<Single, 10> kServices = {{
    {R"(\b(docker[ -]compose)\b)", "docker"},
    {R"(\b(docker run|podman run)\b)", "docker"},
    {R"(\b(systemctl)\s)", "service"},
    {R"(\b(service \S+ (?:re)?start)\b)", "service"},
    {R"(\b(redis-cli)\b)", "redis"},
    {R"(\b(psql|createdb|pg_ctl)\s)", "postgres"},
    {R"(\b(mysql|mysqladmin)\s)", "mysql"},
    {R"(\b(mongosh?)\s)", "mongo"},
    {R"(\b(nvidia-smi|CUDA_VISIBLE_DEVICES|cudaMalloc|hipMalloc|cupy)\b)",
     "gpu"},
    {R"((torch\.cuda|\.cuda\(\)|["']cuda(?::\d)?["']))", "gpu"},
}};

class Scan {
 public:
  explicit Scan(const ScanInput& input)
      : input_(input), texts_(TextsOf(input)) {}

  std::vector<std::string> Run() {
    Singles();
    if (!input_.own_ports) Ports();
    Databases();
    return std::move(found_);
  }

 private:
  bool Locked(std::string_view name) const {
    const std::vector<std::string>& names = input_.spec.evaluation.exclusive;
    return name == "gpu" ? std::ranges::count(names, name) > 0 : !names.empty();
  }

  void Singles() {
    std::set<std::string> told;
    for (const Single& one : kServices) {
      if (Locked(one.lock)) continue;
      const Patterns pattern{one.pattern};
      EachLine(texts_, [&](const Place& place) {
        const auto what = pattern.Find(place.line);
        if (!what || !told.insert(one.lock).second) return;
        found_.push_back(
            fmt::format("{} uses {}, of which the machine has one; set "
                        "evaluation.exclusive: [{}]",
                        place.where, OneLine(*what, 40), one.lock));
      });
    }
  }

  void Ports() {
    const Patterns port{
        R"((?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]):(\d{2,5})\b)",
        R"(--port[= ](\d{2,5})\b)",
        R"(\b(?:port|PORT)["']?\s*[=:]\s*["']?(\d{2,5})\b)",
        R"(\blisten\((\d{2,5})\b)",
        R"(\bbind\(.{0,40},\s*(\d{2,5})\b)",
    };
    for (const auto& [name, value] : input_.spec.evaluation.env) {
      if (!name.ends_with("PORT") || !ParseNumber(value)) continue;
      found_.push_back(fmt::format(
          "evaluation.env.{} is the fixed port {}, which all slots share "
          "here; write \"{{port}}\"",
          name, value));
    }
    std::set<std::string> told;
    EachLine(texts_, [&](const Place& place) {
      const auto number = port.Find(place.line);
      if (!number || !told.insert(*number).second) return;
      found_.push_back(fmt::format(
          "{} uses the fixed port {}, which all slots share here; take it from "
          "COPPICE_PORT, or set evaluation.env: {{PORT: \"{{port}}\"}}",
          place.where, *number));
    });
  }

  void Databases() {
    const Patterns file{R"(([A-Za-z0-9_.~/-]+\.(?:db|db3|sqlite|sqlite3))\b)"};
    std::set<std::string> told;
    EachLine(texts_, [&](const Place& place) {
      const auto path = file.Find(place.line);
      if (!path || !told.insert(*path).second) return;
      if (path->starts_with('/') || path->starts_with('~')) {
        if (Locked("sqlite")) return;
        found_.push_back(fmt::format(
            "{} uses the database {}, one for all slots; set "
            "evaluation.exclusive: [sqlite], or a path below the tree",
            place.where, OneLine(*path, 60)));
      } else if (!Copied(*path) && input_.untracked(*path)) {
        found_.push_back(
            fmt::format("{} uses the database {}, which is not tracked; set "
                        "evaluation.copy: [{}], one for each slot",
                        place.where, OneLine(*path, 60), OneLine(*path, 60)));
      }
    });
  }

  bool Copied(const std::string& path) const {
    return std::ranges::any_of(
        input_.spec.evaluation.copy,
        [&](const std::string& copy) { return GlobMatch(copy, path); });
  }

  const ScanInput& input_;
  const std::vector<Text> texts_;
  std::vector<std::string> found_;
};

std::string Escaped(std::string_view name) {
  std::string escaped;
  for (const char c : name) {
    if (std::string_view(".^$|()[]{}*+?\\").find(c) != std::string_view::npos) {
      escaped += '\\';
    }
    escaped += c;
  }
  return escaped;
}

}  // namespace

bool HasOwnPorts(const spec::Spec& spec, const Isolation& isolation) {
  return isolation.level >= 2 && !spec.evaluation.network;
}

ScanInput InputOf(const Project& project, bool own_ports) {
  const Project* own = &project;
  return ScanInput{
      .spec = project.spec(),
      .own_ports = own_ports,
      .tracked = [own, paths = project.TrackedPaths()](
                     const std::string& path) -> std::optional<std::string> {
        if (!paths.contains(path)) return std::nullopt;
        Result<std::string> text = own->store->ReadFile(own->base, path);
        if (!text || text->find('\0') != std::string::npos) {
          return std::nullopt;
        }
        return std::move(*text);
      },
      .untracked =
          [own, paths = project.TrackedPaths()](const std::string& path) {
            std::error_code ignored;
            return !paths.contains(path) &&
                   std::filesystem::is_regular_file(own->home.work_dir / path,
                                                    ignored);
          }};
}

std::vector<std::string> ScanForCollisions(const ScanInput& input) {
  return Scan(input).Run();
}

bool UsesPort(const ScanInput& input) {
  for (const auto& [name, value] : input.spec.evaluation.env) {
    if (value.find("{port}") != std::string::npos) return true;
  }
  return std::ranges::any_of(TextsOf(input), [](const Text& text) {
    return text.text.find("COPPICE_PORT") != std::string::npos;
  });
}

std::vector<std::string> PrintersOfMetric(
    const ScanInput& input, const std::vector<std::string>& mutable_files) {
  const std::string pattern = R"((?:print|cout|echo|log|write|METRIC).*\b()" +
                              Escaped(input.spec.metric.name) +
                              R"()["']?\s*[:=])";
  const Patterns prints{pattern.c_str()};
  std::vector<Text> texts;
  for (const std::string& path : mutable_files) {
    std::optional<std::string> text = input.tracked(path);
    if (text && text->size() <= kLongestText) {
      texts.push_back({path, std::move(*text), true});
    }
  }
  std::vector<std::string> printers;
  EachLine(texts, [&](const Place& place) {
    if (prints.Find(place.line)) printers.push_back(place.where);
  });
  return printers;
}

}  // namespace coppice::app
