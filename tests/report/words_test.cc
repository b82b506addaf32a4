#include "report/words.h"

#include <doctest/doctest.h>

#include "base/text.h"

namespace coppice::report {

TEST_CASE("text of others loses what a terminal would act on") {
  CHECK(Safe("\x1b[31mred\x1b[0m\x07 alert") == "red alert");
  CHECK(Safe("two\nlines\tone") == "two lines one");
  CHECK(Columns(Safe(std::string(300, 'a'), 40)) == 40);
}

TEST_CASE("text of others is inert in Markdown and in HTML") {
  CHECK(Markdown("<script>a|b</script>") ==
        "&lt;script&gt;a\\|b&lt;/script&gt;");
  CHECK(Markdown("[x](y) `z` *w* _v_ & #1") ==
        "\\[x\\](y) \\`z\\` \\*w\\* \\_v\\_ &amp; \\#1");
}

TEST_CASE("a fence is longer than any fence inside it") {
  const std::string text = Fenced("diff", "+```\n+````\n");
  CHECK(text == "`````diff\n+```\n+````\n`````\n");
  CHECK(Fenced("", "no newline") == "```\nno newline\n```\n");
}

TEST_CASE("columns are code points, not bytes") {
  CHECK(Columns("← neu ✓") == 7);
  CHECK(Left("✓", 3) == "✓  ");
  CHECK(Right("✓", 3) == "  ✓");
  CHECK(Left("longer", 3) == "longer");
}

TEST_CASE("confidence is high above twice the noise, noise below once") {
  CHECK(ConfidenceWord(2.1, 1) == "high");
  CHECK(ConfidenceWord(-2.1, 1) == "high");
  CHECK(ConfidenceWord(2.0, 1) == "moderate");
  CHECK(ConfidenceWord(1.0, 1) == "moderate");
  CHECK(ConfidenceWord(0.99, 1) == "noise");
  CHECK(ConfidenceWord(0.01, 0) == "high");
  CHECK(ConfidenceWord(0, 0) == "noise");
}

TEST_CASE("counts and dollars read like a sentence") {
  CHECK(Count(1, "attempt") == "1 attempt");
  CHECK(Count(0, "attempt") == "0 attempts");
  CHECK(Dollars(0) == "$0");
  CHECK(Dollars(0.0012) == "$0.0012");
  CHECK(Dollars(0.03) == "$0.03");
  CHECK(Dollars(12.3) == "$12.30");
}

}  // namespace coppice::report
