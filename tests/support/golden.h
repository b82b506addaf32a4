#pragma once

#include <string>
#include <string_view>

namespace coppice::testing {

// Compares `text` with tests/<name>, a file kept in the repository; with
// COPPICE_UPDATE_GOLDEN set, writes it there instead. A difference fails the
// test case and shows the first line that differs.
void CheckGolden(std::string_view name, const std::string& text);

}  // namespace coppice::testing
