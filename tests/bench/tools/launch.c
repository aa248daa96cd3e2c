/* Time from exec to the first 200.
 *
 *   launch PROXY_PORT ORIGIN_PORT PATH SECONDS COMMAND [ARGUMENT...]
 *
 * Starts COMMAND, asks through PROXY_PORT again and again until an answer is 200, prints {"ms": ..., "pid": ...}, and
 * ends COMMAND when its own stdin ends. Written in C because starting a process from an interpreter takes longer than
 * some proxies need to answer. */
#include "sockets.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static const struct timespec pause_between_tries = {.tv_nsec = 50 * 1000};

static bool answers(const struct sockaddr_in* proxy, const char* request, size_t length) {
  char answer[16384];
  int fd = try_dial(proxy);
  if (fd < 0) return false;
  ssize_t got = send(fd, request, length, MSG_NOSIGNAL) < 0 ? -1 : recv(fd, answer, sizeof answer - 1, 0);
  close(fd);
  if (got <= 0) return false;
  answer[got] = '\0';
  return status_of(answer) == 200;
}

static void run(char** command) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int null = open("/dev/null", O_RDWR);
  dup2(null, 0);
  dup2(null, 1);
  execvp(command[0], command);
  _exit(127);
}

static void end(pid_t child) {
  kill(child, SIGTERM);
  for (int i = 0; i < 100; ++i) {
    if (waitpid(child, NULL, WNOHANG) != 0) return;
    usleep(50 * 1000);
  }
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

int main(int argc, char** argv) {
  if (argc < 6) die("usage: launch PROXY_PORT ORIGIN_PORT PATH SECONDS COMMAND [ARGUMENT...]");
  struct sockaddr_in proxy = loopback(argv[1]);
  char request[1024];
  size_t length = write_get(request, sizeof request, argv[2], argv[3], "Connection: close\r\n");
  double began = now(), deadline = began + atof(argv[4]);
  pid_t child = fork();
  if (child < 0) die("fork: %s", strerror(errno));
  if (child == 0) run(argv + 5);

  while (!answers(&proxy, request, length)) {
    if (now() > deadline || waitpid(child, NULL, WNOHANG) != 0) {
      end(child);
      die("no 200 before the deadline");
    }
    nanosleep(&pause_between_tries, NULL);
  }
  printf("{\"ms\": %.3f, \"pid\": %d}\n", (now() - began) * 1e3, (int)child);
  fflush(stdout);
  while (getchar() != EOF) {
  }
  end(child);
  return 0;
}
