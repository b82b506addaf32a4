#include "eval/containment_places.h"

#include <stdlib.h>
#include <unistd.h>

#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/process.h"
#include "eval/cgroup.h"

namespace coppice::eval {
namespace fs = std::filesystem;

Result<PrivateDirectory> PrivateDirectory::Make(fs::path parent) {
  std::error_code error;
  if (parent.empty()) parent = fs::temp_directory_path(error);
  if (!error) fs::create_directories(parent, error);
  std::string name = (parent / (OwnerName() + "-XXXXXX")).string();
  if (error || mkdtemp(name.data()) == nullptr) {
    return Error{.code = ErrorCode::kIo,
                 .what = "cannot make a private directory",
                 .where = parent.string(),
                 .cause = error ? error.message() : std::string()};
  }
  for (const auto& entry : fs::directory_iterator(parent, error)) {
    if (OwnerIsDead(entry.path().filename().string())) {
      std::error_code ignored;
      fs::remove_all(entry.path(), ignored);
    }
  }
  return PrivateDirectory(std::move(name));
}

PrivateDirectory::PrivateDirectory(PrivateDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

PrivateDirectory::~PrivateDirectory() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

PrivateHomes::PrivateHomes(const fs::path& root) : root_(root) {
  std::error_code ignored;
  fs::create_directories(home(), ignored);
  fs::create_directories(temp(), ignored);
}

Task<void> PrivateHomes::Remove() {
  rmdir(home().c_str());
  rmdir(temp().c_str());
  if (rmdir(root_.c_str()) == 0) co_return;
  std::vector<std::string> argv{"rm", "-rf", "--", root_.string()};
  const Result<ProcessOutput> done = co_await RunTool(std::move(argv));
  if (!done || !done->ok()) LogWarning("cannot remove " + root_.string());
}

}  // namespace coppice::eval
