#include "admin/web_files.h"

// The assembler takes each file in as it is: no generator, and nothing at run time. The Makefile builds this anew when
// one of them changes.
#define BACKOFFD_WEB_FILE(symbol, path)                                 \
  __asm__(                                                              \
      ".pushsection .rodata\n"                                          \
      ".global backoffd_web_" #symbol "\n.global backoffd_web_" #symbol \
      "_end\n"                                                          \
      "backoffd_web_" #symbol ":\n.incbin \"admin/web/" path            \
      "\"\n"                                                            \
      "backoffd_web_" #symbol                                           \
      "_end:\n.byte 0\n"                                                \
      ".popsection\n");                                                 \
  extern "C" const char backoffd_web_##symbol[], backoffd_web_##symbol##_end[]

BACKOFFD_WEB_FILE(index, "index.html");
BACKOFFD_WEB_FILE(style, "style.css");
BACKOFFD_WEB_FILE(icon, "icon.svg");
BACKOFFD_WEB_FILE(app, "app.js");
BACKOFFD_WEB_FILE(call, "call.js");
BACKOFFD_WEB_FILE(chart, "chart.js");
BACKOFFD_WEB_FILE(dom, "dom.js");
BACKOFFD_WEB_FILE(exchanges, "exchanges.js");
BACKOFFD_WEB_FILE(feed, "feed.js");
BACKOFFD_WEB_FILE(format, "format.js");
BACKOFFD_WEB_FILE(gate_figures, "gate_figures.js");
BACKOFFD_WEB_FILE(gate_form, "gate_form.js");
BACKOFFD_WEB_FILE(gates, "gates.js");
BACKOFFD_WEB_FILE(history, "history.js");
BACKOFFD_WEB_FILE(providers, "providers.js");
BACKOFFD_WEB_FILE(summary, "summary.js");
BACKOFFD_WEB_FILE(words, "words.js");
BACKOFFD_WEB_FILE(openapi, "openapi.json");

namespace backoffd::admin {
namespace {

constexpr std::string_view kScript = "text/javascript; charset=utf-8";

std::string_view between(const char* begin, const char* end) { return {begin, static_cast<std::size_t>(end - begin)}; }

}  // namespace

#define BACKOFFD_CONTENT(symbol) between(backoffd_web_##symbol, backoffd_web_##symbol##_end)

const std::vector<WebFile>& web_files() {
  static const std::vector<WebFile> files = {
      {"index.html", "text/html; charset=utf-8", BACKOFFD_CONTENT(index)},
      {"style.css", "text/css; charset=utf-8", BACKOFFD_CONTENT(style)},
      {"icon.svg", "image/svg+xml", BACKOFFD_CONTENT(icon)},
      {"app.js", kScript, BACKOFFD_CONTENT(app)},
      {"call.js", kScript, BACKOFFD_CONTENT(call)},
      {"chart.js", kScript, BACKOFFD_CONTENT(chart)},
      {"dom.js", kScript, BACKOFFD_CONTENT(dom)},
      {"exchanges.js", kScript, BACKOFFD_CONTENT(exchanges)},
      {"feed.js", kScript, BACKOFFD_CONTENT(feed)},
      {"format.js", kScript, BACKOFFD_CONTENT(format)},
      {"gate_figures.js", kScript, BACKOFFD_CONTENT(gate_figures)},
      {"gate_form.js", kScript, BACKOFFD_CONTENT(gate_form)},
      {"gates.js", kScript, BACKOFFD_CONTENT(gates)},
      {"history.js", kScript, BACKOFFD_CONTENT(history)},
      {"providers.js", kScript, BACKOFFD_CONTENT(providers)},
      {"summary.js", kScript, BACKOFFD_CONTENT(summary)},
      {"words.js", kScript, BACKOFFD_CONTENT(words)},
      {"openapi.json", "application/json", BACKOFFD_CONTENT(openapi)},
  };
  return files;
}

}  // namespace backoffd::admin
