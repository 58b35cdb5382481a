"""How large a sheet may be: far above any real one, far below what would harm the node that reads it."""

from __future__ import annotations

MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_UNPACKED_BYTES = 96 * 1024 * 1024
MAX_MEMBERS = 2000
MAX_ROWS = 50_000
MAX_COLUMNS = 512
MAX_CELLS = 2_000_000
MAX_CELL_CHARACTERS = 131_072
