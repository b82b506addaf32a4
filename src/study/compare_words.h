#pragma once

#include <string>
#include <vector>

#include "study/compare.h"

// Sentences and tables that the Markdown and the HTML view share.

namespace coppice::study {

struct Table {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
};

Table ArmsTable(const Comparison& comparison);
Table UseTable(const Comparison& comparison);
Table TreeTable(const Comparison& comparison);
Table DifferencesTable(const Comparison& comparison);
Table SeedsTable(const Comparison& comparison);
// Values over the number of chains; empty where no two arms differ in it.
Table SplitTable(const Comparison& comparison);

// So much of a resource: "40", "0.31 USD", "12400 tokens", "1h 24m"; without
// its unit where the context says it.
std::string Amount(spec::Equalize resource, double amount);
// What it is called where people read: time is work, not a clock's.
std::string_view Called(spec::Equalize resource);

// What all arms are held against: the base, before and beside the winners.
std::string BaseLine(const Comparison& comparison);
// What was equal, and how far the rest was not.
std::string Equalised(const Comparison& comparison);
// How to read what is above.
std::vector<std::string> Remarks(const Comparison& comparison);

}  // namespace coppice::study
