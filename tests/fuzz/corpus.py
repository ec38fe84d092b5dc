#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""corpus.py TARGET FOLDER: writes the inputs that the fuzzing of a target begins with.

Made from the fixtures and from what the tests know, so that there is one place for each.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = sorted((ROOT / "tests/fixtures").glob("*.xml"))


def requests():
    for path in FIXTURES:
        if "request" not in path.name:
            continue
        text = path.read_text(encoding="utf-8")
        text = re.sub(r'(Contact\w*|t:ItemId) Id="[^"]+"', r'\1 Id="@C"', text)
        text = re.sub(r'Group\w* Id="[^"]+"', 'GroupId Id="@G"', text)
        yield b"\xff" + text.encode()
        yield b"\x01" + text.encode()
        yield b"\xff" + text.replace('encoding="utf-8"', 'encoding="utf-16"').encode("utf-16")
    envelope = ('<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
                'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Header>{}</s:Header><s:Body>'
                '<GetImItems xmlns="http://schemas.microsoft.com/exchange/services/2006/messages">{}</GetImItems></s:Body></s:Envelope>')
    acting = ('<t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>a@x</t:SmtpAddress></t:ConnectingSID>'
              '</t:ExchangeImpersonation><t:RequestServerVersion Version="V2016_10_10"/>')
    items = ('<ContactIds><t:ItemId Id="@C"/><t:OccurrenceItemId RecurringMasterId="@C" InstanceIndex="1"/></ContactIds>'
             '<ExtendedProperties><t:ExtendedProperty PropertyTag="0x3001" PropertyType="String"/>'
             '<t:ExtendedProperty DistinguishedPropertySetId="PublicStrings" PropertyName="n" PropertyType="String"/>'
             '</ExtendedProperties>')
    for body in (b"\xfe", b"\xff\xfe", b"\0<\0", b"\xef\xbb\xbf<", b"<"):
        yield b"\x08" + body
    yield b"\x08" + envelope.format(acting, items).encode()
    yield b"\x08" + b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + envelope.format(acting, "<![CDATA[x]]>&b;").encode()


def item_ids():
    for path in FIXTURES:
        for text in re.findall(r'(?:Id|ChangeKey)="([^"]+)"', path.read_text(encoding="utf-8")):
            yield text.encode()


def records():
    guid, text = bytes(range(16)), b"\x05a@b.c"
    payloads = [b"\xe8\x07\x40", guid + guid + b"\x01\x0a\x03\x02\x01\x00", b"\x04" + text + b"\x00",
                b"\x01" + b"\x05" + guid + b"\x90\x4e" + text + text + b"\x01\x02\x05", b"\x07",
                text + b"\x01" + text + text + text + text, guid + text, text + text, text + guid]
    for kind, payload in enumerate(payloads):
        yield bytes([kind]) + payload


def main(target, folder):
    made = {"fuzz_request": requests, "fuzz_item_id": item_ids, "fuzz_record": records}[target]()
    Path(folder).mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(made):
        (Path(folder) / f"{number:04}").write_bytes(data)


if __name__ == "__main__":
    main(*sys.argv[1:])
