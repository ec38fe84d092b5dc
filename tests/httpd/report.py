# SPDX-License-Identifier: Apache-2.0
"""Tables for the end of the test output: what was sent and what was answered, and how often each text was seen."""

TABLES = {}  # title: lines
TEXTS = {}   # (code, text): number of answers


def line(table, *cells):
    """Adds a row, unless it is there (the same case under another MPM)."""
    row = "  ".join(str(cell if len(str(cell)) <= 44 else str(cell)[:41] + "...").ljust(44 if i == 0 else 20)
                    for i, cell in enumerate(cells)).rstrip()
    rows = TABLES.setdefault(table, [])
    if row not in rows:
        rows.append(row)


def count(code, text):
    TEXTS[code, text] = TEXTS.get((code, text), 0) + 1


def tables():
    """(title, lines) of everything that was reported."""
    yield from TABLES.items()
    yield "Texts of the answers", [f"{number:7}  {code}: {text}" for (code, text), number in sorted(TEXTS.items())]
