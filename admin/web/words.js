// The names that the log and the metrics use, as sentences, with a sign for each state.

export const keyStates = {
  unknown: ["○", "nothing learned"],
  normal: ["●", "normal"],
  reducing: ["▼", "reduced"],
  recovering: ["▲", "recovering"],
  paused: ["‖", "paused"],
  exhausted: ["■", "exhausted"],
};

export const exchangeStates = {
  queued: ["‖", "queued"],
  attempting: ["→", "attempting"],
  backing_off: ["↻", "backing off"],
  relaying: ["⇣", "relaying"],
  tunnel: ["⇄", "tunnel"],
};

export const verdicts = {
  insufficient: ["○", "not enough data"],
  keep: ["●", "keep"],
  observe: ["◆", "observe"],
  rollback: ["■", "roll back"],
};

export const gates = {
  "contextual-retry": "Retries by what a request is for; broken downloads are continued.",
  "provider-learning": "Limits are reduced by what servers refuse, and given back step by step.",
};

export const guards = {
  off: "nobody looks at the verdict",
  report: "a bad verdict is reported",
  enforce: "a bad verdict turns the gate off",
};

// What happened to a gate, by whom and to which share.
export const acts = {
  flipped: (who) => `${who} flipped it`,
  advised: (who) => `${who} would have rolled it back`,
  rolled_back: (who) => `${who} rolled it back`,
  raised: (who, percentage) => `${who} raised it to ${percentage} %`,
};

export const layers = {
  default: "the built-in default",
  config: "the configuration file",
  environment: "the environment",
  command_line: "the command line",
  admin: "the admin interface",
  guard: "the guard",
};

const reasons = {
  retry: "tried again",
  resume: "continued after a break",
  committed: "broke off; could not be continued",
  not_idempotent: "not tried again: it could have been done twice",
  body_too_large: "not tried again: its body was too large to keep",
  attempts: "gave up after all attempts",
  deadline: "gave up: the wait would have been too long",
  budget: "gave up: too many retries already",
  client_gone: "the client left",
  defer: "left for later, by policy",
  failover: "left to an alternative, by policy",
  give_up: "given up, by policy",
  queue_timeout: "refused: waited too long in the queue",
  queue_full: "refused: the queue is full",
  exhausted: "refused: the server's limit is used up",
  not_retryable: "passed on as it was",
  broken_body: "broke off",
  exchange_timeout: "took too long",
  connect_error: "could not be connected",
  connect_timeout: "connecting took too long",
  reset: "reset before an answer",
  head_timeout: "no answer in time",
  bad_response: "the answer was malformed",
  bad_certificate: "the certificate does not verify",
  tls_error: "TLS failed",
  destination_refused: "refused: this destination is not allowed",
  connect_port_refused: "refused: no tunnels to this port",
  client_not_allowed: "refused: this client is not allowed",
  loop_detected: "refused: it has been here before",
  not_a_proxy_request: "refused: it names no server",
  bad_policy_header: "refused: a Backoffd- field is not understood",
  bad_request_body: "refused: its body is malformed",
  client_head_timeout: "refused: its head did not arrive",
  client_body_timeout: "refused: its body did not arrive",
  client_tls_error: "the client's TLS handshake failed",
  client_rejected_certificate: "the client does not trust our certificate",
  parent_refused: "the parent proxy refused it",
  dns_error: "the name could not be resolved",
  dns_timeout: "resolving the name took too long",
};

// [state, sign, words] of what came of an exchange.
export function outcome(exchange) {
  const {verdict, status, attempts, queued} = exchange;
  const good = status >= 100 && status < 400;
  if (verdict === "resume") return ["good", "↷", reasons.resume];
  if (good && (verdict === "none" || verdict === "" || verdict === "retry")) {
    return ["good", "✓", attempts > 1 ? "whole after a retry" : queued > 0 ? "whole after a wait" : "whole"];
  }
  const words = reasons[verdict] ?? verdict.replaceAll("_", " ");
  if (["defer", "failover", "give_up", "client_gone", "none", ""].includes(verdict)) {
    return ["passed_on", "◆", verdict === "none" || verdict === "" ? `answered ${status}` : words];
  }
  return ["bad", "■", words];
}
