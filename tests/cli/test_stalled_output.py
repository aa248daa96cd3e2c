"""Whoever reads what a proxy logs may stop reading: the proxy goes on."""

from __future__ import annotations

import http.client
import os

from case import Case
from harness import ProxyProcess, fetch
from terminal import PATIENCE


class StalledOutput(Case):
    def test_requests_are_answered_and_the_end_comes_though_nobody_reads_the_logs(self) -> None:
        fifo = self.temporary / "fifo"
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        within = ("sh", "-c", 'exec "$@" > "$0" 2>&1', str(fifo))
        proxy = ProxyProcess(self.backoffd, self.temporary / "log", within=within)
        self.addCleanup(proxy.stop)
        client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=PATIENCE)
        for _ in range(800):  # 6 MB of lines: more than waits for a reader
            client.request("GET", "http://10.0.0.1/" + 8000 * "x")  # a destination that is refused
            answer = client.getresponse()
            answer.read()
            self.assertEqual(answer.status, 403)
        metrics = fetch(f"http://127.0.0.1:{proxy.admin_port}/metrics")
        self.assertNotIn("backoffd_access_log_lost_lines_total 0\n", metrics)
        proxy.process.terminate()
        self.assertEqual(proxy.process.wait(PATIENCE), 0)
