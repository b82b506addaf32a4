#include "eval/result_channel.h"

#include <errno.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <utility>

#include "eval/safe_file.h"

namespace coppice::eval {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargestResult = 16 * 1024 * 1024;

Result<std::string> RandomName() {
  std::array<unsigned char, 16> bytes;
  if (getrandom(bytes.data(), bytes.size(), 0) !=
      static_cast<ssize_t>(bytes.size())) {
    return Error{.code = ErrorCode::kLost, .what = "no random bytes"};
  }
  std::string name;
  for (const unsigned char b : bytes) name += fmt::format("{:02x}", b);
  return name;
}

bool Before(const timespec& a, const timespec& b) {
  return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

Error CannotMake(const fs::path& directory, std::string cause) {
  return Error{.code = ErrorCode::kLost,
               .what = "cannot make a directory for the result",
               .where = directory,
               .cause = std::move(cause)};
}

}  // namespace

Result<ResultChannel> ResultChannel::Make(const fs::path& parent) {
  Result<std::string> directory = RandomName();
  Result<std::string> file = RandomName();
  if (!directory) return directory.error();
  if (!file) return file.error();
  std::error_code failed;
  fs::create_directories(parent, failed);
  ResultChannel channel;
  channel.directory_ = parent / *directory;
  channel.name_ = "result-" + *file + ".json";
  struct stat info{};
  if (mkdir(channel.directory_.c_str(), 0700) != 0 ||
      stat(channel.directory_.c_str(), &info) != 0) {
    return CannotMake(std::exchange(channel.directory_, {}),
                      std::strerror(errno));
  }
  channel.made_ = info.st_mtim;
  return channel;
}

ResultChannel::ResultChannel(ResultChannel&& other) noexcept
    : directory_(std::exchange(other.directory_, {})),
      name_(std::move(other.name_)),
      made_(other.made_) {}

ResultChannel::~ResultChannel() {
  if (directory_.empty()) return;
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

Bind ResultChannel::bind() const {
  return Bind{.host = directory_,
              .variable = "COPPICE_RESULT",
              .suffix = "/" + name_,
              .writable = true};
}

std::optional<ResultFile> ResultChannel::Read() const {
  SafeRead read = ReadBeneath(directory_, name_, kLargestResult);
  ResultFile result;
  if (!read.refused.empty()) {
    result.problem =
        MetricProblem{.reason = MetricReason::kInvalid,
                      .text = "the result file is " + read.refused};
    return result;
  }
  if (!read.file) return std::nullopt;
  // The directory is as old as the command; a file moved or copied in with an
  // older date was made by something else.
  if (Before(read.file->modified, made_)) {
    result.problem =
        MetricProblem{.reason = MetricReason::kStale,
                      .text = "the result file is older than its sample"};
    return result;
  }
  result.bytes = std::move(read.file->bytes);
  return result;
}

}  // namespace coppice::eval
