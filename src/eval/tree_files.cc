#include "eval/tree_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/json.h"
#include "base/text.h"
#include "eval/safe_file.h"

namespace coppice::eval {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargest = 16 << 20;
constexpr std::size_t kMostFiles = 1000;

// Only what was written since the slot was made ready stands here.
fs::path WrittenPart(const WorkTree& tree) {
  return tree.overlay ? tree.overlay->upper : tree.root;
}

std::vector<std::string> Matching(const fs::path& root, std::string_view glob) {
  std::vector<std::string> paths;
  std::error_code error;
  fs::recursive_directory_iterator it(
      root, fs::directory_options::skip_permission_denied, error);
  for (; !error && it != fs::recursive_directory_iterator();
       it.increment(error)) {
    if (it->is_directory(error) && !it->is_symlink(error)) continue;
    std::string path = it->path().lexically_relative(root).generic_string();
    if (GlobMatch(glob, path)) paths.push_back(std::move(path));
  }
  std::ranges::sort(paths);
  if (paths.size() > kMostFiles) paths.resize(kMostFiles);
  return paths;
}

std::string BenchmarkBeside(const fs::path& root, const std::string& path) {
  const std::string beside =
      (fs::path(path).parent_path() / "benchmark.json").generic_string();
  const SafeRead read = ReadBeneath(root, beside, kLargest);
  if (!read.file) return "";
  const Json json = Json::parse(read.file->bytes, nullptr, false);
  if (!json.is_object()) return "";
  for (const char* key : {"full_id", "title"}) {
    auto found = json.find(key);
    if (found != json.end() && found->is_string()) {
      return found->get<std::string>();
    }
  }
  return "";
}

}  // namespace

void RemoveTreeFiles(const WorkTree& tree, std::string_view glob) {
  const fs::path root = WrittenPart(tree);
  std::error_code ignored;
  for (const std::string& path : Matching(root, glob)) {
    fs::remove(root / path, ignored);
  }
}

std::vector<ResultFile> ReadTreeFiles(const WorkTree& tree,
                                      std::string_view glob) {
  const fs::path root = WrittenPart(tree);
  const std::vector<std::string> paths = Matching(root, glob);
  std::vector<ResultFile> files;
  for (const std::string& path : paths) {
    ResultFile file;
    file.id = BenchmarkBeside(root, path);
    if (file.id.empty() && paths.size() > 1) {
      file.id = fs::path(path).replace_extension().generic_string();
    }
    SafeRead read = ReadBeneath(root, path, kLargest);
    if (read.file) {
      file.bytes = std::move(read.file->bytes);
    } else {
      file.problem = MetricProblem{
          .reason = MetricReason::kInvalid,
          .text = fmt::format("{} is {}", path,
                              read.refused.empty() ? "gone" : read.refused)};
    }
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace coppice::eval
