#pragma once

#include <filesystem>
#include <string_view>

namespace coppice {

// The log of one process: a file beside the run (coppice.log) once OpenLog was
// called, nothing before. Warnings also go to standard error. Thread-safe.
// Never a place for decisions, prompts or keys.
void OpenLog(const std::filesystem::path& file);
void LogInfo(std::string_view line);
void LogWarning(std::string_view line);

}  // namespace coppice
