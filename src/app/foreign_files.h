#pragma once

#include "app/project.h"

// What a commit names and does not hold: submodules, files that Git LFS keeps,
// and those that a partial clone has left out (SCA-08). Slots are made of
// commits, so the first two come from the user's work tree, by
// `evaluation.copy`, or the spec is refused. kCheck.

namespace coppice::app {

// Is the path, or a directory above it, copied from the work tree?
bool IsCopied(const spec::Spec& spec, const std::string& path);

Result<void> CheckForeignFiles(const Project& project);

}  // namespace coppice::app
