# SPDX-License-Identifier: Apache-2.0
"""A program that holds read transactions of a store, or the place of its writer, until it is killed (see hold.cpp)."""

import contextlib
import subprocess

from tests.httpd.env import BUILD


@contextlib.contextmanager
def hold(env, *what):
    """`read`, COUNT or `write`: (process, how many it got)."""
    with subprocess.Popen([BUILD / "torture" / "hold", env.store, *map(str, what)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, int(process.stdout.readline().removeprefix("held "))
        finally:
            process.kill()
