#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "search/minimise.h"

namespace coppice::app {

// How parts of one node's change were judged, by tree: one line of JSON each
// in a file that is only added to, so that an export that was ended goes on
// where it was. A line that cannot be read counts as not there. Blocking.
class AblationLog {
 public:
  // `against`: the tree of the whole change; `measuring`: by what and where.
  static Result<AblationLog> Open(const std::filesystem::path& file,
                                  ObjectId against, std::string measuring);

  std::optional<search::Ablation> Find(ObjectId tree) const;
  void Add(ObjectId tree, search::Ablation answer, const std::string& why);

 private:
  AblationLog(ObjectId against, std::string measuring)
      : against_(against.Hex()), measuring_(std::move(measuring)) {}

  std::string against_;
  std::string measuring_;
  UniqueFd file_;
  std::unordered_map<ObjectId, search::Ablation> known_;
};

}  // namespace coppice::app
