"""The lines of `authkeys`: keys by number, and the one to send with.

Reads the text; gives Key values and every problem at once, each with `authkeys:LINE: sentence (cure)`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hacluster.cib.problems import Problem
from nodeagent import config_problems as wrong

SECRET_LENGTH_MIN = 16
KEY_NUMBER_MAX = 15


@dataclass(frozen=True, slots=True)
class Key:
    """One line of authkeys; the method's name only says how strong the secret was meant to be."""

    number: int
    method: str
    secret: bytes = field(repr=False)


_STRONG_METHODS = ("sha256", "sha512", "hkdf", "aead")
_WEAK_METHODS = ("md5", "sha1", "crc")


def parse_authkeys(text: str, problems: list[Problem], *, allow_weak: bool) -> tuple[tuple[Key, ...], int]:
    """The keys by number, and the number of the one to send with."""
    keys: dict[int, Key] = {}
    sending, sending_place = 0, "authkeys"
    for number, line in enumerate(text.splitlines(), 1):
        words, place = line.partition("#")[0].split(), f"authkeys:{number}"
        match words:
            case []:
                pass
            case ["auth", chosen] if chosen.isdecimal():
                sending, sending_place = int(chosen), place
            case [key_number, method, *secret] if key_number.isdecimal() and len(secret) <= 1:
                key = _key(int(key_number), method, "".join(secret), place, problems, allow_weak=allow_weak)
                if key.number in keys:
                    problems.append(wrong.KEY_TWICE.at(place, number=key.number))
                keys[key.number] = key
            case _:
                problems.append(wrong.KEY_LINE.at(place))
    if not sending:
        problems.append(wrong.NO_AUTH.at("authkeys"))
    elif sending not in keys:
        problems.append(wrong.AUTH_WITHOUT_KEY.at(sending_place, number=sending))
    return tuple(keys[number] for number in sorted(keys)), sending


def _key(number: int, method: str, secret: str, place: str, problems: list[Problem], *, allow_weak: bool) -> Key:
    if not 1 <= number <= KEY_NUMBER_MAX:
        problems.append(wrong.KEY_NUMBER.at(place, number=number, most=KEY_NUMBER_MAX))
    if method not in _STRONG_METHODS + _WEAK_METHODS:
        problems.append(wrong.KEY_METHOD.at(place, method=method, methods=", ".join(_STRONG_METHODS)))
    elif method in _WEAK_METHODS:
        kind = wrong.WEAK_KEY_ALLOWED if allow_weak else wrong.WEAK_KEY
        problems.append(kind.at(place, method=method))
    elif not secret:
        problems.append(wrong.NO_SECRET.at(place, number=number))
    elif len(secret) < SECRET_LENGTH_MIN:
        problems.append(wrong.SHORT_SECRET.at(place, number=number, length=len(secret), least=SECRET_LENGTH_MIN))
    return Key(number, method, secret.encode())
