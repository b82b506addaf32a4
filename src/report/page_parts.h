#pragma once

#include <string_view>
#include <vector>

namespace coppice::report {

// web/dist/report.html, cut into parts when coppice was built.
const std::vector<std::string_view>& PageParts();

}  // namespace coppice::report
