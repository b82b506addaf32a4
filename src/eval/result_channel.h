#pragma once

#include <time.h>

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/sandbox.h"
#include "eval/metrics.h"

namespace coppice::eval {

// COPPICE_RESULT of one command: a directory of its own, made for it and
// removed with it, and in it a file name that nobody can guess. No other
// command ever sees the directory.
class ResultChannel {
 public:
  static Result<ResultChannel> Make(const std::filesystem::path& parent);
  ResultChannel(ResultChannel&& other) noexcept;
  ResultChannel& operator=(ResultChannel&&) = delete;
  ~ResultChannel();

  Bind bind() const;
  // What the command wrote; nothing if it wrote nothing. Blocks on disk.
  std::optional<ResultFile> Read() const;

 private:
  ResultChannel() = default;

  std::filesystem::path directory_;
  std::string name_;
  timespec made_{};
};

}  // namespace coppice::eval
