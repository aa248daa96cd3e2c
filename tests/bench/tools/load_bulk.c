/* One large body, read and thrown away.
 *
 *   load_bulk PROXY_PORT ORIGIN_PORT PATH SECONDS get|connect|raw
 *
 *   get and raw send the GET as it is, connect sends it through a CONNECT tunnel.
 *
 * The body is discarded inside the kernel (MSG_TRUNC), so that the client's own copying does not hide the proxy's.
 * Prints one JSON line; gives up after SECONDS seconds. */
#include "sockets.h"

int main(int argc, char** argv) {
  if (argc != 6) die("usage: load_bulk PROXY_PORT ORIGIN_PORT PATH SECONDS get|connect|raw");
  struct sockaddr_in proxy = loopback(argv[1]);
  alarm((unsigned)atoi(argv[4]));

  char request[1024], buffer[16384];
  size_t length = write_get(request, sizeof request, argv[2], argv[3], "");
  double began = now();
  int fd = dial(&proxy);
  if (strcmp(argv[5], "connect") == 0) open_tunnel(fd, argv[2]);
  send_all(fd, request, length);
  size_t have = read_head(fd, buffer, sizeof buffer);
  if (status_of(buffer) != 200) die("answered %.60s", buffer);
  long long body = content_length(buffer);
  if (body < 0) die("answer without Content-Length");

  long long left = body - (long long)(have - head_length(buffer));
  while (left > 0) {
    ssize_t got = recv(fd, NULL, left < (1 << 20) ? (size_t)left : 1 << 20, MSG_TRUNC);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) die("body ended %lld bytes early", left);
    left -= got;
  }
  printf("{\"bytes\": %lld, \"seconds\": %.6f}\n", body, now() - began);
  return 0;
}
