/* What the load tools share: loopback addresses, dialling, whole writes, one response head.
 *
 * Everything here ends the program on failure: a load tool that goes on after an error would report a figure for work
 * that was not done. Each tool calls alarm() with its own bound, so no blocking call below can outlive it. */
#ifndef BENCH_SOCKETS_H
#define BENCH_SOCKETS_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

__attribute__((noreturn, format(printf, 1, 2))) static inline void die(const char* format, ...) {
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  exit(1);
}

/* Monotonic time, in seconds. */
static inline double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline struct sockaddr_in loopback(const char* port) {
  long number = strtol(port, NULL, 10);
  if (number < 1 || number > 65535) die("not a port: %s", port);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)number)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/* A connected socket with TCP_NODELAY, or -1 with errno set. */
static inline int try_dial(const struct sockaddr_in* to) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(fd, (const struct sockaddr*)to, sizeof *to) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static inline int dial(const struct sockaddr_in* to) {
  int fd = try_dial(to);
  if (fd < 0) die("connect: %s", strerror(errno));
  return fd;
}

static inline void send_all(int fd, const char* data, size_t length) {
  while (length > 0) {
    ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) die("send: %s", strerror(errno));
    data += sent;
    length -= (size_t)sent;
  }
}

/* A complete response head within `have` bytes: its length, or 0 when more is needed. The text must be NUL-terminated.
 */
static inline size_t head_length(const char* text) {
  const char* end = strstr(text, "\r\n\r\n");
  return end ? (size_t)(end - text) + 4 : 0;
}

static inline int status_of(const char* head) { return strncmp(head, "HTTP/1.", 7) == 0 ? atoi(head + 9) : 0; }

/* Content-Length in bytes, or -1 when the head names none. */
static inline long long content_length(const char* head) {
  for (const char* line = strstr(head, "\r\n"); line && strncmp(line, "\r\n\r\n", 4) != 0;
       line = strstr(line + 2, "\r\n"))
    if (strncasecmp(line + 2, "content-length:", 15) == 0) return atoll(line + 17);
  return -1;
}

/* Reads until a head is complete; returns the bytes read in all (head and what came behind it), NUL-terminated. */
static inline size_t read_head(int fd, char* buffer, size_t size) {
  size_t have = 0;
  for (;;) {
    ssize_t got = recv(fd, buffer + have, size - 1 - have, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) die("no response head: %s", got == 0 ? "connection closed" : strerror(errno));
    have += (size_t)got;
    buffer[have] = '\0';
    if (head_length(buffer)) return have;
    if (have == size - 1) die("response head longer than %zu bytes", size);
  }
}

/* Opens a CONNECT tunnel to the origin port on an established client connection. */
static inline void open_tunnel(int fd, const char* origin_port) {
  char text[4096];
  int length = snprintf(text, sizeof text, "CONNECT 127.0.0.1:%s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n", origin_port,
                        origin_port);
  send_all(fd, text, (size_t)length);
  read_head(fd, text, sizeof text);
  if (status_of(text) != 200) die("CONNECT answered %d", status_of(text));
}

/* A GET in absolute form, as a forward proxy wants it; an origin server takes it too. */
static inline size_t write_get(char* text, size_t size, const char* origin_port, const char* path, const char* fields) {
  int length = snprintf(text, size, "GET http://127.0.0.1:%s%s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n%s\r\n", origin_port,
                        path, origin_port, fields);
  if (length < 0 || (size_t)length >= size) die("request too long");
  return (size_t)length;
}

#endif
