#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "app/commands.h"
#include "app/embedded_files.h"
#include "base/file.h"
#include "report/views.h"

// skill: the text that a coding agent is given, where agents look for it.

namespace coppice::app {
namespace fs = std::filesystem;
namespace {

// Below the home directory.
const std::map<std::string, std::string>& Agents() {
  static const std::map<std::string, std::string> agents{
      {"claude-code", ".claude/skills"},
      {"codex", ".codex/skills"},
      {"cursor", ".cursor/skills"},
  };
  return agents;
}

Result<fs::path> PlaceOf(const std::string& where) {
  const auto agent = Agents().find(where);
  if (agent == Agents().end()) return fs::absolute(where) / "coppice";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') {
    return fs::path(home) / agent->second / "coppice";
  }
  return Error{.code = ErrorCode::kUsage,
               .what = "HOME is not set, so the place is not known",
               .next = "coppice skill --install DIR"};
}

// What is there and was changed by hand is not lost.
Result<void> CheckFree(const fs::path& place, bool force) {
  for (const EmbeddedFile& file : AgentSkill()) {
    const fs::path path = place / file.path;
    const std::string there = ReadWholeOrNothing(path);
    if (force || there.empty() || there == file.text) continue;
    return Error{.code = ErrorCode::kUsage,
                 .what = "another text is there already",
                 .where = path.string(),
                 .cause = "it is of another version of coppice, or edited",
                 .next = "--force replaces it"};
  }
  return Ok();
}

Result<void> Install(const fs::path& place) {
  for (const EmbeddedFile& file : AgentSkill()) {
    const fs::path path = place / file.path;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) return DiskError("make", path.parent_path());
    Result<void> written = report::WriteWhole(path, file.text);
    if (!written) return written;
  }
  return Ok();
}

}  // namespace

int Skill(const Global& global, const SkillOptions& options) {
  if (options.install.empty()) {
    const auto skill =
        std::ranges::find(AgentSkill(), "SKILL.md", &EmbeddedFile::path);
    Print(skill->text);
    return kDone;
  }
  Result<fs::path> place = PlaceOf(options.install);
  if (!place) return Fail(global, place.error());
  Result<void> done = CheckFree(*place, options.force);
  if (done) done = Install(*place);
  if (!done) return Fail(global, done.error());
  Print(fmt::format(
      "installed the skill in {}\n  say to the agent: make this faster with "
      "coppice",
      place->string()));
  return kDone;
}

}  // namespace coppice::app
