#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// An independent checker of a run (RUN-03, AC-04, AC-52): is what the journal
// says consistent in itself and with git? It reads rows and objects as they
// lie on disk and shares with the search only the words of the spec: the rules
// are told a second time here, so that a mistake in the search is not made
// again by what looks for it. Only where every view has to agree does it run
// the program's own fold, as the second opinion.

namespace coppice::report {

// A row of the journal as it lies there, nothing decoded.
struct JournalRow {
  std::int64_t seq = 0;
  std::int64_t at = 0;  // µs since 1970
  std::string kind;
  std::optional<std::int64_t> attempt;
  std::string body;
};

// A file that differs between two commits; nothing = it is not there.
struct FileVersions {
  std::string path;
  std::optional<std::string> before, after;
};

// What the checker looks at. Blocking; one thread.
class Evidence {
 public:
  virtual ~Evidence() = default;
  virtual Result<void> Rows(
      const std::function<void(const JournalRow&)>& see) = 0;
  // Every stored text: the name it goes by, and its bytes.
  virtual Result<void> Texts(
      const std::function<void(const std::string&, std::string_view)>& see) = 0;
  // Nothing: there is no such text.
  virtual Result<std::optional<std::string>> Text(const std::string& name) = 0;
  // The commit object as git stores it; nothing: git does not have it.
  virtual Result<std::optional<std::string>> Commit(const std::string& id) = 0;
  // kNotFound: git lacks an object of one of them.
  virtual Result<std::vector<FileVersions>> Changes(const std::string& from,
                                                    const std::string& to) = 0;
  // refs/best/<run>; nothing: there is none.
  virtual Result<std::optional<std::string>> BestRef(
      const std::string& run) = 0;
};

// Something that must not be.
struct Finding {
  std::int64_t seq = 0;  // of the record at fault; 0: of none in particular
  std::string check;     // rows | texts | grammar | calls | budget | samples |
                         // decisions | commits | best | fold
  std::string what;
};

struct Verified {
  std::int64_t records = 0;
  int attempts = 0;
  int nodes = 0;
  int samples = 0;
  int calls = 0;
  int texts = 0;
  int commits = 0;                 // that git has, compared byte for byte
  std::vector<std::string> notes;  // worth knowing, no damage
  std::vector<Finding> findings;
};

struct VerifyOptions {
  bool whole = true;  // the journal to its end, not a prefix of it
  bool live = false;  // a process owns the run: git may lag behind
};

// Errors: the evidence cannot be read at all.
Result<Verified> Verify(Evidence& evidence, const VerifyOptions& options);

}  // namespace coppice::report
