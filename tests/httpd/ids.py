# SPDX-License-Identifier: Apache-2.0
"""Exchange's item ids (MS-OXWSITEMID), written anew from the specification so that tests can make and alter ids."""

import base64
import struct
from dataclasses import dataclass, replace


def compress(payload):
    """Run-length form: a byte that repeats is written twice, then how many more there are."""
    out, at = bytearray(), 0
    while at < len(payload):
        run = 1
        while run < 257 and at + run < len(payload) and payload[at + run] == payload[at]:
            run += 1
        out += payload[at:at + 1] if run == 1 else bytes([payload[at], payload[at], run - 2])
        at += run
    return bytes(out)


def expand(data):
    out, at = bytearray(), 0
    while at < len(data):
        if at + 1 < len(data) and data[at + 1] == data[at]:
            out += bytes([data[at]]) * (data[at + 2] + 2)
            at += 3
        else:
            out.append(data[at])
            at += 1
    return bytes(out)


@dataclass(frozen=True)
class Id:
    storage: int      # 3: item or folder of a mailbox; 4: persona
    moniker: str      # the mailbox's GUID as text
    instruction: int
    store_id: bytes   # a PR_ENTRYID, or a persona's 16 bytes

    @classmethod
    def parse(cls, text):
        data = base64.b64decode(text, validate=True)
        payload = expand(data[1:]) if data[0] else data[1:]
        length, = struct.unpack_from("<H", payload, 1)
        moniker = payload[3:3 + length].decode()
        instruction, size = struct.unpack_from("<BH", payload, 3 + length)
        rest = payload[6 + length:]
        assert len(rest) == size, text
        return cls(payload[0], moniker, instruction, rest)

    @property
    def payload(self):
        return (struct.pack("<BH", self.storage, len(self.moniker)) + self.moniker.encode()
                + struct.pack("<BH", self.instruction, len(self.store_id)) + self.store_id)

    def text(self, compressed=None):
        """The form that is shorter, or the one that is asked for."""
        payload, short = self.payload, compress(self.payload)
        if compressed is None:
            compressed = len(short) < len(payload)
        return base64.b64encode(b"\1" + short if compressed else b"\0" + payload).decode()

    def change(self, **fields):
        return replace(self, **fields)

    @property
    def counter(self):
        """The item number at the end of an entry id."""
        return int.from_bytes(self.store_id[-8:-2], "big")

    def with_counter(self, counter):
        return self.change(store_id=self.store_id[:-8] + counter.to_bytes(6, "big") + self.store_id[-2:])

    def folder(self):
        """The id of the folder that the item lies in: an entry id of 46 bytes."""
        old = self.store_id
        return self.change(store_id=old[:20] + b"\1\0" + old[22:46])


# One of the published samples, complete, and its payload's parts: this codec is tried on it when loaded.
SAMPLE = "AAQkAGQ1MjJjMTBkLTc4Y2UtNDA5Ny04ZjU5LWI3MTYzNGNkZmRkYQAQAJ3EkhEEXN5KufGbSYJanZk="
assert Id.parse(SAMPLE).text() == SAMPLE
assert Id.parse(SAMPLE).moniker == "d522c10d-78ce-4097-8f59-b71634cdfdda"
