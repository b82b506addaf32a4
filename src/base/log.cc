#include "base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <memory>

namespace coppice {
namespace {

std::shared_ptr<spdlog::logger>& File() {
  static std::shared_ptr<spdlog::logger> file;
  return file;
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
}

void LogInfo(std::string_view line) {
  if (File()) File()->info("{}", line);
}

void LogWarning(std::string_view line) {
  std::fprintf(stderr, "warning: %.*s\n", static_cast<int>(line.size()),
               line.data());
  if (File()) File()->warn("{}", line);
}

}  // namespace coppice
