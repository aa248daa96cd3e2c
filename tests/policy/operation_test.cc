#include "policy/operation.h"

#include <gtest/gtest.h>

#include "policy/facts.h"

namespace backoffd::policy {
namespace {

TEST(Operation, NamesAreExact) {
  for (std::size_t i = 0; i < kOperationNames.size(); ++i) {
    EXPECT_EQ(parse_operation(kOperationNames[i]), static_cast<Operation>(i));
  }
  for (const auto* bad : {"", "Download", "download ", "downloads", "manifest-fetch"}) {
    EXPECT_FALSE(parse_operation(bad)) << bad;
  }
}

struct Case {
  const char* method;
  const char* path;
  const char* accept;
  bool has_range;
  Operation expected;
};

TEST(Operation, IsInferredInTheOrderOfTheRules) {
  using enum Operation;
  for (const Case& c : {
           // HEAD before all else
           Case{"HEAD", "/a.pdf", "application/json", true, validate},
           Case{"HEAD", "/robots.txt", "", false, validate},
           Case{"head", "/a", "", false, download},  // methods are case-sensitive
           // then the path of a manifest
           Case{"GET", "/manifest.json", "", false, manifest_fetch},
           Case{"GET", "/iiif/book1/manifest.json", "application/json", false, manifest_fetch},
           Case{"GET", "/SITEMAP.xml", "", true, manifest_fetch},
           Case{"GET", "/news-sitemap.xml", "", false, manifest_fetch},
           Case{"GET", "/robots.txt", "*/*", false, manifest_fetch},
           Case{"GET", "/robots.txt/x", "*/*", false, download},
           // then what is an artifact
           Case{"GET", "/api/items/1", "", true, download},
           Case{"GET", "/api/items/1.pdf", "application/json", false, download},
           Case{"GET", "/v1/file.tar.GZ", "", false, download},
           Case{"GET", "/works/10.1/x.epub", "", false, download},
           Case{"GET", "/api/x", "application/pdf", false, download},
           Case{"GET", "/api/x", "text/html, Application/PDF;q=0.9", false, download},
           Case{"GET", "/api/x", "image/*", false, download},
           Case{"GET", "/api/x", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", false,
                download},
           Case{"GET", "/v2/lib/blobs", "application/octet-stream", false, download},
           // then what is structured
           Case{"GET", "/x", "application/json", false, resolve},
           Case{"GET", "/x", "application/xml;q=0.5", false, resolve},
           Case{"GET", "/x", "text/plain, application/vnd.citationstyles.csl+json", false, resolve},
           Case{"GET", "/x", "application/atom+xml", false, resolve},
           Case{"GET", "/x", "text/html,application/xhtml+xml", false, download},
           Case{"GET", "/api", "", false, resolve},
           Case{"GET", "/api/", "*/*", false, resolve},
           Case{"GET", "/API/search", "", false, resolve},
           Case{"GET", "/v1", "", false, resolve},
           Case{"GET", "/v10/x", "", false, resolve},
           Case{"GET", "/v2.1/x", "", false, resolve},
           Case{"GET", "/works/W123", "", false, resolve},
           Case{"POST", "/works", "", false, resolve},
           // else download
           Case{"GET", "/", "", false, download},
           Case{"GET", "", "", false, download},
           Case{"GET", "*", "", false, download},
           Case{"GET", "/apis/x", "", false, download},
           Case{"GET", "/v/x", "", false, download},
           Case{"GET", "/vol1/x", "", false, download},
           Case{"GET", "/v1x/y", "", false, download},
           Case{"GET", "/x/api/y", "", false, download},
           Case{"GET", "/a.json", "", false, download},
           Case{"GET", "/a.", "text/html", false, download},
           Case{"GET", "/a", "\"never closed, application/json", false, download},
       }) {
    RequestFacts request;
    request.method = c.method;
    request.path = c.path;
    request.accept = c.accept;
    request.has_range = c.has_range;
    EXPECT_EQ(name(infer_operation(request)), name(c.expected)) << c.method << ' ' << c.path << ' ' << c.accept;
  }
}

}  // namespace
}  // namespace backoffd::policy
