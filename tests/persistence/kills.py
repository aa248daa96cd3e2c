"""kill -9 at random moments under load, most of them while a save is under way; then what the file holds, and what the
next process makes of it, must be what was written last, or newer."""

from __future__ import annotations

import json
import os
import random
import re
import select
import statistics
import threading
import time
import traceback
from collections import Counter
from pathlib import Path

import folder_watch
from support import LearningProxy, learned, load_of, provider

SEED_KEYS = 1000  # so that the file is of some 800 kB, and its writing long enough to be hit
SAVED = re.compile(rb'"saved": *([0-9.e+]+)')


class Kills:
    """Rounds on one state file in `folder`: each starts the program, compares what it loaded with the file, lets it
    learn, and kills it. What went wrong is in `faults`, what happened in `seen`."""

    def __init__(self, binary: Path, folder: Path, seed: int) -> None:
        self._binary, self._state = binary, folder / "learning.json"
        self._log = folder / "log"
        self._random = random.Random(seed)
        self._state.write_text(json.dumps(learned(SEED_KEYS, time.time())))
        self._origin = provider()
        self._confirmed = 0.0
        self.faults: list[str] = []
        self.seen: Counter[str] = Counter()

    def run(self, rounds: int) -> None:
        try:
            for number in range(rounds):
                self._round(number)
        except Exception:  # of a thread: nobody else would tell it
            self.faults.append(f"round {number}: {traceback.format_exc()}")
        finally:
            self._origin.stop()

    def _round(self, number: int) -> None:
        self._log.unlink(missing_ok=True)
        written = self._read(number)
        proxy = LearningProxy(self._binary, self._log, self._state)
        try:
            self._compare(number, written, proxy.learning())
            with load_of(proxy, self._origin):
                self._wait_for_the_moment()
                proxy.process.kill()
                proxy.process.wait()
        finally:
            proxy.stop()
        self.seen["kills"] += 1
        self.seen["kills inside a save"] += (self._state.parent / "learning.json.tmp").exists()
        if "not usable" in proxy.told() or list(self._state.parent.glob("*.corrupt-*")):
            self.faults.append(f"round {number}: the program could not read the file: {proxy.told()[-500:]}")
        self._read(number)

    def _wait_for_the_moment(self) -> None:
        """Until some time in the first seconds, or until a save has begun and a little longer. Meanwhile it notes what
        the file says of when it was saved: so much is confirmed."""
        at_save = self._random.random() < 0.7
        until = time.monotonic() + (15 if at_save else self._random.choice((1.5, 1.5, 7)) * self._random.random())
        saves = 1 if self._random.random() < 0.9 else 2
        with folder_watch.Watch(self._state.parent) as watch:
            while (left := until - time.monotonic()) > 0:
                select.select([watch], [], [], left)
                for name, what in watch.read():
                    if name == "learning.json" and what == "moved to":
                        self._confirmed = max(self._confirmed, self._saved())
                        self.seen["saves"] += 1
                    elif name == "learning.json.tmp" and what == "opened" and at_save:
                        saves -= 1
                        if saves == 0:
                            _spin(self._random.choice((0.0, 0.001, 0.003)) * self._random.random())
                            return

    def _saved(self) -> float:
        with self._state.open("rb") as file:
            return float(SAVED.search(file.read(200))[1])

    def _read(self, number: int) -> dict:
        """The file by key, each as it is written there. It must be whole, and not older than what was confirmed."""
        text = self._state.read_bytes()
        try:
            document = json.loads(text)
            keys = {entry["key"]: entry for entry in document["keys"]}
        except (ValueError, KeyError) as error:
            self.faults.append(f"round {number}: unreadable file of {len(text)} bytes: {error}")
            return {}
        if document["saved"] < self._confirmed:
            self.faults.append(f"round {number}: saved {document['saved']}, after {self._confirmed} was confirmed")
        if sum(key.startswith("seed") for key in keys) != SEED_KEYS:
            self.faults.append(f"round {number}: {len(keys)} keys")
        return keys

    def _compare(self, number: int, written: dict, loaded: dict) -> None:
        """Every key of the file is there, with its samples and its reduction (aged by seconds only)."""
        for key, entry in written.items():
            status = loaded.get(key)
            if status is None:
                self.faults.append(f"round {number}: {key} is not loaded")
            elif entry.get("recovery_times") and not entry.get("paused_seconds"):
                estimate = statistics.median_high(entry["recovery_times"])
                if abs(status["recovery_time_estimate"] - estimate) > 1e-3 * estimate:
                    self.faults.append(f"round {number}: {key} {entry} was loaded as {status}")
            if status and entry.get("base_rate") and entry["reduction_pct"] > 1:
                if abs(status["reduction_pct"] - entry["reduction_pct"]) > 0.5:
                    self.faults.append(f"round {number}: {key} {entry['reduction_pct']} was loaded as {status}")
        self.seen["keys compared"] += len(written)


def _spin(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def run(binary: Path, folder: Path, count: int, seed: int, lanes: int = 2) -> tuple[list[str], Counter[str]]:
    """`count` kills, in as many independent lanes side by side; what went wrong, and what happened."""
    all_kills = []
    threads = []
    for lane in range(lanes):
        own = folder / str(lane)
        os.mkdir(own)
        all_kills.append(Kills(binary, own, seed + lane))
        threads.append(threading.Thread(target=all_kills[-1].run, args=(len(range(lane, count, lanes)),)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    faults = [fault for kills in all_kills for fault in kills.faults]
    seen = sum((kills.seen for kills in all_kills), Counter())
    if seen["kills"] != count:
        faults.append(f"only {seen['kills']} of {count} rounds came to their end")
    return faults, seen
