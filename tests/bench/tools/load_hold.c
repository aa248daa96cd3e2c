/* Client connections that do nothing: idle ones, idle tunnels, and clients asleep inside a body.
 *
 *   load_hold PROXY_PORT ORIGIN_PORT PATH COUNT SECONDS get|connect|raw|sleep
 *
 *   get      one GET answered in full, then silence
 *   connect  a CONNECT tunnel to the origin, one GET through it, then silence
 *   raw      the same without CONNECT, for a relay that understands nothing
 *   sleep    a GET of which only the head and what came with it is read
 *
 * Prints "ready" when all are held. At a line on stdin it prints how many are still open, as JSON; it ends when stdin
 * ends or after SECONDS seconds. Connections are set up one after the other: the peak of work in the proxy must not be
 * mistaken for what it keeps. */
#include "sockets.h"

#include <stdbool.h>

static void read_body(int fd, char* buffer, size_t size, size_t have) {
  long long left = content_length(buffer);
  if (left < 0) die("answer without Content-Length");
  left -= (long long)(have - head_length(buffer));
  while (left > 0) {
    ssize_t got = recv(fd, buffer, size, 0);
    if (got <= 0) die("connection closed inside a body");
    left -= got;
  }
}

static bool still_open(int fd) {
  char byte;
  ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
}

int main(int argc, char** argv) {
  if (argc != 7) die("usage: load_hold PROXY_PORT ORIGIN_PORT PATH COUNT SECONDS get|connect|raw|sleep");
  struct sockaddr_in proxy = loopback(argv[1]);
  int count = atoi(argv[4]);
  bool tunnel = strcmp(argv[6], "connect") == 0, asleep = strcmp(argv[6], "sleep") == 0;
  if (count < 1 || count > 100000) die("count: 1 to 100000");
  alarm((unsigned)atoi(argv[5]));

  int* held = calloc((size_t)count, sizeof *held);
  if (held == NULL) die("no memory");
  char request[1024], buffer[16384];
  size_t length = write_get(request, sizeof request, argv[2], argv[3], "");
  for (int i = 0; i < count; ++i) {
    held[i] = dial(&proxy);
    if (tunnel) open_tunnel(held[i], argv[2]);
    send_all(held[i], request, length);
    size_t have = read_head(held[i], buffer, sizeof buffer);
    if (status_of(buffer) != 200) die("connection %d answered %.60s", i, buffer);
    if (!asleep) read_body(held[i], buffer, sizeof buffer, have);
  }
  puts("ready");
  fflush(stdout);
  while (getchar() != EOF) {
    int open = 0;
    for (int i = 0; i < count; ++i) open += still_open(held[i]);
    printf("{\"open\": %d}\n", open);
    fflush(stdout);
  }
  return 0;
}
