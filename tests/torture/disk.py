# SPDX-License-Identifier: Apache-2.0
"""A small disk of the test's own: an ext4 image in memory on a loop device. It can lose its power, and it can be full.

Needs the right to mount; mountable() tells whether it is there.
"""

import atexit
import contextlib
import fcntl
import functools
import os
import shutil
import struct
import subprocess
import tempfile
import time
from pathlib import Path

SHUTDOWN = 2 << 30 | 4 << 16 | ord("X") << 8 | 125  # EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32)
WITHOUT_THE_LOG = 2  # what the journal has not written yet is lost


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr}"


class Disk:
    """`path` is where it is mounted."""

    def __init__(self, megabytes):
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="ews-im-disk-", dir=memory if os.access(memory, os.W_OK) else None))
        self.folder.chmod(0o755)
        self.image, self.path, self.ballast = (self.folder / name for name in ("image", "disk", "disk/ballast"))
        self.owner, self.mounted = os.getpid(), False
        atexit.register(self.close)
        self.path.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(megabytes << 20)
        run("mkfs.ext4", "-q", "-F", "-m", "0", self.image)
        self.mount()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def mount(self):
        run("mount", "-o", "loop", self.image, self.path)
        self.mounted = True

    def unmount(self):
        """Waits a moment for killed processes to be gone."""
        for attempt in range(100):
            done = subprocess.run(["umount", self.path], capture_output=True, text=True, timeout=60, check=False)
            if done.returncode == 0:
                self.mounted = False
                return
            time.sleep(0.05)
        raise AssertionError(done.stderr)

    def cut_power(self):
        """From now on nothing reaches the image; what was not flushed never does."""
        directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(directory, SHUTDOWN, struct.pack("I", WITHOUT_THE_LOG))
        finally:
            os.close(directory)

    def free(self):
        about = os.statvfs(self.path)
        return about.f_bavail * about.f_frsize

    def fill(self, leave):
        """Takes all room but `leave` bytes."""
        with open(self.ballast, "ab") as ballast:
            size = self.free() - leave
            if size > 0:
                with contextlib.suppress(OSError):  # the file system keeps some for itself: then it is full already
                    os.posix_fallocate(ballast.fileno(), ballast.tell(), size)

    def fill_up(self):
        """Takes all room, to the last block."""
        self.fill(0)
        with open(self.ballast, "ab", buffering=0) as ballast, contextlib.suppress(OSError):
            while ballast.write(bytes(4096)):
                pass

    def empty(self):
        self.ballast.unlink(missing_ok=True)

    def close(self):
        if os.getpid() != self.owner:
            return
        atexit.unregister(self.close)
        if self.mounted:
            self.unmount()
        shutil.rmtree(self.folder)


@functools.cache
def mountable():
    """None, or why nothing can be mounted here."""
    try:
        with Disk(8) as disk:
            disk.cut_power()
    except (AssertionError, OSError) as problem:
        return str(problem).strip().replace("\n", " ")
    return None
