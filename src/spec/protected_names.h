#pragma once

#include <string_view>

#include "spec/spec.h"

// Names with a meaning of their own, wherever in the tree they stand.

namespace coppice::spec {

// Files by which a change could steer builds, tests, git or interpreters from
// outside the code that is measured (MEASURE §8).
bool IsProtectedName(std::string_view path);

// Files that declare dependencies: the usual ones, or those that the spec
// lists instead.
bool IsManifest(const Dependencies& dependencies, std::string_view path);

// A module that programs import by this name, without a package before it.
bool IsCommonPythonModule(std::string_view name);

// "src" of "src/a.py", "" of "a.py"; "a.py"; ".py" (empty for "Makefile" and
// ".profile"); "a".
std::string_view DirectoryOf(std::string_view path);
std::string_view FileNameOf(std::string_view path);
std::string_view ExtensionOf(std::string_view path);
std::string_view StemOf(std::string_view path);

}  // namespace coppice::spec
