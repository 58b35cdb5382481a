"""ha.cf and authkeys: what an operator can write, and what they are told when it's wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from hacluster.cib.problems import Severity
from nodeagent.config import read_settings
from nodeagent.settings import Engine, Link, Medium, Respawn, Settings, TieBreaker

GOOD = """\
keepalive 500ms
warntime 1
deadtime 2
initdead 4
udpport 1694
bcast eth1 eth2
node pm01 pm02
pacemaker respawn
"""
KEYS = "auth 1\n1 sha256 0123456789abcdef0123456789abcdef\n"


class Etc:
    """A folder with both files; `read` gives settings and problem lines."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write(GOOD)
        self.write_keys(KEYS)

    def write(self, text: str) -> None:
        (self.folder / "ha.cf").write_text(text)

    def write_keys(self, text: str, mode: int = 0o600) -> None:
        (self.folder / "authkeys").write_text(text)
        (self.folder / "authkeys").chmod(mode)

    def settings(self, node: str = "pm01") -> Settings:
        settings, problems = read_settings(self.folder, node)
        assert settings is not None, [problem.line() for problem in problems]
        return settings

    def lines(self, severity: Severity = Severity.ERROR) -> list[str]:
        settings, problems = read_settings(self.folder, "pm01")
        assert (settings is None) == any(problem.severity is Severity.ERROR for problem in problems)
        assert all(problem.line("ja") for problem in problems)
        return [problem.line() for problem in problems if problem.severity is severity]


@pytest.fixture
def etc(tmp_path: Path) -> Etc:
    return Etc(tmp_path)


def test_the_usual_files_give_settings_without_a_word(etc: Etc) -> None:
    settings, problems = read_settings(etc.folder, "pm01")
    assert problems == []
    assert settings is not None
    assert (settings.keepalive_ms, settings.warntime_ms, settings.deadtime_ms, settings.initdead_ms) == (
        500, 1000, 2000, 4000,
    )  # fmt: skip
    assert settings.links == (Link("eth1", Medium.BCAST, 1694), Link("eth2", Medium.BCAST, 1694))
    assert settings.peers == ("pm02",)
    assert settings.engine is Engine.HEARTBEAT


def test_times_that_are_not_given_follow_from_deadtime(etc: Etc) -> None:
    etc.write("deadtime 10\nbcast a b\nnode pm01 pm02\n")
    settings = etc.settings()
    assert settings.keepalive_ms < settings.warntime_ms < settings.deadtime_ms <= settings.initdead_ms
    assert settings.deadtime_ms == 10_000


def test_a_deadtime_of_300_ms_is_possible_and_less_is_not(etc: Etc) -> None:
    etc.write("keepalive 50ms\ndeadtime 300ms\nbcast a b\nnode pm01 pm02\n")
    assert etc.settings().deadtime_ms == 300
    etc.write("keepalive 50ms\ndeadtime 299ms\nbcast a b\nnode pm01 pm02\n")
    assert etc.lines() == ["ha.cf:2: deadtime of 299 ms is shorter than 300 ms (write 300ms or more)"]


def test_all_three_media_are_read(etc: Etc) -> None:
    etc.write("udpport 700\nbcast a\nucast b 10.0.0.1\nucast b 10.0.0.2\nmcast c 239.0.0.1 701 2 0\nnode pm01 pm02\n")
    assert etc.settings().links == (
        Link("a", Medium.BCAST, 700),
        Link("b", Medium.UCAST, 700, ("10.0.0.1", "10.0.0.2")),
        Link("c", Medium.MCAST, 701, group="239.0.0.1", ttl=2),
    )


def test_bind_gives_each_node_its_own_address_from_one_file(etc: Etc) -> None:
    etc.write(
        "bind pm01 lo 127.0.0.1\nbind pm02 lo 127.0.0.2\nucast lo 127.0.0.1\nucast lo 127.0.0.2\n"
        "bind pm01 lo:1 127.0.1.1\nucast lo:1 127.0.1.2\nnode pm01 pm02\n"
    )
    assert [link.own_address for link in etc.settings("pm01").links] == ["127.0.0.1", "127.0.1.1"]
    assert [link.own_address for link in etc.settings("pm02").links] == ["127.0.0.2", ""]
    assert [link.device for link in etc.settings().links] == ["lo", "lo"]


def test_every_mistake_is_told_at_once_with_its_line(etc: Etc) -> None:
    etc.write("keepalive soon\nbcats eth1\nudpport 70000\nnode pm01\nucast eth1\n")
    etc.write_keys("auth 2\n1 sha256 0123456789abcdef0123\nrubbish\n")
    assert etc.lines() == [
        "ha.cf:1: keepalive “soon” is not a time (write seconds (2) or milliseconds (1500ms))",
        "ha.cf:2: there is no directive “bcats” (correct its spelling or take the line out)",
        "ha.cf:3: udpport “70000” is not a number from 1 to 65535 (write a whole number of that range)",
        "ha.cf:5: “ucast” has the wrong number or form of words (write: ucast INTERFACE PEER-ADDRESS)",
        "authkeys:3: neither “auth NUMBER” nor “NUMBER METHOD SECRET” (write for instance: 1 sha256 SECRET)",
        "authkeys:1: auth 2 names a key that is not in the file (add a line: 2 sha256 SECRET)",
    ]


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ("keepalive 2\nwarntime 1\ndeadtime 4\n", "ha.cf:2: keepalive (2000 ms) must be shorter than warntime"),
        ("keepalive 1\nwarntime 4\ndeadtime 4\n", "ha.cf:3: warntime (4000 ms) must be shorter than deadtime"),
        ("keepalive 1\ndeadtime 6\ninitdead 5\n", "ha.cf:3: deadtime (6000 ms) must be shorter than initdead"),
    ],
)
def test_times_in_the_wrong_order_are_refused(etc: Etc, lines: str, place: str) -> None:
    etc.write(f"{lines}bcast a b\nnode pm01 pm02\n")
    (line,) = etc.lines()
    assert line.startswith(place)


@pytest.mark.parametrize(("line", "place"), [("keepalive xx", "ha.cf:1:"), ("deadtime 0", "ha.cf:3:")])
def test_a_time_that_says_nothing_is_told_alone(etc: Etc, line: str, place: str) -> None:
    directive = line.split()[0]
    etc.write("\n".join(line if each.startswith(directive) else each for each in GOOD.splitlines()))
    (told,) = etc.lines()
    assert told.startswith(f"{place} {directive}")


def test_the_own_name_must_be_among_the_nodes(etc: Etc) -> None:
    etc.write("bcast a b\nnode pm08 pm09\n")
    assert etc.lines() == [
        "ha.cf:2: this machine is “pm01”, which is not among the nodes pm08, pm09"
        " (add it to the node line, or correct the name with hostnamectl or --node)"
    ]


def test_a_pair_without_a_link_is_refused(etc: Etc) -> None:
    etc.write("node pm01 pm02\n")
    assert etc.lines() == [
        "ha.cf: there is no heartbeat link (add a bcast, ucast or mcast line for each heartbeat LAN)"
    ]


@pytest.mark.parametrize(
    "line",
    ["serial /dev/ttyS0", "baud 19200", "auto_failback on", "ping 10.0.0.1", "compression bz2", "autojoin any",
     "crm off", "apiauth ipfail uid=x", "use_logd yes", "hopfudge 1"],
)  # fmt: skip
def test_an_obsolete_directive_is_ignored_with_a_warning(etc: Etc, line: str) -> None:
    etc.write(GOOD + line + "\n")
    (warning,) = etc.lines(Severity.WARNING)
    assert warning.startswith("ha.cf:9: ")
    assert etc.settings().deadtime_ms == 2000


def test_a_port_after_the_media_lines_is_warned_of(etc: Etc) -> None:
    etc.write("bcast a b\nudpport 700\nnode pm01 pm02\n")
    assert [line[:8] for line in etc.lines(Severity.WARNING)] == ["ha.cf:2:"]
    assert etc.settings().links[0].port == 694


def test_programs_and_api_users_are_read(etc: Etc) -> None:
    etc.write(
        GOOD + "respawn root /usr/bin/x -a b\napiauth hacluster uid=console,root gid=haclient\nlogfacility none\n"
    )
    settings = etc.settings()
    assert settings.respawn == (Respawn("root", ("/usr/bin/x", "-a", "b")),)
    assert (settings.api_users, settings.api_groups) == (("console", "root"), ("haclient",))
    assert settings.log_facility == ""


def test_missing_files_are_both_named(tmp_path: Path) -> None:
    settings, problems = read_settings(tmp_path, "pm01")
    assert settings is None
    assert [problem.place for problem in problems] == ["ha.cf", "authkeys"]


def test_empty_files_are_not_mistaken_for_good_ones(etc: Etc) -> None:
    etc.write("")
    etc.write_keys("")
    assert [line.partition(":")[0] for line in etc.lines()] == ["ha.cf", "authkeys"]


# ---------------------------------------------------------------- authkeys


def test_keys_that_others_may_read_are_refused(etc: Etc) -> None:
    etc.write_keys(KEYS, mode=0o640)
    assert etc.lines() == ["authkeys: others than its owner may read the keys (mode 0640) (chmod 600 authkeys)"]


@pytest.mark.parametrize("line", ["1 md5 secretsecretsecret", "1 sha1 secretsecretsecret", "1 crc"])
def test_an_old_method_is_refused_unless_allowed(etc: Etc, line: str) -> None:
    etc.write_keys(f"auth 1\n{line}\n")
    (refusal,) = etc.lines()
    assert "no longer protects" in refusal
    etc.write(GOOD + "allow_weak_keys yes\n")
    assert etc.lines() == []
    assert len(etc.lines(Severity.WARNING)) == 1


def test_several_keys_are_kept_and_one_is_for_sending(etc: Etc) -> None:
    etc.write_keys(f"auth 2\n1 sha256 {'a' * 32}\n2 aead {'b' * 32}\n")
    settings = etc.settings()
    assert [key.number for key in settings.keys] == [1, 2]
    assert settings.sending_key == 2


def test_a_secret_never_shows_in_a_dump_of_the_settings(etc: Etc) -> None:
    assert "0123456789abcdef" not in repr(etc.settings())


@pytest.mark.parametrize(
    "text", ["auth 1\n1 sha256\n", "auth 1\n1 blake sxxxxxxxxxxxxxxxx\n", "1 sha256 x\n", "auth 99\n99 sha256 x\n"]
)
def test_a_key_that_cannot_be_used_is_refused(etc: Etc, text: str) -> None:
    etc.write_keys(text)
    assert etc.lines()


def test_a_tie_breaker_is_a_list_of_addresses_or_one_disk(etc: Etc) -> None:
    etc.write(GOOD + "tiebreaker ping 192.168.68.2 192.168.68.3\nwait_for_all yes\n")
    assert etc.settings().tie_breaker == TieBreaker("ping", ("192.168.68.2", "192.168.68.3"))
    assert etc.settings().wait_for_all
    etc.write(GOOD + "tiebreaker disk /dev/sdb\n")
    assert etc.settings().tie_breaker == TieBreaker("disk", ("/dev/sdb",))
    etc.write(GOOD)
    assert etc.settings().tie_breaker is None


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("tiebreaker disk sdb", "“tiebreaker” has the wrong number or form of words"),
        ("tiebreaker disk /dev/sdb /dev/sdc", "“tiebreaker” has the wrong number or form of words"),
        ("tiebreaker ping router", "“router” is not an IPv4 address"),
        ("tiebreaker coin heads", "tiebreaker “coin” is not one of: ping, disk"),
    ],
)
def test_a_wrong_tie_breaker_is_told(etc: Etc, line: str, sentence: str) -> None:
    etc.write(GOOD + line + "\n")
    (said,) = etc.lines()
    assert said.startswith("ha.cf:9: ")
    assert sentence in said


def test_a_ping_node_breaks_the_tie_of_a_pair_only(etc: Etc) -> None:
    etc.write(GOOD.replace("pm01 pm02", "pm01 pm02 pm03 pm04") + "tiebreaker ping 192.168.68.2\n")
    (said,) = etc.lines()
    assert "both halves of 4 nodes may reach the ping node" in said


def test_a_tie_breaker_of_three_nodes_is_warned_of(etc: Etc) -> None:
    etc.write(GOOD.replace("pm01 pm02", "pm01 pm02 pm03") + "tiebreaker disk /dev/sdb\n")
    assert any("3 nodes cannot be split evenly" in line for line in etc.lines(Severity.WARNING))


DIRECTIVES = """\
autojoin other | auto_failback on | nice_failback on | debugfile /var/log/ha-debug | debug 1 | use_logd yes
conn_logd_time 60 | logfacility local0 | logfile /var/log/ha-log | serial /dev/ttyS0 | baud 19200 | ping 10.0.0.1
ping_group group1 10.0.0.1 10.0.0.2 | hbaping fc-card-name | deadping 30 | compression bz2 | compression_threshold 2
traditional_compression off | msgfmt netstring | hbgenmethod time | uuidfrom nodename | hopfudge 1 | realtime off
rtprio 5 | watchdog /dev/watchdog | respawn root /usr/bin/true | apiauth ipfail uid=hacluster | coredumps true
apiauth cib uid=hacluster gid=haclient | pacemaker respawn | crm on | stonith_host * ssh pm01 | stonith ssh /etc/hosts
warntime 1 | initdead 30 | cluster linux-ha | syslogmsgfmt true | normalpoll 1 | memreserve 6500"""


@pytest.mark.parametrize("line", [each.strip() for row in DIRECTIVES.splitlines() for each in row.split("|")])
def test_every_directive_of_heartbeat_is_taken_or_told_of_with_its_line_and_a_cure(etc: Etc, line: str) -> None:
    etc.write(f"{line}\n{GOOD}")
    _, problems = read_settings(etc.folder, "pm01")
    for problem in problems:
        assert problem.line().startswith("ha.cf:1: ")
        assert problem.code != "config.unknown-directive"
        assert problem.line().endswith(")"), "the cure stands in brackets at the end"


def test_a_log_facility_that_does_not_exist_is_told(etc: Etc) -> None:
    etc.write(f"logfacility local9\n{GOOD}")
    assert etc.lines()[0].startswith("ha.cf:1: logfacility “local9” is not one of: none, auth,")
