#include "spec/protected_names.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.h"

namespace coppice::spec {
namespace {

constexpr std::array<std::string_view, 21> kProtectedFiles{
    ".gitmodules",
    ".gitattributes",
    ".gitlab-ci.yml",
    "conftest.py",
    "sitecustomize.py",
    "usercustomize.py",
    "pytest.ini",
    "tox.ini",
    "setup.cfg",
    "pyproject.toml",
    "Makefile",
    "makefile",
    "GNUmakefile",
    "CMakeLists.txt",
    "CMakePresets.json",
    "CMakeUserPresets.json",
    "build.rs",
    "package.json",
    ".npmrc",
    ".envrc",
    "Dockerfile"};

constexpr std::array<std::string_view, 3> kProtectedDirectories{
    ".git", ".github", ".cargo"};

constexpr std::array<std::string_view, 28> kManifests{
    "package.json",     "package-lock.json", "yarn.lock",    "pnpm-lock.yaml",
    "pyproject.toml",   "poetry.lock",       "uv.lock",      "Pipfile",
    "Pipfile.lock",     "setup.py",          "setup.cfg",    "environment.yml",
    "environment.yaml", "Cargo.toml",        "Cargo.lock",   "go.mod",
    "go.sum",           "Gemfile",           "Gemfile.lock", "composer.json",
    "composer.lock",    "pom.xml",           "build.gradle", "build.gradle.kts",
    "vcpkg.json",       "conanfile.txt",     "conanfile.py", "mix.exs"};

// Between blanks: the standard library of Python 3.11, then what evaluators
// import most.
constexpr std::string_view kPythonModules =
    " abc aifc antigravity argparse array ast asynchat asyncio asyncore atexit "
    "audioop base64 bdb binascii bisect builtins bz2 cProfile calendar cgi "
    "cgitb chunk cmath cmd code codecs codeop collections colorsys compileall "
    "concurrent configparser contextlib contextvars copy copyreg crypt csv "
    "ctypes curses dataclasses datetime dbm decimal difflib dis distutils "
    "doctest email encodings ensurepip enum errno faulthandler fcntl filecmp "
    "fileinput fnmatch fractions ftplib functools gc genericpath getopt "
    "getpass gettext glob graphlib grp gzip hashlib heapq hmac html http "
    "idlelib imaplib imghdr imp importlib inspect io ipaddress itertools json "
    "keyword lib2to3 linecache locale logging lzma mailbox mailcap marshal "
    "math mimetypes mmap modulefinder multiprocessing netrc nis nntplib "
    "ntpath numbers opcode operator optparse os ossaudiodev pathlib pdb pickle "
    "pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint "
    "profile pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat queue "
    "quopri random re readline reprlib resource rlcompleter runpy sched "
    "secrets select selectors shelve shlex shutil signal site smtpd smtplib "
    "sndhdr socket socketserver spwd sqlite3 sre_compile sre_constants "
    "sre_parse ssl stat statistics string stringprep struct subprocess sunau "
    "symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios "
    "textwrap this threading time timeit tkinter token tokenize tomllib trace "
    "traceback tracemalloc tty turtle types typing unicodedata unittest urllib "
    "uu uuid venv warnings wave weakref webbrowser wsgiref xdrlib xml xmlrpc "
    "zipapp zipfile zipimport zlib zoneinfo "
    "hypothesis jax matplotlib numpy pandas psutil pyperf pytest requests "
    "scipy sklearn tensorflow torch tqdm yaml ";

template <std::size_t N>
bool IsOneOf(std::string_view name,
             const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string_view DirectoryOf(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view()
                                         : path.substr(0, slash);
}

std::string_view FileNameOf(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

std::string_view ExtensionOf(std::string_view path) {
  const std::string_view name = FileNameOf(path);
  const std::size_t point = name.rfind('.');
  if (point == std::string_view::npos || point == 0) return {};
  return name.substr(point);
}

std::string_view StemOf(std::string_view path) {
  std::string_view name = FileNameOf(path);
  name.remove_suffix(ExtensionOf(path).size());
  return name;
}

bool IsProtectedName(std::string_view path) {
  const std::string_view extension = ExtensionOf(path);
  if (extension == ".pth" || extension == ".cmake") return true;
  if (IsOneOf(FileNameOf(path), kProtectedFiles)) return true;
  for (std::string_view rest = path; !rest.empty();) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    if (IsOneOf(rest.substr(0, end), kProtectedDirectories)) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

bool IsManifest(const Dependencies& dependencies, std::string_view path) {
  if (dependencies.manifests) {
    return std::any_of(
        dependencies.manifests->begin(), dependencies.manifests->end(),
        [path](const std::string& glob) { return GlobMatch(glob, path); });
  }
  const std::string_view name = FileNameOf(path);
  return IsOneOf(name, kManifests) ||
         (name.starts_with("requirements") && name.ends_with(".txt"));
}

bool IsCommonPythonModule(std::string_view name) {
  return !name.empty() && name.find(' ') == std::string_view::npos &&
         kPythonModules.find(" " + std::string(name) + " ") !=
             std::string_view::npos;
}

}  // namespace coppice::spec
