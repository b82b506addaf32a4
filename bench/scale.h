#pragma once

#include <filesystem>

// Where one machine ends: each section of coppice_bench_scale is told in its
// own file.

namespace coppice::bench {

// A slot made ready in small and large repositories, beside `git worktree
// add` of the same commits.
void MeasureSlots(const std::filesystem::path& dir, int most_files);

// A whole search: what a node costs early and late, memory, bytes on disk.
void MeasureGrowth(const std::filesystem::path& dir, int nodes);

// A real search with many slots of commands that sleep for heavy-tailed times.
void MeasureBusy(const std::filesystem::path& dir, int slots);

}  // namespace coppice::bench
