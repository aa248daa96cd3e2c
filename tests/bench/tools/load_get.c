/* Small GETs over many client connections, counted: what wrk does not do, a fixed number of requests and a new
 * connection for each.
 *
 *   load_get PROXY_PORT ORIGIN_PORT PATH CLIENTS REQUESTS SECONDS [keep|close|leave] [hold]
 *
 *   keep    every connection lives for the whole run; one the proxy closes is opened again and counted
 *   close   a new connection for each request, which says Connection: close
 *   leave   a new connection for each request, which says nothing and is closed by the client once the answer is
 * complete, as curl does hold    opens and warms the connections, prints "ready", begins at a line on stdin and keeps
 * the connections until stdin ends, so that a tracer sees requests only, neither set-up nor farewell
 *
 * Ends after REQUESTS answers or SECONDS seconds, whichever is first; prints one JSON line.
 * One thread, level-triggered epoll; connect and send block, which on loopback they do only when the proxy's backlog is
 * full. */
#include "sockets.h"

#include <stdbool.h>
#include <sys/epoll.h>

enum { MAX_CLIENTS = 4096, ANSWER_MAX = 8192 };

struct client {
  int fd;
  bool waiting; /* for an answer */
  size_t have;
  char answer[ANSWER_MAX]; /* head and body of the answer being read, NUL-terminated */
};

static struct sockaddr_in proxy;
static char request[1024];
static size_t request_length;
static int poller;
static long long reconnects;

static void ask(struct client* c) {
  c->waiting = true;
  c->have = 0;
  send_all(c->fd, request, request_length);
}

static void open_client(struct client* c) {
  c->fd = dial(&proxy);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) != 0) die("epoll_ctl: %s", strerror(errno));
}

static void reopen(struct client* c) {
  close(c->fd);
  open_client(c);
  ++reconnects;
}

/* Takes what has come; true when the answer is complete. A connection closed before an answer began is opened again,
 * and asked again when it had been asked. */
static bool take(struct client* c) {
  ssize_t got = recv(c->fd, c->answer + c->have, ANSWER_MAX - 1 - c->have, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got <= 0 && c->have == 0) {
    reopen(c);
    if (c->waiting) ask(c);
    return false;
  }
  if (got <= 0)
    die("connection closed inside an answer after %zu bytes: %s", c->have, got == 0 ? "end" : strerror(errno));
  c->have += (size_t)got;
  c->answer[c->have] = '\0';
  size_t head = head_length(c->answer);
  if (head == 0) return false;
  if (status_of(c->answer) != 200) die("answered %.60s", c->answer);
  long long body = content_length(c->answer);
  if (body < 0 || head + (size_t)body >= ANSWER_MAX) die("answer without a usable Content-Length");
  if (c->have < head + (size_t)body) return false;
  c->waiting = false;
  c->have = 0;
  return true;
}

/* Asks with every client until `requests` answers have come or the time is over; returns the answers. */
static long long work(struct client* clients, int count, long long requests, double until, bool renew) {
  long long sent = 0, done = 0;
  for (int i = 0; i < count && sent < requests; ++i, ++sent) ask(&clients[i]);
  while (done < sent) {
    struct epoll_event events[256];
    int ready = epoll_wait(poller, events, 256, 10 * 1000);
    if (ready == 0) die("no answer for ten seconds");
    for (int i = 0; i < ready; ++i) {
      struct client* c = events[i].data.ptr;
      if (!take(c)) continue;
      ++done;
      if (renew) reopen(c);
      if (sent >= requests) continue;
      ask(c);
      ++sent;
    }
    if (requests > sent && now() > until) requests = sent;
  }
  return done;
}

int main(int argc, char** argv) {
  if (argc < 8) die("usage: load_get PROXY_PORT ORIGIN_PORT PATH CLIENTS REQUESTS SECONDS keep|close|leave [hold]");
  proxy = loopback(argv[1]);
  int count = atoi(argv[4]);
  long long requests = atoll(argv[5]);
  double seconds = atof(argv[6]);
  const char* manner = argv[7];
  bool renew = strcmp(manner, "keep") != 0, hold = argc > 8 && strcmp(argv[8], "hold") == 0;
  if (count < 1 || count > MAX_CLIENTS) die("clients: 1 to %d", MAX_CLIENTS);
  alarm((unsigned)seconds + 60);

  request_length =
      write_get(request, sizeof request, argv[2], argv[3], strcmp(manner, "close") == 0 ? "Connection: close\r\n" : "");
  poller = epoll_create1(EPOLL_CLOEXEC);
  struct client* clients = calloc((size_t)count, sizeof *clients);
  if (poller < 0 || clients == NULL) die("no epoll or no memory");
  for (int i = 0; i < count; ++i) open_client(&clients[i]);

  if (hold) {
    work(clients, count, 20LL * count, now() + seconds, renew);
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF) return 1;
  }
  double began = now();
  reconnects = 0;
  long long done = work(clients, count, requests, began + seconds, renew);
  printf("{\"requests\": %lld, \"seconds\": %.6f, \"reconnects\": %lld}\n", done, now() - began, reconnects);
  fflush(stdout);
  while (hold && getchar() != EOF) {
  }
  return 0;
}
