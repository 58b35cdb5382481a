"""diskd's checker process: does one disk check for each line on standard input, and says `ok` or `error`.

Run as `python -IS diskcheck.py read DEVICE` or `… write DIRECTORY`; imports the least, since one runs for each disk.
"""

import mmap
import os
import sys

PAGE_BYTES = mmap.PAGESIZE
WRITE_BYTES = 64


def read_check(device: str) -> bool:
    """One page from the start of the device, past every cache."""
    descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_DIRECT)
    try:
        with mmap.mmap(-1, PAGE_BYTES) as page:
            return os.readv(descriptor, [page]) == PAGE_BYTES
    finally:
        os.close(descriptor)


def write_check(folder: str) -> bool:
    """A small file, written through to the disk and removed again."""
    file = os.path.join(folder, "diskcheck")
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_DSYNC | os.O_NONBLOCK, 0o600)
    try:
        return os.write(descriptor, b"\0" * WRITE_BYTES) == WRITE_BYTES
    finally:
        os.close(descriptor)
        os.unlink(file)


def main() -> None:
    check = {"read": read_check, "write": write_check}[sys.argv[1]]
    for _ in sys.stdin:
        try:
            is_ok = check(sys.argv[2])
        except OSError:
            is_ok = False
        print("ok" if is_ok else "error", flush=True)


if __name__ == "__main__":
    main()
