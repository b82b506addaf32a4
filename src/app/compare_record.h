#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "app/places.h"
#include "base/ids.h"
#include "base/result.h"

// study.json: which searches a study consists of, written before the first of
// them starts. What they have done stands in their journals alone.

namespace coppice::app {

struct StudyRecord {
  std::string id;  // YYYYMMDD-HHMMSS-xxx
  std::string name;
  std::string file_text;  // as it was read
  std::string spec_name;
  std::string spec_json;  // merged, with the study's budgets
  ObjectId base;
  std::string lock_json;  // baseline.lock

  // Of the search of an arm and a seed.
  std::string RunOf(const std::string& arm, int seed) const;
};

std::filesystem::path StudyDirectory(const Home& home,
                                     const StudyRecord& record);
// Durable when it returns.
Result<void> WriteRecord(const std::filesystem::path& directory,
                         const StudyRecord& record);
// The latest study of that name. kNotFound: there is none; kUsage: a newer
// version has written it.
Result<StudyRecord> FindStudy(const Home& home, const std::string& name);

}  // namespace coppice::app
