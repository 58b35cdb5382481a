"""Where the lab keeps its things, what its LANs are called and which addresses the hosts have."""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
VENV_BIN = CHECKOUT / ".venv" / "bin"

FOLDER = Path("/run/hacluster-lab")
"""A tmpfs of its own: it ends with the lab, and hosts see it although their /run is private."""
LOCK = Path("/run/hacluster-lab.lock")
POWER_SOCKET = FOLDER / "power.sock"

HB1, HB2, SERVICE = "hb1", "hb2", "svc"
NETWORKS = {HB1: "10.99.1", HB2: "10.99.2", SERVICE: "10.99.3"}
HEARTBEAT_LANS = (HB1, HB2)
CLIENT_ADDRESS = "10.99.3.254"
SERVICE_ADDRESS = "10.99.3.100"

OVERLAYS = ("etc", "var", "usr")
"""What is private to a host but kept over a crash: its disk."""
PRIVATE = (("/run", "755"), ("/tmp", "1777"), ("/dev/shm", "1777"))
"""What a crash takes away: its memory."""
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def bridge_of(lan: str, part: int = 0) -> str:
    """The bridge that is the LAN's switch; each part of a divided LAN has its own."""
    return f"hal-{lan}" if part == 0 else f"hal-{lan}-{part}"


def port_of(number: int, lan: str) -> str:
    """The switch's end of the cable of host `number`."""
    return f"hal{number}-{lan}"


def address_of(number: int, lan: str) -> str:
    return f"{NETWORKS[lan]}.{number}"


def environment(name: str) -> dict[str, str]:
    """What every process of a host starts with."""
    return {
        "PATH": f"{VENV_BIN}:{SYSTEM_PATH}",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LAB_HOST": name,
    }
