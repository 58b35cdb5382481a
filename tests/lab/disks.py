"""Shared disks: files of the lab on loop devices, which every host sees as /run/lab/disk/NAME."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

from tests.lab.place import FOLDER

_LOOP_MAJOR = 7
_LOOPS = 16


def make_loop_nodes() -> None:
    """A container may come without them."""
    if not Path("/dev/loop-control").exists():
        os.mknod("/dev/loop-control", 0o660 | stat.S_IFCHR, os.makedev(10, 237))
    for number in range(_LOOPS):
        if not Path(f"/dev/loop{number}").exists():
            os.mknod(f"/dev/loop{number}", 0o660 | stat.S_IFBLK, os.makedev(_LOOP_MAJOR, number))


def add(name: str, megabytes: int) -> Path:
    """A new disk, attached. Hosts that are on already do not see it: disks are plugged in before power on."""
    folder = FOLDER / "disks"
    folder.mkdir(exist_ok=True)
    image = folder / f"{name}.img"
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    shown = subprocess.run(["losetup", "-f", "--show", str(image)], text=True, capture_output=True, check=False)
    if shown.returncode:
        raise RuntimeError(f"no loop device for {image}: {shown.stderr.strip()}")
    device = Path(shown.stdout.strip())
    (folder / f"{name}.device").write_text(f"{device} {device.stat().st_rdev}")
    return device


def detach_all() -> None:
    """The disks of this lab: their images lie on its own file system, whatever other labs call theirs."""
    ours = FOLDER.stat().st_dev if FOLDER.is_mount() else None
    columns = "NAME,BACK-MAJ:MIN"
    listed = subprocess.run(["losetup", "-n", "-O", columns], text=True, capture_output=True, check=False)
    for line in listed.stdout.splitlines():
        device, _, numbers = line.partition(" ")
        major, _, minor = numbers.strip().partition(":")
        if major.isdecimal() and minor.isdecimal() and os.makedev(int(major), int(minor)) == ours:
            subprocess.run(["losetup", "-d", device], check=False, capture_output=True)
