"""ALERT -> typed alerts: one table is one alert with its recipients.

Reads tables; gives `Alert`s in sheet order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hacluster.sheets.headings import Table
from hacluster.sheets.model import Alert, Recipient
from hacluster.sheets.parameters import ALERT_KINDS, SetBuilder
from hacluster.sheets.problems import ALERT_PATH_MISSING, RECIPIENT_MISSING, Findings
from hacluster.sheets.resources import read_set_block
from hacluster.sheets.rows import Cell
from hacluster.sheets.tables import SheetTable


@dataclass(slots=True)
class _OpenRecipient:
    value: str
    builder: SetBuilder = field(default_factory=SetBuilder)


def read_alerts(tables: Iterable[SheetTable], findings: Findings) -> tuple[Alert, ...]:
    alerts = [_read_alert(table, findings) for table in tables]
    return tuple(alert for alert in alerts if alert)


def _read_alert(table: SheetTable, findings: Findings) -> Alert | None:
    head = next((block for block in table.blocks if block.mark == "P"), None)
    if head is None or not head.usable:
        return None
    path = head.rows[0]["path"] if head.rows else None
    own = SetBuilder()
    recipients: list[_OpenRecipient] = []
    in_recipients = False
    for block in table.blocks:
        if not block.usable:
            continue
        if block.mark != "P" and block.rows and path is None:
            findings.report(ALERT_PATH_MISSING, _first_filled(block.rows[0].cells))
            return None
        if block.mark == "R":
            in_recipients = True
            filled = [_OpenRecipient(row["recipient"].text) for row in block.rows if row["recipient"].text]
            recipients.extend(filled or [_OpenRecipient("")])
        elif block.mark == "A" and in_recipients and not recipients[-1].value and block.rows:
            findings.report(RECIPIENT_MISSING, _first_filled(block.rows[0].cells))
        elif block.mark == "A":
            builder = recipients[-1].builder if in_recipients else own
            read_set_block(block, ALERT_KINDS, Table.ALERT, builder, findings)
    if path is None:
        return None
    told = tuple(Recipient(found.value, found.builder.sets()) for found in recipients if found.value)
    return Alert(path.text, own.sets(), told, path)


def _first_filled(cells: tuple[tuple[object, Cell], ...]) -> Cell:
    return next(cell for _, cell in cells if cell.text)
