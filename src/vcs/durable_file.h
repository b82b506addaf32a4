#pragma once

#include "base/durable_file.h"
#include "base/file.h"

namespace coppice::vcs {

using coppice::ReplaceFile;
using coppice::SyncDirectory;
using coppice::SyncFile;

}  // namespace coppice::vcs
