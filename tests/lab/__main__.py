"""`python -m tests.lab`: the lab by hand, as root.

up [HOST…]                 LANs, disks with PostgreSQL's data, power switch, hosts on (pm01 pm02)
exec HOST -- COMMAND       run a command in a host
on|crash|reboot|shutdown|freeze|thaw HOST
cut|heal LAN [HOST]        LAN is hb1, hb2 or svc
unplug LAN HOST            pull the cable
lose PERCENT HOST          heartbeat packets that arrive at the host
stuck|stay-off HOST on|off the power switch fails for the host; a reboot leaves it off
break|repair DISK HOST     the host cannot read the disk
status | down
"""

from __future__ import annotations

import subprocess
import sys

from tests.lab import postgres, power
from tests.lab.hosts import Host
from tests.lab.laboratory import Lab, attach, remove_rests, stop_switch, take_lock
from tests.lab.place import environment


def main(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if words else 2
    if words[0] == "up":
        return _up(words[1:])
    if words[0] == "down":
        stop_switch()
        take_lock(10)
        remove_rests()
        return 0
    lab = attach()
    match words:
        case ["status"]:
            for host in lab.hosts if power.ask("list") else []:
                print(host.name, "on" if host.is_on else "off", host.pid or "")
        case ["exec", name, *command]:
            command = command[1:] if command[:1] == ["--"] else command
            return subprocess.run(lab[name].command(*command), env=environment(name), check=False).returncode
        case [("cut" | "heal") as verb, lan]:
            (lab.cut if verb == "cut" else lab.heal)(lan)
        case [verb, *rest]:
            return _to_host(lab, verb, rest)
    return 0


def _up(names: list[str]) -> int:
    lab = Lab(*names, stays=True).up(wait_s=0)
    postgres.make_disks(lab)
    lab.start()
    print(f"up: {' '.join(host.name for host in lab.hosts)}; python -m tests.lab down ends it")
    return 0


def _to_host(lab: Lab, verb: str, rest: list[str]) -> int:
    match verb, rest:
        case "on", [name]:
            lab[name].power_on()
        case "crash", [name]:
            lab[name].crash()
        case "reboot", [name]:
            lab[name].reboot()
        case "shutdown", [name]:
            lab[name].shut_down()
        case "freeze", [name]:
            lab[name].freeze()
        case "thaw", [name]:
            lab[name].thaw()
        case "lose", [percent, name]:
            lab[name].lose(int(percent))
        case (("stuck" | "stay-off"), [name, value]):
            _set(lab[name], verb, value == "on")
        case (("cut" | "heal" | "unplug"), [lan, name]):
            {"cut": lab[name].cut, "heal": lab[name].heal, "unplug": lab[name].unplug}[verb](lan)
        case (("break" | "repair"), [disk, name]):
            (lab[name].break_disk if verb == "break" else lab[name].repair_disk)(disk)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


def _set(host: Host, verb: str, value: bool) -> None:
    (host.set_stuck if verb == "stuck" else host.set_stay_off)(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
