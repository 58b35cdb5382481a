"""PostgreSQL 15 on the shared disks: `lock` for sfex, `data` with an ext4 file system that was initdb'ed once."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.lab.laboratory import Lab
from tests.lab.place import FOLDER, SERVICE_ADDRESS

BIN = Path("/usr/lib/postgresql/15/bin")
MOUNT_POINT = "/srv/pgsql"
DATA = f"{MOUNT_POINT}/data"
LOCK_DISK, DATA_DISK = "/run/lab/disk/lock", "/run/lab/disk/data"

FILESYSTEM = {"device": DATA_DISK, "directory": MOUNT_POINT, "fstype": "ext4"}
IPADDR2 = {"ip": SERVICE_ADDRESS, "nic": "svc", "cidr_netmask": "24"}
PGSQL = {
    "pgctl": str(BIN / "pg_ctl"),
    "psql": "/usr/bin/psql",
    "pgdata": DATA,
    "config": f"{DATA}/postgresql.conf",
    "start_opt": f"-p 5432 -h {SERVICE_ADDRESS}",
    "socketdir": "/run/postgresql",
    "pgdba": "postgres",
    "pgport": "5432",
    "pgdb": "template1",
}

_CONF = """
unix_socket_directories = '/run/postgresql'
shared_buffers = 16MB
fsync = on
synchronous_commit = on
"""


def make_disks(lab: Lab) -> None:
    """Before the hosts are turned on."""
    lock, data = lab.add_disk("lock", 4), lab.add_disk("data", 256)
    _run("sfex_init", "-n", "1", str(lock))
    _run("mkfs.ext4", "-q", "-E", "nodiscard", str(data))
    mounted = FOLDER / "making"
    mounted.mkdir()
    _run("mount", str(data), str(mounted))
    try:
        _make_database(mounted / "data")
    finally:
        _run("umount", str(mounted))
        mounted.rmdir()


def _make_database(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    _run("chown", "postgres:", str(folder))
    initdb = [str(BIN / "initdb"), "-D", str(folder), "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    _run("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *initdb)
    with (folder / "postgresql.conf").open("a") as conf:
        conf.write(_CONF)
    with (folder / "pg_hba.conf").open("a") as rules:
        rules.write("host all all 10.99.3.0/24 trust\n")


def _run(*words: str) -> None:
    done = subprocess.run(words, text=True, capture_output=True, check=False, cwd="/")
    if done.returncode:
        raise RuntimeError(f"{words[0]}: {done.stdout}{done.stderr}")
