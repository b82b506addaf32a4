# web/dist/report.html becomes an array of texts: the program needs no data
# directory, and no compiler likes one literal of that length. The page is
# ASCII, so that it can be cut anywhere.
set(page ${CMAKE_SOURCE_DIR}/web/dist/report.html)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${page})
file(READ ${page} text)
set(code "// Generated from web/dist/report.html; do not edit.\n#include \"report/page_parts.h\"\n\nnamespace coppice::report {\n\nconst std::vector<std::string_view>& PageParts() {\n  static const std::vector<std::string_view> parts{\n")
string(LENGTH "${text}" length)
set(at 0)
while(at LESS length)
  string(SUBSTRING "${text}" ${at} 12000 part)
  string(APPEND code "R\"~~~~(${part})~~~~\",\n")
  math(EXPR at "${at} + 12000")
endwhile()
string(APPEND code "  };\n  return parts;\n}\n\n}  // namespace coppice::report\n")
include(${CMAKE_SOURCE_DIR}/cmake/write_if_changed.cmake)
set(page_text ${CMAKE_CURRENT_BINARY_DIR}/page_text.cc)
coppice_write_if_changed(${page_text} "${code}")
