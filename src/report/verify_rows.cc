#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "base/digest.h"
#include "report/verify_audit.h"

// Rows and texts by themselves (SPEC §4, §11). A text belongs to the
// transaction of the record that names it, so one that no record names means
// that records are gone.

namespace coppice::report {
namespace {

constexpr std::array<std::string_view, 16> kKnown{
    "started", "selected",  "asked",    "answered", "rejected", "committed",
    "sampled", "evaluated", "told",     "approved", "noted",    "paused",
    "resumed", "final",     "exported", "stopped"};

class RowAudit final : public Audit {
 public:
  explicit RowAudit(const Court& court) : court_(court) {}

  void See(const AuditRow& see) override {
    const JournalRow& row = see.row;
    if (row.seq != ++expected_) {
      court_.Blame(row.seq, "rows",
                   fmt::format("record {} is missing", expected_));
      expected_ = row.seq;
    }
    if (std::ranges::count(kKnown, row.kind) == 0) {
      court_.Blame(row.seq, "rows", "unknown kind \"" + row.kind + "\"");
    }
    if (DumpCanonical(see.body) != row.body) {
      court_.Blame(row.seq, "rows",
                   "the body is not as it is written: keys sorted, no blanks");
    }
    CheckAttempt(see);
    Collect(row.seq, see.body);
  }

  void End() override {
    Result<void> read = court_.evidence.Texts(
        [this](const std::string& name, std::string_view text) {
          ++court_.verdict.texts;
          if (Sha256Hex(text) != name) {
            court_.Blame(0, "texts",
                         fmt::format("text {:.12} is not what it was", name));
          }
          stored_.insert(name);
        });
    if (!read) court_.Blame(0, "texts", read.error().Text());
    for (const auto& [name, seq] : named_) {
      if (stored_.contains(name)) continue;
      court_.Blame(seq, "texts", fmt::format("text {:.12} is missing", name));
    }
    if (!court_.options.whole) return;
    for (const std::string& name : stored_) {
      if (named_.contains(name)) continue;
      court_.Blame(0, "texts",
                   fmt::format("no record names text {:.12}: records after {} "
                               "are gone",
                               name, expected_));
    }
  }

 private:
  // The column `attempt` is what the body says.
  void CheckAttempt(const AuditRow& see) const {
    std::optional<std::int64_t> said;
    for (const char* key : {"attempt", "node"}) {
      auto found = see.body.find(key);
      if (said || found == see.body.end()) continue;
      if (found->is_number_integer()) said = found->get<std::int64_t>();
    }
    if (said == see.row.attempt) return;
    court_.Blame(see.row.seq, "rows",
                 "the column attempt and the body name different ones");
  }

  // Names of texts, at any depth.
  void Collect(std::int64_t seq, const Json& value) {
    if (value.is_object() && value.size() == 1 && value.contains("sha256")) {
      named_.emplace(value["sha256"].get<std::string>(), seq);
    } else if (value.is_structured()) {
      for (const Json& part : value) Collect(seq, part);
    }
  }

  const Court court_;
  std::int64_t expected_ = 0;
  std::map<std::string, std::int64_t> named_;  // and where first
  std::set<std::string> stored_;
};

}  // namespace

std::unique_ptr<Audit> AuditRows(const Court& court) {
  return std::make_unique<RowAudit>(court);
}

}  // namespace coppice::report
