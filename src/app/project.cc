#include "app/project.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/foreign_files.h"
#include "app/hooks.h"
#include "app/models.h"
#include "base/json.h"
#include "base/text.h"
#include "spec/judge_rules.h"
#include "spec/knobs.h"

namespace coppice::app {
namespace fs = std::filesystem;
namespace {

Result<void> Refuse(const vcs::RepositoryPlaces& places) {
  Error error{.code = ErrorCode::kCheck, .where = places.common_dir.string()};
  if (places.bare) {
    error.what = "this repository is bare: it has no work tree";
    error.next = "run coppice in a clone of it";
    return error;
  }
  if (!places.has_commits) {
    error.what = "this repository has no commit yet, so there is no base";
    error.where = places.work_dir.string();
    error.next = "git add -A && git commit";
    return error;
  }
  return Ok();
}

Result<void> RefuseDirty(Project& project) {
  if (project.spec().base != "HEAD") return Ok();
  std::vector<std::string> in_scope = project.scope.mutable_files;
  in_scope.insert(in_scope.end(), project.scope.immutable_files.begin(),
                  project.scope.immutable_files.end());
  // Slots get those as they lie in the work tree.
  std::erase_if(in_scope, [&](const std::string& path) {
    return IsCopied(project.spec(), path);
  });
  Result<std::vector<std::string>> dirty =
      project.store->DirtyFiles(project.base, in_scope);
  if (!dirty) return dirty.error();
  if (dirty->empty()) return Ok();
  return Error{.code = ErrorCode::kCheck,
               .what = fmt::format("uncommitted changes in scope: {}",
                                   fmt::join(*dirty, ", ")),
               .cause =
                   "coppice starts from the commit HEAD, not from the "
                   "work tree",
               .next = "commit or stash them"};
}

// Reads the spec; where it names no proposer, the first model whose key is set
// is asked.
Result<spec::Loaded> LoadWithModel(const fs::path& file,
                                   const std::optional<std::string>& text,
                                   Overrides overrides,
                                   std::vector<std::string>& notices) {
  auto load = [&] {
    return text ? spec::ParseSpec(*text, "flags", overrides)
                : spec::LoadSpec(file, overrides);
  };
  Result<spec::Loaded> loaded = load();
  if (!loaded) return loaded;
  TakeKeys(&loaded->spec);
  if (spec::HasProposer(loaded->spec)) return loaded;
  const std::optional<DefaultModel> model = FindDefaultModel();
  if (!model) return NoProposer();
  notices.push_back(fmt::format("model {} ({} is set, the spec names none)",
                                model->model, model->variable));
  overrides.emplace_back("model", model->model);
  return load();
}

Result<void> ResolveFiles(Project& project, std::string_view spec_path) {
  Result<std::vector<vcs::TreeEntry>> files =
      project.store->Files(project.base);
  if (!files) return files.error();
  project.files = std::move(*files);
  std::vector<spec::TrackedFile> tracked;
  for (const vcs::TreeEntry& entry : project.files) {
    tracked.push_back({.path = entry.path,
                       .size = entry.size,
                       .symlink = entry.symlink,
                       .executable = entry.executable});
  }
  Result<spec::ResolvedScope> scope =
      spec::ResolveScope(project.spec(), spec_path, tracked);
  if (!scope) return scope.error();
  project.scope = std::move(*scope);
  return Ok();
}

// "@notes.md" stands for the text of that tracked file, as the base has it.
Result<void> ReadInstructions(Project& project) {
  std::vector<std::string> lines = project.spec().instructions;
  bool changed = false;
  for (std::string& line : lines) {
    if (!line.starts_with('@')) continue;
    const std::string path = line.substr(1);
    Result<std::string> text = project.store->ReadFile(project.base, path);
    if (!text) {
      return Error{
          .code = ErrorCode::kUsage,
          .what = fmt::format("instructions: \"{}\" is not in the base "
                              "commit",
                              line),
          .cause = "\"@file\" reads a tracked file",
          .next = "commit it, or write the text itself"};
    }
    line = std::move(*text);
    changed = true;
  }
  if (!changed) return Ok();
  Result<spec::Loaded> merged =
      spec::ParseSpec(project.loaded.merged_json, "coppice.yaml",
                      {{"instructions", Json(lines).dump()}});
  if (!merged) return merged.error();
  project.loaded = std::move(*merged);
  return Ok();
}

// What every prompt holds must fit the prompt (SPEC §2, max_prompt_kb).
Result<void> RefuseLongPrompt(const Project& project) {
  const spec::Spec& spec = project.spec();
  std::size_t bytes = spec.goal.size();
  for (const std::string& line : spec.instructions) bytes += line.size();
  std::set<std::string> shown(project.scope.mutable_files.begin(),
                              project.scope.mutable_files.end());
  shown.insert(project.scope.readable_files.begin(),
               project.scope.readable_files.end());
  std::pair<std::uint64_t, std::string> largest;
  for (const vcs::TreeEntry& entry : project.files) {
    if (!shown.contains(entry.path)) continue;
    bytes += entry.size;
    largest = std::max(largest, {entry.size, entry.path});
  }
  for (const spec::Proposer& proposer : spec.proposers) {
    const auto limit =
        static_cast<std::size_t>(proposer.proposal.max_prompt_kb) * 1024;
    if (!std::holds_alternative<spec::ModelArm>(proposer.arm) ||
        bytes <= limit) {
      continue;
    }
    return Error{
        .code = ErrorCode::kUsage,
        .what = fmt::format("goal and files are {} KB, more than "
                            "proposal.max_prompt_kb ({}) of {}",
                            bytes / 1024, proposer.proposal.max_prompt_kb,
                            proposer.name),
        .cause = fmt::format("the largest file is {} with {} KB",
                             largest.second, largest.first / 1024),
        .next =
            "narrow scope.mutable or scope.readable, or raise "
            "proposal.max_prompt_kb if the model's context allows"};
  }
  return Ok();
}

// What is held out must not be in reach of candidates and proposers.
Result<void> RefuseOpenHoldout(const Project& project) {
  const spec::Evaluation& evaluation = project.spec().evaluation;
  if (!evaluation.holdout) return Ok();
  auto overlap = [](const std::string& a, const std::string& b) {
    return a == b || a.starts_with(b + "/") || b.starts_with(a + "/");
  };
  for (const std::string& path : evaluation.holdout->copy) {
    Error error{.code = ErrorCode::kUsage,
                .where = (project.home.work_dir / path).string()};
    auto is_path = [&](const std::string& other) {
      return overlap(path, other);
    };
    std::error_code ignored;
    if (std::ranges::any_of(evaluation.copy, is_path)) {
      error.what = fmt::format(
          "evaluation.holdout.copy: {} is in evaluation.copy as well", path);
      error.cause = "then every candidate and its measurement would see it";
      error.next = "keep it in one of the two";
    } else if (std::ranges::any_of(project.files, is_path,
                                   &vcs::TreeEntry::path)) {
      error.what =
          fmt::format("evaluation.holdout.copy: {} is tracked by git", path);
      error.cause =
          "every slot holds what is tracked, so nothing would be "
          "held out";
      error.next = fmt::format(
          "git rm -r --cached {} and ignore it, or hold out another file",
          path);
    } else if (!fs::exists(project.home.work_dir / path, ignored)) {
      error.what =
          fmt::format("evaluation.holdout.copy: {} is not there", path);
      error.next = "make it, or take it out of evaluation.holdout.copy";
    } else {
      continue;
    }
    return error;
  }
  return Ok();
}

Result<fs::path> SpecFile(const Home& home, const std::string& given) {
  const fs::path file =
      given.empty() ? home.work_dir / "coppice.yaml" : fs::absolute(given);
  if (fs::exists(file)) return file;
  return Error{.code = ErrorCode::kUsage,
               .what = given.empty() ? "there is no coppice.yaml"
                                     : "there is no such spec",
               .where = file.string(),
               .next =
                   "write one (README.md shows eight lines), or try "
                   "`coppice init --demo DIR`"};
}

}  // namespace

std::set<std::string> Project::TrackedPaths() const {
  std::set<std::string> paths;
  for (const vcs::TreeEntry& entry : files) paths.insert(entry.path);
  return paths;
}

Result<Opened> OpenRepository(const Global& global) {
  Result<vcs::RepositoryPlaces> places = vcs::FindRepository(global.repo);
  if (!places) {
    Error error = places.error();
    error.code = ErrorCode::kUsage;
    if (error.next.empty()) error.next = "git init, or --repo DIR";
    return error;
  }
  Result<void> fit = Refuse(*places);
  if (!fit) return fit.error();
  Opened opened;
  opened.home = {.work_dir = places->work_dir,
                 .common_dir = places->common_dir,
                 .coppice = places->common_dir / "coppice"};
  Result<std::unique_ptr<vcs::Store>> store = vcs::OpenStore(*places);
  if (!store) return store.error();
  opened.store = std::move(*store);
  return opened;
}

Result<Project> OpenProject(const Global& global, const SpecSource& spec,
                            const Overrides& overrides) {
  Result<Opened> repository = OpenRepository(global);
  if (!repository) return repository.error();
  Project project;
  project.home = repository->home;
  project.store = std::move(repository->store);
  Result<fs::path> file = spec.text ? Result<fs::path>(fs::path())
                                    : SpecFile(project.home, spec.file);
  if (!file) return file.error();
  Result<spec::Loaded> loaded =
      LoadWithModel(*file, spec.text, overrides, project.notices);
  if (!loaded) return loaded.error();
  project.loaded = std::move(*loaded);
  project.warnings = project.loaded.warnings;
  Result<ObjectId> base = project.store->Resolve(project.spec().base);
  if (!base) {
    Error error = base.error();
    error.code = ErrorCode::kUsage;
    return error;
  }
  project.base = *base;
  Result<void> judge = spec::CheckJudge(project.spec());
  if (!judge) return judge.error();
  Result<void> hooks = CheckHooks(project.spec().hooks);
  if (!hooks) return hooks.error();
  Result<void> notes = ReadInstructions(project);
  if (!notes) return notes.error();
  std::error_code ignored;
  const fs::path relative = fs::relative(*file, project.home.work_dir, ignored);
  if (!spec.text && !ignored && IsSafeRelativePath(relative.generic_string())) {
    project.spec_path = relative.generic_string();
  }
  Result<void> resolved = ResolveFiles(project, project.spec_path);
  if (!resolved) return resolved.error();
  project.warnings.insert(project.warnings.end(),
                          project.scope.warnings.begin(),
                          project.scope.warnings.end());
  Result<void> foreign = CheckForeignFiles(project);
  if (!foreign) return foreign.error();
  Result<void> fits = RefuseLongPrompt(project);
  if (!fits) return fits.error();
  Result<void> held_out = RefuseOpenHoldout(project);
  if (!held_out) return held_out.error();
  Result<void> clean = RefuseDirty(project);
  if (!clean) return clean.error();
  auto text = [&](const std::string& path) -> std::optional<std::string> {
    Result<std::string> read = project.store->ReadFile(project.base, path);
    if (!read) return std::nullopt;
    return std::move(*read);
  };
  Result<void> knobs = spec::CheckKnobs(project.spec(), text);
  if (!knobs) return knobs.error();
  return project;
}

Result<Project> OpenRunProject(Opened repository, spec::Spec spec,
                               std::string merged_json, ObjectId base) {
  Project project;
  project.home = std::move(repository.home);
  project.store = std::move(repository.store);
  TakeKeys(&spec);
  project.loaded.spec = std::move(spec);
  project.loaded.merged_json = std::move(merged_json);
  project.base = base;
  Result<void> resolved = ResolveFiles(project, "coppice.yaml");
  if (!resolved) return resolved.error();
  return project;
}

}  // namespace coppice::app
