#include "app/foreign_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

// A pointer is told by its text (git-lfs, docs/spec.md: less than 1024 bytes,
// this first line), and only in a commit whose .gitattributes name the filter:
// else no small file has to be read.

namespace coppice::app {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kPointer =
    "version https://git-lfs.github.com/spec/v1\n";
constexpr std::uint64_t kLargestPointer = 1024;

bool IsPointer(std::string_view text) { return text.starts_with(kPointer); }

Result<bool> UsesLfs(const Project& project) {
  for (const vcs::TreeEntry& entry : project.files) {
    if (fs::path(entry.path).filename() != ".gitattributes") continue;
    Result<std::string> text = project.store->ReadBlob(entry.blob);
    if (!text) return text.error();
    if (text->find("filter=lfs") != std::string::npos) return true;
  }
  return false;
}

Result<std::vector<std::string>> Pointers(const Project& project) {
  std::vector<std::string> pointers;
  Result<bool> lfs = UsesLfs(project);
  if (!lfs) return lfs.error();
  if (!*lfs) return pointers;
  for (const vcs::TreeEntry& entry : project.files) {
    if (entry.symlink || entry.submodule || entry.size >= kLargestPointer ||
        entry.size < kPointer.size()) {
      continue;
    }
    Result<std::string> text = project.store->ReadBlob(entry.blob);
    if (!text) return text.error();
    if (IsPointer(*text)) pointers.push_back(entry.path);
  }
  return pointers;
}

Result<void> CheckSubmodule(const Project& project, const std::string& path) {
  const fs::path checkout = project.home.work_dir / path;
  Error error{.code = ErrorCode::kCheck, .where = checkout};
  std::error_code none;
  if (!IsCopied(project.spec(), path)) {
    error.what = fmt::format("\"{}\" is a submodule", path);
    error.cause = "slots are made of commits, and a commit only names it";
    error.next = fmt::format(
        "`evaluation: {{copy: [{}]}}` gives every slot its files as they are "
        "in your checkout; to search in them, run coppice in the submodule",
        path);
  } else if (!fs::is_directory(checkout, none) ||
             fs::is_empty(checkout, none)) {
    error.what = fmt::format("the submodule \"{}\" has no files to copy", path);
    error.next = fmt::format("git submodule update --init {}", path);
  } else {
    return Ok();
  }
  return error;
}

Result<void> CheckPointer(const Project& project, const std::string& path) {
  const fs::path file = project.home.work_dir / path;
  Error error{.code = ErrorCode::kCheck, .where = file};
  if (std::ranges::count(project.scope.mutable_files, path) > 0) {
    error.what = fmt::format(
        "\"{}\" is kept by Git LFS, and scope.mutable "
        "lets it be changed",
        path);
    error.cause = "its text in the commit is a pointer";
    error.next = "take it out of scope.mutable";
    return error;
  }
  if (!IsCopied(project.spec(), path)) {
    error.what = fmt::format("\"{}\" is kept by Git LFS", path);
    error.cause = "slots are made of commits, which hold a pointer to it";
    error.next = fmt::format(
        "`evaluation: {{copy: [{}]}}` gives every slot the file of your "
        "checkout",
        path);
    return error;
  }
  std::string begin(kPointer.size(), '\0');
  std::ifstream(file, std::ios::binary)
      .read(begin.data(), static_cast<std::streamsize>(begin.size()));
  if (!IsPointer(begin)) return Ok();
  error.what = fmt::format("\"{}\" is still a Git LFS pointer", path);
  error.next = fmt::format("git lfs pull --include {}", path);
  return error;
}

// A size that could not be read is 0, so only empty files are asked for.
Result<void> CheckPresent(const Project& project, const vcs::TreeEntry& entry) {
  if (entry.submodule || entry.size > 0 || project.store->Has(entry.blob)) {
    return Ok();
  }
  return Error{
      .code = ErrorCode::kCheck,
      .what = fmt::format("\"{}\" is not in this repository", entry.path),
      .where = project.home.common_dir,
      .cause = "a partial clone leaves files out until git needs them",
      .next = fmt::format("`git archive {:.10} >/dev/null` fetches "
                          "those of the base",
                          project.base.Hex())};
}

}  // namespace

bool IsCopied(const spec::Spec& spec, const std::string& path) {
  return std::ranges::any_of(
      spec.evaluation.copy, [&](const std::string& copy) {
        return path == copy || path.starts_with(copy + "/");
      });
}

Result<void> CheckForeignFiles(const Project& project) {
  for (const vcs::TreeEntry& entry : project.files) {
    Result<void> checked = entry.submodule ? CheckSubmodule(project, entry.path)
                                           : CheckPresent(project, entry);
    if (!checked) return checked;
  }
  Result<std::vector<std::string>> pointers = Pointers(project);
  if (!pointers) return pointers.error();
  for (const std::string& path : *pointers) {
    Result<void> checked = CheckPointer(project, path);
    if (!checked) return checked;
  }
  return Ok();
}

}  // namespace coppice::app
