"""A large sheet, read, converted, validated and compared with what runs; beside the way the converter of old went.

`python -m bench.sheet_growth` makes sheets of 125 to 1,000 resources. "Old" is its algorithm written plainly: one pass
over the csv, a header looked up by name for each cell, each reference and each doubled entry looked for in a list
(reference/crmgen-sheet); it neither validates nor compares. CPU seconds, and the time for one resource beside that of
the smallest sheet: near 1 is linear growth.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable

from hacluster.cib.model import Cib
from hacluster.cib.patch import diff
from hacluster.cib.validate import validate
from hacluster.crm.apply import Mode, load
from hacluster.sheets.convert import convert_book
from hacluster.sheets.export import export, to_xlsx

SIZES = (125, 250, 500, 1000)
ROUNDS = 3


def configuration(resources: int) -> Cib:
    """Groups of five with a place and an order each."""
    lines = ["property no-quorum-policy=ignore stonith-enabled=false"]
    for number in range(resources // 5):
        names = [f"rsc{number}x{place}" for place in range(5)]
        lines += [
            f"primitive {name} ocf:heartbeat:IPaddr2 params ip=10.0.{number}.{place} nic=eth0 "
            "op start interval=0s timeout=60s on-fail=restart op monitor interval=10s timeout=60s on-fail=restart "
            "op stop interval=0s timeout=60s on-fail=block"
            for place, name in enumerate(names)
        ]
        lines.append(f"group grp{number} {' '.join(names)}")
        lines.append(f"location rsc_location-grp{number}-{number + 1} grp{number} rule 200: #uname eq pm01")
        if number:
            ends = f"grp{number - 1}-grp{number}-{number}"
            lines.append(f"order rsc_order-{ends} Optional: grp{number - 1} grp{number} symmetrical=false")
    loaded = load(Cib.empty(), "\n".join(lines), Mode.REPLACE)
    assert loaded.is_loaded, loaded.problems[:1]
    return loaded.cib


def old_way(text: str) -> str:
    """One pass, one table at a time, everything looked for from the start."""
    tables = ("PROPERTY", "RESOURCES", "PRIMITIVE", "LOCATION_EXPERT", "ORDER", "COLOCATION")
    table, block, headers = "", "", []
    resources: list[str] = []
    parameters: list[tuple[str, str, str]] = []
    out: list[str] = []
    current = ""
    for record in csv.reader(io.StringIO(text)):
        if not record or record[0].startswith("#") or not any(record[1:]):
            continue
        mark = record[1] if len(record) > 1 else ""
        if mark in tables:
            table, block, headers = mark, "", []
            continue
        if mark or not headers:
            block, headers = mark or block, record
            continue
        cells = [(headers[place] if place < len(headers) else "", value) for place, value in enumerate(record)]
        found = {name: value for name, value in cells if name}
        if table == "RESOURCES":
            if found["id"] in resources:
                out.append("double")
            resources.append(found["id"])
        elif table == "PRIMITIVE" and block == "P":
            current = found["id"]
            if current not in resources:
                out.append("unknown")
            out.append(f"primitive {current} {found['class']}:{found['provider']}:{found['type']}")
        elif table == "PRIMITIVE" and block == "A":
            key = (current, found.get("type", ""), found["name"])
            if key in parameters:
                out.append("double")
            parameters.append(key)
            out.append(f'\t\t{found["name"]}="{found["value"]}"')
        else:
            if "rsc" in found and found["rsc"] and found["rsc"] not in resources:
                out.append("unknown")
            out.append(" ".join(f'{name}="{value}"' for name, value in found.items() if value))
    return " \\\n".join(out)


def our_way(data: bytes, name: str, running: Cib) -> None:
    converted = convert_book(data, name)
    loaded = load(running, converted.crm_text, Mode.REPLACE)
    assert loaded.is_loaded
    validate(loaded.cib)
    diff(running, loaded.cib)


def cpu_s(work: Callable[..., object], *arguments: object) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work(*arguments)
        taken.append(time.process_time() - began)
    return min(taken)


def measured(size: int) -> tuple[float, float, float]:
    """CPU seconds for (our way from csv, our way from xlsx, the old way from csv)."""
    cib = configuration(size)
    exported = export(cib, "en")
    stream = io.StringIO()
    csv.writer(stream).writerows(exported.rows)
    text, book = stream.getvalue(), to_xlsx(exported, "en")
    return (
        cpu_s(our_way, text.encode(), "a.csv", cib),
        cpu_s(our_way, book, "a.xlsx", cib),
        cpu_s(old_way, text),
    )


def main() -> None:
    print(f"{'resources':>9}{'csv s':>9}{'xlsx s':>9}{'old s':>9}{'csv/old':>9}{'growth':>9}")
    first = 0.0
    for size in SIZES:
        ours, xlsx, old = measured(size)
        first = first or ours / size
        print(f"{size:9}{ours:9.3f}{xlsx:9.3f}{old:9.3f}{ours / old:9.1f}{ours / size / first:9.2f}", flush=True)


if __name__ == "__main__":
    main()
