/* The floor: a relay that copies bytes and understands nothing. What it costs, every proxy on this machine must cost.
 *
 *   floor LISTEN_PORT ORIGIN_PORT [splice]
 *
 * One thread, level-triggered epoll, one upstream connection for each client connection. A turn reads once and writes
 * at once; a writer is waited for only after EAGAIN. Bytes are read into one buffer of 256 KiB and kept only where the
 * other side would not take them; with `splice` they go through a pipe instead and never enter user memory.
 *
 * It ends at SIGTERM by dying: it holds nothing worth saving. */
#define _GNU_SOURCE
#include "tools/sockets.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/epoll.h>

enum { CHUNK = 256 * 1024, PIPE = 1024 * 1024 };

/* One end of a relayed pair; `peer` is the other one. Bytes read from `fd` that `peer` has not taken are in `kept` or
 * in the pipe. */
struct end {
  int fd;
  struct end* peer;
  char* kept;
  size_t offset, waiting; /* bytes: where the kept ones begin, how many wait in `kept` or in the pipe */
  int pipe[2];
  uint32_t armed;
  bool ended, dead;
  struct end* next_dead;
};

static int poller;
static bool splicing;
static char chunk[CHUNK];
static struct end* graveyard; /* pairs closed in this turn: later events of the turn may still name them */

static void arm(struct end* e) {
  uint32_t wanted =
      (e->waiting == 0 && !e->ended ? (uint32_t)EPOLLIN : 0) | (e->peer->waiting > 0 ? (uint32_t)EPOLLOUT : 0);
  if (wanted == e->armed) return;
  struct epoll_event event = {.events = wanted, .data.ptr = e};
  epoll_ctl(poller, EPOLL_CTL_MOD, e->fd, &event);
  e->armed = wanted;
}

static void bury(struct end* e) {
  if (e->dead) return;
  struct end* both[] = {e, e->peer};
  for (int i = 0; i < 2; ++i) {
    close(both[i]->fd);
    if (both[i]->pipe[0] >= 0) {
      close(both[i]->pipe[0]);
      close(both[i]->pipe[1]);
    }
    both[i]->dead = true;
    both[i]->next_dead = graveyard;
    graveyard = both[i];
  }
}

/* Reads once from `e`. Returns the bytes now waiting for the peer, 0 at the end of the stream, -1 on an error (EAGAIN
 * included). */
static ssize_t take(struct end* e) {
  if (!splicing) return recv(e->fd, chunk, CHUNK, 0);
  if (e->pipe[0] < 0) {
    if (pipe2(e->pipe, O_NONBLOCK | O_CLOEXEC) != 0) return -1;
    fcntl(e->pipe[1], F_SETPIPE_SZ, PIPE);
  }
  return splice(e->fd, NULL, e->pipe[1], NULL, PIPE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

/* Writes waiting bytes of `e` to its peer: from the pipe, from `kept`, or from `fresh` just read. False when the pair
 * is broken. */
static bool give(struct end* e, const char* fresh) {
  while (e->waiting > 0) {
    const char* from = fresh ? fresh : e->kept;
    ssize_t gone = splicing ? splice(e->pipe[0], NULL, e->peer->fd, NULL, e->waiting, SPLICE_F_MOVE | SPLICE_F_NONBLOCK)
                            : send(e->peer->fd, from + e->offset, e->waiting, MSG_NOSIGNAL);
    if (gone < 0 && errno == EAGAIN) break;
    if (gone <= 0) return false;
    e->offset += (size_t)gone;
    e->waiting -= (size_t)gone;
  }
  if (splicing) return true;
  if (fresh && e->waiting > 0) {
    e->kept = malloc(e->waiting);
    if (e->kept == NULL) return false;
    memcpy(e->kept, fresh + e->offset, e->waiting);
    e->offset = 0;
  } else if (e->waiting == 0) {
    free(e->kept);
    e->kept = NULL;
    e->offset = 0;
  }
  return true;
}

static void relay(struct end* e) {
  ssize_t got = take(e);
  if (got < 0 && errno == EAGAIN) return;
  if (got < 0) return bury(e);
  if (got == 0) {
    e->ended = true;
    shutdown(e->peer->fd, SHUT_WR);
    if (e->peer->ended) return bury(e);
  }
  e->waiting = (size_t)got;
  e->offset = 0;
  if (!give(e, splicing ? NULL : chunk)) return bury(e);
  arm(e);
  arm(e->peer);
}

static void drain(struct end* e) {
  if (!give(e, NULL)) return bury(e);
  arm(e);
  arm(e->peer);
}

static void open_end(struct end* e, struct end* peer, int fd) {
  *e = (struct end){.fd = fd, .peer = peer, .pipe = {-1, -1}, .armed = EPOLLIN};
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = e};
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static void accept_pair(int listener, const struct sockaddr_in* origin) {
  int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (client < 0) return;
  int upstream = dial(origin), one = 1;
  fcntl(upstream, F_SETFL, O_NONBLOCK);
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct end* pair = malloc(2 * sizeof *pair);
  if (pair == NULL) die("no memory");
  open_end(&pair[0], &pair[1], client);
  open_end(&pair[1], &pair[0], upstream);
}

static void empty_graveyard(void) {
  while (graveyard) {
    struct end *e = graveyard, *other = e->next_dead; /* the two of a pair lie next to each other */
    graveyard = other->next_dead;
    free(e->kept);
    free(other->kept);
    free(e < other ? e : other);
  }
}

int main(int argc, char** argv) {
  if (argc < 3) die("usage: floor LISTEN_PORT ORIGIN_PORT [splice]");
  struct sockaddr_in here = loopback(argv[1]), origin = loopback(argv[2]);
  splicing = argc > 3 && strcmp(argv[3], "splice") == 0;

  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr*)&here, sizeof here) != 0 || listen(listener, 4096) != 0)
    die("listen: %s", strerror(errno));
  poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);

  for (;;) {
    struct epoll_event events[256];
    int ready = epoll_wait(poller, events, 256, -1);
    for (int i = 0; i < ready; ++i) {
      struct end* e = events[i].data.ptr;
      if (e == NULL) {
        accept_pair(listener, &origin);
        continue;
      }
      uint32_t what = events[i].events;
      if (!e->dead && (what & EPOLLERR)) bury(e);
      if (!e->dead && (what & EPOLLOUT)) drain(e->peer);
      if (!e->dead && (what & (EPOLLIN | EPOLLHUP)) && e->waiting == 0 && !e->ended) relay(e);
      if (!e->dead && (what & EPOLLHUP) && e->ended) bury(e);
    }
    empty_graveyard();
  }
}
