// What ThreadSanitizer cannot see: OpenSSL counts references with atomics of its own, in a library that is not built
// for it, so the free by the last owner looks like a race with what an earlier owner read.
extern "C" const char* __tsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier): the sanitizer's name
extern "C" const char* __tsan_default_suppressions() { return "called_from_lib:libcrypto.so\n"; }
