#include "app/compare_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/durable_file.h"
#include "base/file.h"
#include "base/json.h"

namespace coppice::app {
namespace fs = std::filesystem;
namespace {

constexpr int kFormat = 1;
constexpr const char* kFile = "study.json";

Result<StudyRecord> ReadRecord(const fs::path& file) {
  Result<std::string> text = ReadTextFile(file);
  if (!text) return text.error();
  Result<Json> json = ParseJson(*text, file.string());
  if (!json) return json.error();
  Error broken{.code = ErrorCode::kUsage,
               .what = "this is no record of a study",
               .where = file.string()};
  if (!json->is_object() || !json->contains("format")) return broken;
  if ((*json)["format"] > kFormat) {
    broken.what = fmt::format(
        "coppice {} has written this study, in a newer "
        "format",
        json->value("coppice", "?"));
    broken.next = "go on with that version";
    return broken;
  }
  StudyRecord record;
  auto text_of = [&](const char* key) { return json->value(key, ""); };
  record.id = text_of("id");
  record.name = text_of("name");
  record.file_text = text_of("file");
  record.spec_name = text_of("spec_name");
  record.spec_json = text_of("spec");
  record.lock_json = text_of("lock");
  const std::optional<ObjectId> base = ObjectId::FromHex(text_of("base"));
  if (!base) return broken;
  record.base = *base;
  return record;
}

}  // namespace

std::string StudyRecord::RunOf(const std::string& arm, int seed) const {
  return fmt::format("{}-{}-s{}", id, arm, seed);
}

fs::path StudyDirectory(const Home& home, const StudyRecord& record) {
  return home.coppice / "compare" / (record.name + "-" + record.id);
}

Result<void> WriteRecord(const fs::path& directory, const StudyRecord& record) {
  const Json json{{"format", kFormat},        {"coppice", COPPICE_VERSION},
                  {"id", record.id},          {"name", record.name},
                  {"file", record.file_text}, {"spec_name", record.spec_name},
                  {"spec", record.spec_json}, {"base", record.base.Hex()},
                  {"lock", record.lock_json}};
  Result<void> written =
      ReplaceFile(directory / kFile, DumpCanonical(json) + "\n");
  if (written) written = SyncDirectory(directory);
  if (written) written = SyncDirectory(directory.parent_path());
  return written;
}

Result<StudyRecord> FindStudy(const Home& home, const std::string& name) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& entry :
       fs::directory_iterator(home.coppice / "compare", ignored)) {
    const std::string directory = entry.path().filename();
    constexpr std::size_t kIdLength = 19;  // YYYYMMDD-HHMMSS-xxx
    if (directory.size() == name.size() + 1 + kIdLength &&
        directory.starts_with(name + "-") &&
        fs::exists(entry.path() / kFile, ignored)) {
      found.push_back(entry.path());
    }
  }
  if (found.empty()) {
    return Error{
        .code = ErrorCode::kNotFound,
        .what = fmt::format("no study called \"{}\" was started here", name),
        .where = (home.coppice / "compare").string(),
        .next = "start it: coppice compare FILE"};
  }
  return ReadRecord(*std::ranges::max_element(found) / kFile);
}

}  // namespace coppice::app
