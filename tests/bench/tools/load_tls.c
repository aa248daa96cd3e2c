/* A client of an intercepting proxy: CONNECT, TLS inside it, GETs inside that.
 *
 *   load_tls PROXY_PORT ORIGIN_PORT PATH ROOT full|resumed|greet|keep|bulk CLIENTS REQUESTS SECONDS
 *
 *   full     a new CONNECT and a full handshake for each GET; the client says close_notify and leaves, as curl does
 *   resumed  the same with the session of the ticket that came last
 *   greet    CONNECT and a full handshake without a GET, each to a host of its own (127.1.0.0/16, never to be dialled)
 *   keep     every connection lives for the whole run
 *   bulk     one GET, its body read and thrown away
 *
 * Connections of keep and bulk are opened before, and resumed gets its first ticket; then it prints "ready", begins at
 * a line on stdin, prints one JSON line after REQUESTS answers or SECONDS seconds, and ends when stdin ends, so that
 * what is counted from the one line to the other is the work alone.
 *
 * The proxy's certificate must lead to ROOT (PEM), which shows that the tunnel is looked into. TLS 1.3 with AES-256-GCM
 * only, so that all proxies compute the same. One thread, level-triggered epoll; connect and send block, which on
 * loopback they do only when the proxy's backlog is full. */
#include "sockets.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>

enum { MAX_CLIENTS = 4096, ANSWER_MAX = 8192, BULK_READ = 256 << 10 };

enum stage { in_tunnel, in_handshake, idle, in_answer };

struct client {
  int fd;
  SSL* ssl;
  enum stage stage;
  size_t have;
  char answer[ANSWER_MAX]; /* head and body of the answer being read, NUL-terminated */
};

static struct sockaddr_in proxy;
static const char* origin_port;
static char request[1024];
static int request_length;
static int poller;
static SSL_CTX* context;
static bool resumes, greets;
static SSL_SESSION* latest; /* session of the last ticket, where resumes */
static long long greeted, resumed;

__attribute__((noreturn)) static void die_of_tls(const char* doing) {
  char text[256];
  int error = errno;
  unsigned long code = ERR_peek_last_error();
  ERR_error_string_n(code, text, sizeof text);
  die("%s: %s", doing, code != 0 ? text : strerror(error));
}

static void make_context(const char* root) {
  context = SSL_CTX_new(TLS_client_method());
  if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384") != 1 || SSL_CTX_load_verify_file(context, root) != 1)
    die_of_tls(root);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, BULK_READ);
}

static void open_client(struct client* c) {
  char text[256], host[32] = "127.0.0.1";
  if (greets) {
    snprintf(host, sizeof host, "127.1.%lld.%lld", greeted / 256, greeted % 256);
    ++greeted;
  }
  c->fd = dial(&proxy);
  int length = snprintf(text, sizeof text, "CONNECT %s:%s HTTP/1.1\r\nHost: %s:%s\r\n\r\n", host, origin_port, host,
                        origin_port);
  send_all(c->fd, text, (size_t)length);
  c->stage = in_tunnel;
  c->have = 0;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) != 0) die("epoll_ctl: %s", strerror(errno));
}

static void close_client(struct client* c) {
  SSL_shutdown(c->ssl);
  SSL_free(c->ssl);
  close(c->fd);
}

static bool tunnel_opened(struct client* c) {
  ssize_t got = recv(c->fd, c->answer + c->have, ANSWER_MAX - 1 - c->have, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got <= 0) die("CONNECT not answered: %s", got == 0 ? "end" : strerror(errno));
  c->have += (size_t)got;
  c->answer[c->have] = '\0';
  size_t head = head_length(c->answer);
  if (head == 0) return false;
  if (status_of(c->answer) != 200 || head != c->have) die("CONNECT answered %.60s", c->answer);
  return true;
}

static void begin_tls(struct client* c) {
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  c->ssl = SSL_new(context);
  if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1) die_of_tls("TLS");
  if (resumes && latest != NULL) SSL_set_session(c->ssl, latest);
  c->stage = in_handshake;
}

/* Is the call to be made again once more has come? */
static bool waits(struct client* c, int result, const char* doing) {
  if (SSL_get_error(c->ssl, result) == SSL_ERROR_WANT_READ) return true;
  die_of_tls(doing);
}

static bool handshake_done(struct client* c) {
  int result = SSL_connect(c->ssl);
  if (result != 1) return !waits(c, result, "handshake");
  resumed += SSL_session_reused(c->ssl);
  c->stage = idle;
  return true;
}

static void ask(struct client* c) {
  if (SSL_write(c->ssl, request, request_length) != request_length) die_of_tls("request");
  c->stage = in_answer;
  c->have = 0;
  c->answer[0] = '\0';
}

static bool answered(struct client* c) {
  for (;;) {
    int got = SSL_read(c->ssl, c->answer + c->have, (int)(ANSWER_MAX - 1 - c->have));
    if (got <= 0) return !waits(c, got, "answer");
    c->have += (size_t)got;
    c->answer[c->have] = '\0';
    size_t head = head_length(c->answer);
    if (head == 0) continue;
    if (status_of(c->answer) != 200) die("answered %.60s", c->answer);
    long long body = content_length(c->answer);
    if (body < 0 || head + (size_t)body >= ANSWER_MAX) die("answer without a usable Content-Length");
    if (c->have < head + (size_t)body) continue;
    c->stage = idle;
    return true;
  }
}

/* Goes on with what has come; true once the client is idle: greeted where it greets only, else answered. `asks`: it
 * asks as soon as it may. */
static bool advance(struct client* c, bool asks) {
  if (c->stage == in_tunnel) {
    if (!tunnel_opened(c)) return false;
    begin_tls(c);
  }
  if (c->stage == in_handshake) {
    if (!handshake_done(c)) return false;
    if (!asks) return true;
    ask(c);
  }
  if (c->stage != in_answer || !answered(c)) return false;
  if (resumes) {
    SSL_SESSION_free(latest);
    latest = SSL_get1_session(c->ssl);
  }
  return true;
}

/* Waits for clients that are ready, and calls `idle_again` for each that has become idle. */
static void turn(bool asks, void (*idle_again)(struct client*)) {
  struct epoll_event events[256];
  int ready = epoll_wait(poller, events, 256, 10 * 1000);
  if (ready == 0) die("no answer for ten seconds");
  for (int i = 0; i < ready; ++i)
    if (advance(events[i].data.ptr, asks)) idle_again(events[i].data.ptr);
}

static long long sent, done, wanted;
static double until;

static void count(struct client* c) {
  (void)c;
  ++done;
}

static void count_and_ask(struct client* c) {
  ++done;
  if (sent >= wanted) return;
  ask(c);
  ++sent;
}

static void count_and_renew(struct client* c) {
  ++done;
  close_client(c);
  if (sent >= wanted) return;
  open_client(c);
  ++sent;
}

/* Until `requests` answers or `seconds`; the answers. */
static long long work(struct client* clients, int number, long long requests, double seconds, bool keeps) {
  sent = done = 0;
  wanted = requests;
  until = now() + seconds;
  for (int i = 0; i < number && sent < wanted; ++i, ++sent) {
    if (keeps)
      ask(&clients[i]);
    else
      open_client(&clients[i]);
  }
  while (done < sent) {
    turn(!greets, keeps ? count_and_ask : count_and_renew);
    if (wanted > sent && now() > until) wanted = sent;
  }
  return done;
}

static void open_all(struct client* clients, int number) {
  done = 0;
  for (int i = 0; i < number; ++i) open_client(&clients[i]);
  while (done < number) turn(false, count);
}

static long long read_body(struct client* c) {
  fcntl(c->fd, F_SETFL, 0);
  ask(c);
  while (head_length(c->answer) == 0) {
    int got = SSL_read(c->ssl, c->answer + c->have, (int)(ANSWER_MAX - 1 - c->have));
    if (got <= 0) die_of_tls("no response head");
    c->have += (size_t)got;
    c->answer[c->have] = '\0';
  }
  long long body = content_length(c->answer);
  if (status_of(c->answer) != 200 || body < 0) die("answered %.60s", c->answer);
  long long left = body - (long long)(c->have - head_length(c->answer));
  static char space[BULK_READ];
  while (left > 0) {
    int got = SSL_read(c->ssl, space, left < BULK_READ ? (int)left : BULK_READ);
    if (got <= 0) die_of_tls("body ended early");
    left -= got;
  }
  return body;
}

static void wait_for_line(void) {
  puts("ready");
  fflush(stdout);
  if (getchar() == EOF) exit(1);
}

int main(int argc, char** argv) {
  if (argc != 9)
    die("usage: load_tls PROXY_PORT ORIGIN_PORT PATH ROOT full|resumed|greet|keep|bulk CLIENTS REQUESTS SECONDS");
  proxy = loopback(argv[1]);
  origin_port = argv[2];
  request_length =
      snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n", argv[3], origin_port);
  make_context(argv[4]);
  const char* manner = argv[5];
  int number = atoi(argv[6]);
  long long requests = atoll(argv[7]);
  double seconds = atof(argv[8]);
  bool bulk = strcmp(manner, "bulk") == 0, keeps = bulk || strcmp(manner, "keep") == 0;
  resumes = strcmp(manner, "resumed") == 0;
  greets = strcmp(manner, "greet") == 0;
  if (!keeps && !resumes && !greets && strcmp(manner, "full") != 0) die("unknown manner: %s", manner);
  if (number < 1 || number > MAX_CLIENTS) die("clients: 1 to %d", MAX_CLIENTS);
  if (greets && requests > 65536) die("hosts: 1 to 65536");
  alarm((unsigned)seconds + 60);
  signal(SIGPIPE, SIG_IGN);

  poller = epoll_create1(EPOLL_CLOEXEC);
  struct client* clients = calloc((size_t)number, sizeof *clients);
  if (poller < 0 || clients == NULL) die("no epoll or no memory");
  if (keeps) open_all(clients, number);
  if (keeps && !bulk) work(clients, number, 20LL * number, seconds, keeps);
  if (resumes) work(clients, 1, 1, seconds, keeps);

  resumed = 0;
  wait_for_line();
  double began = now();
  if (bulk) {
    printf("{\"bytes\": %lld, ", read_body(&clients[0]));
  } else {
    long long answers = work(clients, number, requests, seconds, keeps);
    printf("{\"requests\": %lld, \"resumed\": %lld, ", answers, resumed);
  }
  printf("\"seconds\": %.6f}\n", now() - began);
  fflush(stdout);
  while (getchar() != EOF) {
  }
  return 0;
}
