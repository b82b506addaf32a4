#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/sandbox.h"

// What the inside of a sandbox looks like.

namespace coppice::eval {

// Paths inside. The tree stands at one place in every slot, so that build
// directories with absolute paths in them stay valid.
inline constexpr char kInsideTree[] = "/work";
inline constexpr char kInsideTemp[] = "/tmp";
inline constexpr char kInsideHome[] = "/tmp/home";
inline constexpr char kInsideBinds[] = "/coppice";
inline constexpr char kInsideSupervisor[] = "/coppice/supervisor";
inline constexpr char kStandardPath[] = "/usr/local/bin:/usr/bin:/bin";

// `name` in the directories of PATH; empty if not found.
std::filesystem::path FindProgram(std::string_view name);

// The coppice-sandbox program: $COPPICE_SANDBOX_HELPER, else beside the running
// binary, else in ../libexec/coppice of it. kNotFound names those places.
Result<std::filesystem::path> FindSandboxHelper();

// kCheck, in one line that names what is missing, if `found` is below `level`.
Result<void> RequireLevel(const Isolation& found, int level);

// Makes the minimal /etc of sandboxes in `directory`.
Result<void> WriteMinimalEtc(const std::filesystem::path& directory);

// bwrap's arguments for all commands of one Sandbox: the namespaces and the
// allow-list root with `etc` as its /etc. The network namespace, the tree and
// what a command adds come after them.
std::vector<std::string> BwrapBase(const std::filesystem::path& bwrap,
                                   const std::filesystem::path& etc);

}  // namespace coppice::eval
