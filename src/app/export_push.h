#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/export_branches.h"
#include "base/result.h"

namespace coppice::app {

// Where the branches go, found out before anything is measured.
struct PushTarget {
  std::string remote;      // as given: a name or a URL
  std::string request;     // none | gitlab | github
  std::string into;        // branch of the remote that the request is for
  std::string repository;  // HOST/OWNER/NAME, for github
};

// HOST/OWNER/NAME of a URL that git knows; nothing for another kind.
std::optional<std::string> RepositoryOf(const std::string& url);
// One push option: no line ends, which git refuses; "\n" as GitLab reads it.
std::string PushOptionText(const std::string& text);

// Nothing where no push is asked for. Errors: a remote that cannot be reached
// or written, that has such a branch, or that cannot do what is asked of it.
Result<std::optional<PushTarget>> FindPushTarget(ReadRun& run,
                                                 const ExportPlan& plan,
                                                 const ExportOptions& options);

struct Pushed {
  std::vector<std::string> lines;  // what the remote said, for people
  std::vector<std::string> urls;   // of requests, as far as they are known
};
// Pushes every branch, with its request. An error leaves the remote as it was
// but for what the error names.
Result<Pushed> PushBranches(const ExportWork& work, const PushTarget& target);

}  // namespace coppice::app
