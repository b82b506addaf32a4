#include "base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

namespace coppice {
namespace {

std::shared_ptr<spdlog::logger>& File() {
  static std::shared_ptr<spdlog::logger> file;
  return file;
}

// In the background both are one file; nothing is to stand there twice.
std::string& Path() {
  static std::string path;
  return path;
}
bool StderrIsLog() {
  struct stat log;
  struct stat err;
  return !Path().empty() && stat(Path().c_str(), &log) == 0 &&
         fstat(STDERR_FILENO, &err) == 0 && log.st_dev == err.st_dev &&
         log.st_ino == err.st_ino;
}

}  // namespace

void OpenLog(const std::filesystem::path& file) {
  auto sink =
      std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string());
  auto logger = std::make_shared<spdlog::logger>("coppice", std::move(sink));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %L %v",
                      spdlog::pattern_time_type::utc);
  logger->flush_on(spdlog::level::info);
  File() = std::move(logger);
  Path() = file.string();
}

void LogInfo(std::string_view line) {
  if (File()) File()->info("{}", line);
}

void LogWarning(std::string_view line) {
  if (!StderrIsLog()) {
    std::fprintf(stderr, "warning: %.*s\n", static_cast<int>(line.size()),
                 line.data());
  }
  if (File()) File()->warn("{}", line);
}

}  // namespace coppice
