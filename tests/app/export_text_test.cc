#include <doctest/doctest.h>

#include "app/export_push.h"

// What goes to other programs and servers, as text.

namespace coppice {

TEST_CASE("the repository of a remote is told from its address") {
  using app::RepositoryOf;
  CHECK(RepositoryOf("https://github.com/a/b.git") == "github.com/a/b");
  CHECK(RepositoryOf("https://user:secret@ghe.test:8443/a/b") ==
        "ghe.test:8443/a/b");
  CHECK(RepositoryOf("git@github.com:a/b.git") == "github.com/a/b");
  CHECK(RepositoryOf("ssh://git@ghe.test:2222/a/b/") == "ghe.test/a/b");
  CHECK_FALSE(RepositoryOf("/srv/git/b.git").has_value());
  CHECK_FALSE(RepositoryOf("../b").has_value());
  CHECK_FALSE(RepositoryOf("https://github.com/b").has_value());
}

TEST_CASE("a push option has no line ends and fits into a packet") {
  CHECK(app::PushOptionText("a\nb\n") == "a\\nb");
  CHECK(app::PushOptionText(std::string(100'000, 'x')).size() < 20'000);
}

}  // namespace coppice
