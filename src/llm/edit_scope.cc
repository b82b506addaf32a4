#include "llm/edit_scope.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/text.h"
#include "spec/protected_names.h"
#include "spec/scope_lists.h"

namespace coppice::llm {
namespace {

constexpr std::size_t kMostShown = 10;
constexpr std::size_t kWidest = 200;  // of a path that is shown or compared

bool InGitDirectory(std::string_view path) {
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    const bool git = part.size() == 4 && part[0] == '.' &&
                     (part[1] | 32) == 'g' && (part[2] | 32) == 'i' &&
                     (part[3] | 32) == 't';
    if (git) return true;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return false;
}

bool Creates(const EditBlock& block) {
  return block.kind == EditBlock::Kind::kWhole ? !block.new_text.empty()
                                               : block.old_text.empty();
}

bool Removes(const EditBlock& block) {
  return block.kind == EditBlock::Kind::kWhole && block.new_text.empty();
}

}  // namespace

EditScope::EditScope(
    const EditSession::Rules& rules,
    const std::vector<std::shared_ptr<const SourceFile>>& files)
    : rules_(rules) {
  for (const auto& file : files) {
    if (file) files_.push_back(file.get());
  }
  std::sort(files_.begin(), files_.end(),
            [](const SourceFile* a, const SourceFile* b) {
              return a->path < b->path;
            });
  for (const SourceFile* file : files_) tracked_.push_back(file->path);
  tracked_.insert(tracked_.end(), rules.hidden_files.begin(),
                  rules.hidden_files.end());
  std::sort(tracked_.begin(), tracked_.end());
}

bool EditScope::IsTracked(std::string_view path) const {
  return std::binary_search(tracked_.begin(), tracked_.end(), path);
}

const SourceFile* EditScope::Find(std::string_view path) const {
  const auto found =
      std::lower_bound(files_.begin(), files_.end(), path,
                       [](const SourceFile* file, std::string_view p) {
                         return file->path < p;
                       });
  return found != files_.end() && (*found)->path == path ? *found : nullptr;
}

std::optional<EditFault> EditScope::Refuses(const EditBlock& block) const {
  const SourceFile* file = Find(block.path);
  const std::string offence = Offence(block, file);
  if (!offence.empty()) {
    return EditFault{
        .cause = "out_of_scope",
        .details = fmt::format("  {}.\n{}", offence, Allowed(block.path))};
  }
  if (file != nullptr || Creates(block)) return std::nullopt;
  std::string details = "  There is no such file.\n";
  if (rules_.allow_create && !Removes(block)) {
    details += "  Leave the old part empty to create it.\n";
  }
  return EditFault{.cause = "file_missing",
                   .details = details + Allowed(block.path)};
}

std::string EditScope::Offence(const EditBlock& block,
                               const SourceFile* file) const {
  const std::string& path = block.path;
  if (path.starts_with('/')) return "The path is absolute";
  if (!IsSafeRelativePath(path)) {
    return "The path leaves the repository, or has empty or \".\" parts";
  }
  if (InGitDirectory(path)) return "The path is within .git";
  if (file != nullptr) {
    if (!file->mutable_file) return "The file is shown to be read only";
    if (Removes(block) && !rules_.allow_create) {
      return "Files may not be removed here";
    }
    return {};
  }
  if (IsTracked(path) || !spec::MatchesAny(rules_.mutable_patterns, path)) {
    return "The file is not one that may change";
  }
  std::string offence = PlaceOffence(path);
  if (offence.empty() && Creates(block)) offence = NewFileOffence(path);
  return offence;
}

// A path through a file or a symbolic link, or of a directory.
std::string EditScope::PlaceOffence(std::string_view path) const {
  for (std::size_t at = path.find('/'); at != std::string_view::npos;
       at = path.find('/', at + 1)) {
    if (IsTracked(path.substr(0, at))) {
      return fmt::format("{} is no directory",
                         OneLine(path.substr(0, at), kWidest));
    }
  }
  const std::string below = std::string(path) + "/";
  const auto next = std::lower_bound(tracked_.begin(), tracked_.end(), below);
  if (next != tracked_.end() && next->starts_with(below)) {
    return "The path is that of a directory";
  }
  return {};
}

std::string EditScope::NewFileOffence(std::string_view path) const {
  if (!rules_.allow_create) return "Files may not be created here";
  if (spec::IsProtectedName(path)) {
    return "Files of this name steer builds, tests or tools";
  }
  if (spec::MatchesAny(rules_.immutable_patterns, path)) {
    return "The file must not change";
  }
  return {};
}

// The paths that may change, nearest first: those of the same name, then by
// the letters that differ.
std::string EditScope::Allowed(std::string_view path) const {
  path = path.substr(0, kWidest);
  const std::string_view name = spec::FileNameOf(path);
  std::vector<std::tuple<bool, std::size_t, std::string_view>> order;
  for (const SourceFile* file : files_) {
    if (!file->mutable_file) continue;
    const std::string_view other = file->path;
    order.emplace_back(spec::FileNameOf(other) != name,
                       EditDistance(path, other.substr(0, kWidest)), other);
  }
  std::sort(order.begin(), order.end());
  std::string text = "  Files that may change: ";
  for (std::size_t i = 0; i < order.size() && i < kMostShown; ++i) {
    if (i > 0) text += ", ";
    text += OneLine(std::get<2>(order[i]), kWidest);
  }
  if (order.empty()) text += "none";
  if (order.size() > kMostShown) {
    text += fmt::format(" and {} more", order.size() - kMostShown);
  }
  text += ".\n";
  if (rules_.allow_create) {
    const std::size_t shown =
        std::min(kMostShown, rules_.mutable_patterns.size());
    text += fmt::format("  New files may be created where these match: {}.\n",
                        fmt::join(rules_.mutable_patterns.begin(),
                                  rules_.mutable_patterns.begin() +
                                      static_cast<std::ptrdiff_t>(shown),
                                  ", "));
  }
  return text;
}

}  // namespace coppice::llm
