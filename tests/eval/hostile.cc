#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
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
  auto is = [word](const char* name) { return strcmp(word, name) == 0; };
  if (is("segfault")) return Segfault();
  if (is("hog")) return Hog(argc > 2 ? atol(argv[2]) : 0);
  if (is("bomb")) return Bomb();
  if (is("immortals")) return Immortals();
  if (is("runner")) return Runner();
  if (is("connect")) return Connect();
  fputs("unknown word\n", stderr);
  return 2;
}
