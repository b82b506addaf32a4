#pragma once

#include <string>
#include <vector>

#include "study/compare.h"

// The four views of a study. Pure: the same facts, the same bytes.

namespace coppice::study {

// compare.md
std::string CompareMarkdown(const Comparison& comparison);
// report.html: one page that needs nothing but itself.
std::string CompareHtml(const Comparison& comparison);
// compare.json: one object on one line.
std::string CompareJson(const Comparison& comparison);
// curves.tsv: arm, seed, nodes, cost_usd, tokens, hours, best.
std::string CurvesTsv(const Comparison& comparison);

// What the study says, in one sentence an arm or pair of arms; the first is
// the verdict.
std::vector<std::string> Verdicts(const Comparison& comparison);

}  // namespace coppice::study
