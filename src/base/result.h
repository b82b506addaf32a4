#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <utility>

namespace coppice {

// What kind of expected failure; the program's exit code follows from it.
enum class ErrorCode {
  kUsage,     // the command line or the specification is wrong
  kCheck,     // a preflight check failed; nothing was spent
  kConflict,  // a merge or an export met a conflict
  kNotFound,  // no such run, node, file or commit
  kBusy,      // another process owns what is needed
  kIo,        // disk, database or git storage failed
  kLost,      // our own fault while evaluating: retried, never scored
  kInternal,  // a promise inside coppice was broken
};

// An expected failure as a value, told in the four parts a reader needs.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string what;   // what happened
  std::string where;  // file:line, or the path of a log; may be empty
  std::string cause;  // the likely reason; may be empty
  std::string next;   // the command or the change that goes on; may be empty

  // "what (where): cause; next", parts that are empty left out.
  std::string Text() const;
};

template <class T>
using Result = boost::system::result<T, Error>;

// `Result<void>` that holds no error.
inline Result<void> Ok() { return {}; }

// Lets Result<T>::value() on an error end the run: a broken promise.
[[noreturn]] void throw_exception_from_error(const Error& error,
                                             const boost::source_location&);

}  // namespace coppice
