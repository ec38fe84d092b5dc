#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the module against its ceilings and writes the table of doc/performance.md.

BENCH_ONLY=P1,P2,micro  chooses; BENCH_ROUNDS=3 and BENCH_SECONDS=2 say how often and how long each side is measured
BENCH_UPDATE=1          puts the table into doc/performance.md
BENCH_DISK=/var/tmp     a folder on the disk that is to be measured

The table is left in build/bench/performance.md-table as well. Exit code 1: a figure was missed.
"""

import datetime
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.figures import FIGURES, Lab
from tests.bench.server import BENCH, Disk
from tests.httpd.env import ROOT

ROUNDS, SECONDS = int(os.environ.get("BENCH_ROUNDS", "5")), int(os.environ.get("BENCH_SECONDS", "2"))
MARKS = "<!-- make bench: begin -->\n", "<!-- make bench: end -->\n"


def machine():
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="ascii"))
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(encoding="ascii"))[1]) >> 20
    versions = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}, ", "apache2-bin", "libxml2", "liblmdb0", "g++",
                               "wrk"], capture_output=True, text=True, check=False).stdout.rstrip(", ")
    return (f"{datetime.date.today()}, {len(os.sched_getaffinity(0))} processors ({cpu[1] if cpu else os.uname().machine}), "
            f"{memory} GB, Linux {os.uname().release}, {versions}. {ROUNDS} rounds of {SECONDS} s; "
            f"load before the run: {os.getloadavg()[0]:.1f}. Idle processors "
            f"{'were kept awake' if os.access('/dev/cpu_dma_latency', os.W_OK) else 'may have slept'} for P1, P2 and P9.")


def table(rows):
    lines = ["| # | figure | measured | reach | aim | |", "| --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        verdict = "" if row.reached else "**missed**"
        lines.append(f"| {row.figure} | {row.what} | {row.form.format(row.value)} {verdict} | {row.form.format(row.reach)} | "
                     f"{row.form.format(row.aim)} | {row.note} |".replace("  |", " |"))
    return "\n".join(lines) + "\n"


def main():
    chosen = [name for name in os.environ.get("BENCH_ONLY", "").split(",") if name] or [*FIGURES, "micro"]
    if unknown := set(chosen) - {*FIGURES, "micro"}:
        sys.exit(f"no such figure: {', '.join(sorted(unknown))}")
    about = machine()
    rows = []
    with Disk() as disk:
        lab = Lab(disk, ROUNDS, SECONDS)
        for name in (name for name in FIGURES if name in chosen):
            started = time.monotonic()
            found = FIGURES[name](lab)
            rows += found
            for row in found:
                print(f"{name} {row.what}: {row.form.format(row.value)} (reach {row.form.format(row.reach)}, "
                      f"aim {row.form.format(row.aim)}){'' if row.reached else ' MISSED'}; {row.note}", flush=True)
            print(f"   {time.monotonic() - started:.0f} s", flush=True)
    if "micro" in chosen:
        subprocess.run([BENCH / "micro", "--benchmark_min_time=0.2"], check=True)
    text = f"{about}\n\n{table(rows)}"
    (BENCH / "performance.md-table").write_text(text, encoding="utf-8")
    if os.environ.get("BENCH_UPDATE"):
        page = ROOT / "doc" / "performance.md"
        before, _, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        page.write_text(f"{before}{MARKS[0]}{text}{MARKS[1]}{after}", encoding="utf-8")
    print(f"\n{text}")
    return 0 if all(row.reached for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
