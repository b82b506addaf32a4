#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <vector>

// A candidate that misbehaves, one way a word. Started only under the limits
// of the sandbox that is tested.

namespace {

int Segfault() {
  int* volatile nowhere = nullptr;
  return *nowhere;
}

// Touches `megabytes` of memory, then says so.
int Hog(long megabytes) {
  std::vector<char*> blocks;
  for (long n = 0; n < megabytes; ++n) {
    char* block = static_cast<char*>(malloc(1 << 20));
    if (block == nullptr) return 3;
    memset(block, 1, 1 << 20);
    blocks.push_back(block);
  }
  puts("hogged");
  return blocks.size() == static_cast<size_t>(megabytes) ? 0 : 3;
}

// Forks sleepers until refused; the count of them goes to stdout.
int Bomb() {
  int forked = 0;
  while (forked < 100'000) {
    const pid_t pid = fork();
    if (pid < 0) break;
    if (pid == 0) {
      pause();
      _exit(0);
    }
    ++forked;
  }
  printf("%d\n", forked);
  fflush(stdout);
  return 1;
}

// Deaf to whatever can be ignored, in children of many sessions.
int Immortals() {
  for (int n = 0; n < 5; ++n) {
    if (fork() == 0) {
      setsid();
      if (fork() != 0) _exit(0);
      sigset_t all;
      sigfillset(&all);
      sigprocmask(SIG_SETMASK, &all, nullptr);
      while (true) pause();
    }
  }
  while (wait(nullptr) > 0) {
  }
  puts("started");
  return 0;
}

// One that forks away from whoever kills it.
int Runner() {
  signal(SIGTERM, SIG_IGN);
  while (true) {
    if (fork() != 0) _exit(0);
    setsid();
    usleep(200);
  }
}

// Starts threads that sleep until refused; their number goes to stdout.
int Threads() {
  auto sleep_on = [](void*) -> void* {
    while (true) pause();
  };
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 64 << 10);
  int started = 0;
  pthread_t thread;
  while (started < 100'000 &&
         pthread_create(&thread, &small, sleep_on, nullptr) == 0) {
    ++started;
  }
  printf("%d\n", started);
  fflush(stdout);
  return 1;
}

// Burns CPU time in a child that nobody waits for, so that no parent is told.
int Forget() {
  signal(SIGCHLD, SIG_IGN);
  const pid_t pid = fork();
  if (pid == 0) {
    while (clock() < CLOCKS_PER_SEC * 2 / 5) {
    }
    _exit(0);
  }
  while (kill(pid, 0) == 0) usleep(5'000);
  puts("forgotten");
  return 0;
}

// Asks for every core, then tells how many it has.
int Unpin() {
  cpu_set_t cpus;
  memset(&cpus, 0xff, sizeof(cpus));
  sched_setaffinity(0, sizeof(cpus), &cpus);
  sched_getaffinity(0, sizeof(cpus), &cpus);
  printf("%d\n", CPU_COUNT(&cpus));
  return 0;
}

// Makes empty files, as many as wanted.
int Litter(long wanted) {
  for (long n = 0; n < wanted; ++n) {
    char name[32];
    snprintf(name, sizeof(name), "litter-%ld", n);
    const int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return 1;
    close(fd);
  }
  puts("littered");
  return 0;
}

// Goes down until no path reaches it from above, and stays there.
int Dig() {
  char name[201];
  memset(name, 'd', 200);
  name[200] = '\0';
  for (int n = 0; n < 40; ++n) {
    if (mkdir(name, 0700) != 0 || chdir(name) != 0) return 1;
  }
  puts("deep");
  fflush(stdout);
  sleep(60);
  return 0;
}

// Connects to a socket that has a name but no file.
int Abstract(const char* name) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path + 1, name, sizeof(address.sun_path) - 2);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 +
                                           strlen(name));
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), size) == 0) {
    puts("connected");
    return 0;
  }
  perror("connect");
  return 1;
}

// Holds a port of the loopback for half a second.
int Hold(long port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  unsigned char address[16] = {};
  address[0] = AF_INET;
  address[2] = static_cast<unsigned char>(port >> 8);
  address[3] = static_cast<unsigned char>(port & 0xff);
  address[4] = 127;
  address[7] = 1;
  if (bind(fd, reinterpret_cast<sockaddr*>(address), sizeof(address)) != 0 ||
      listen(fd, 1) != 0) {
    perror("bind");
    return 1;
  }
  usleep(500'000);
  puts("held");
  return 0;
}

int Connect() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  unsigned char address[16] = {};
  address[0] = AF_INET;
  address[3] = 53;  // port
  for (int n = 4; n < 8; ++n) address[n] = 9;
  if (connect(fd, reinterpret_cast<sockaddr*>(address), sizeof(address)) == 0) {
    puts("connected");
    return 0;
  }
  perror("connect");
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const char* word = argc > 1 ? argv[1] : "";
  const char* more = argc > 2 ? argv[2] : "";
  auto is = [word](const char* name) { return strcmp(word, name) == 0; };
  if (is("segfault")) return Segfault();
  if (is("hog")) return Hog(atol(more));
  if (is("bomb")) return Bomb();
  if (is("immortals")) return Immortals();
  if (is("runner")) return Runner();
  if (is("connect")) return Connect();
  if (is("threads")) return Threads();
  if (is("forget")) return Forget();
  if (is("unpin")) return Unpin();
  if (is("litter")) return Litter(atol(more));
  if (is("dig")) return Dig();
  if (is("abstract")) return Abstract(more);
  if (is("hold")) return Hold(atol(more));
  fputs("unknown word\n", stderr);
  return 2;
}
