#include "app/watch_screen.h"

#define NCURSES_NOMACROS
#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <string>
#include <utility>

// The only file that sees ncurses. It puts lines on the screen and reads keys;
// what the lines say is decided elsewhere.

namespace coppice::app {
namespace {

volatile sig_atomic_t quit = 0;
void Quit(int) { quit = 1; }

enum Pair : short { kGreen = 1, kRed, kYellow, kCyan };

attr_t AttributesOf(Tone tone, bool colour) {
  auto pair = [colour](Pair number) {
    return colour ? static_cast<attr_t>(COLOR_PAIR(number)) : A_NORMAL;
  };
  switch (tone) {
    case Tone::kDim:
      return A_DIM;
    case Tone::kGood:
      return pair(kGreen) | A_BOLD;
    case Tone::kBad:
      return pair(kRed);
    case Tone::kWarn:
      return pair(kYellow) | A_BOLD;
    case Tone::kTitle:
      return pair(kCyan) | A_BOLD;
    case Tone::kBar:
      return A_REVERSE;
    case Tone::kPlain:
      break;
  }
  return A_NORMAL;
}

// For terminals without UTF-8.
std::string Ascii(const std::string& text) {
  static constexpr std::pair<const char*, const char*> kSigns[] = {
      {"━", "="}, {"─", "-"}, {"│", "|"}, {"█", "#"}, {"·", "."}, {"…", "."},
      {"▸", ">"}, {"←", "<"}, {"≤", "<"}, {"↑", "^"}, {"↓", "v"}};
  std::string plain;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t next = i + 1;
    while (next < text.size() && (text[next] & 0xC0) == 0x80) ++next;
    const std::string sign = text.substr(i, next - i);
    const char* shown = sign.size() == 1 ? sign.c_str() : "?";
    for (const auto& [from, to] : kSigns) {
      if (sign == from) shown = to;
    }
    plain += shown;
    i = next;
  }
  return plain;
}

}  // namespace

struct WatchScreen::Terminal {
  SCREEN* screen = nullptr;
  bool colour = false;
  bool utf8 = true;
};

WatchScreen::WatchScreen(std::unique_ptr<Terminal> terminal)
    : terminal_(std::move(terminal)) {}

Result<std::unique_ptr<WatchScreen>> WatchScreen::Open() {
  Error none{.code = ErrorCode::kUsage, .what = "there is no terminal"};
  const char* kind = getenv("TERM");
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0 ||
      kind == nullptr || *kind == '\0' || strcmp(kind, "dumb") == 0) {
    return none;
  }
  setlocale(LC_ALL, "");
  auto terminal = std::make_unique<Terminal>();
  terminal->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
  // Numbers are written with a point, whatever the locale.
  setlocale(LC_NUMERIC, "C");
  terminal->screen = newterm(nullptr, stdout, stdin);
  if (terminal->screen == nullptr) {
    none.what = std::string("ncurses does not know the terminal ") + kind;
    return none;
  }
  cbreak();
  noecho();
  nonl();
  keypad(stdscr, TRUE);
  curs_set(0);
  terminal->colour = has_colors() && start_color() == OK;
  if (terminal->colour) {
    use_default_colors();
    init_pair(kGreen, COLOR_GREEN, -1);
    init_pair(kRed, COLOR_RED, -1);
    init_pair(kYellow, COLOR_YELLOW, -1);
    init_pair(kCyan, COLOR_CYAN, -1);
  }
  struct sigaction action{};
  action.sa_handler = Quit;
  for (int number : {SIGINT, SIGTERM, SIGHUP}) {
    sigaction(number, &action, nullptr);
  }
  return std::unique_ptr<WatchScreen>(new WatchScreen(std::move(terminal)));
}

WatchScreen::~WatchScreen() {
  endwin();
  delscreen(terminal_->screen);
}

std::size_t WatchScreen::width() const {
  return static_cast<std::size_t>(getmaxx(stdscr));
}
std::size_t WatchScreen::height() const {
  return static_cast<std::size_t>(getmaxy(stdscr));
}

void WatchScreen::Show(const std::vector<WatchLine>& lines) {
  erase();
  for (std::size_t row = 0; row < lines.size() && row < height(); ++row) {
    move(static_cast<int>(row), 0);
    for (const WatchSpan& span : lines[row]) {
      attrset(static_cast<int>(AttributesOf(span.tone, terminal_->colour)));
      const std::string text = terminal_->utf8 ? span.text : Ascii(span.text);
      addnstr(text.c_str(), static_cast<int>(text.size()));
    }
  }
  attrset(A_NORMAL);
  refresh();
}

WatchKey WatchScreen::Wait(std::chrono::milliseconds limit) {
  timeout(static_cast<int>(limit.count()));
  const int key = getch();
  if (quit != 0) return WatchKey::kQuit;
  switch (key) {
    case ERR:
      return WatchKey::kNone;
    case 'q':
    case 'Q':
      return WatchKey::kQuit;
    case KEY_UP:
    case 'k':
      return WatchKey::kUp;
    case KEY_DOWN:
    case 'j':
      return WatchKey::kDown;
    case KEY_PPAGE:
      return WatchKey::kPageUp;
    case KEY_NPAGE:
    case ' ':
      return WatchKey::kPageDown;
    case KEY_HOME:
    case 'g':
      return WatchKey::kHome;
    case '\t':
      return WatchKey::kTab;
    case 'p':
      return WatchKey::kPause;
    default:
      return WatchKey::kOther;
  }
}

}  // namespace coppice::app
