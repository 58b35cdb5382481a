"""Frames of the local door: a big-endian u32 length, then one message as msgpack.

Reads messages and gives bytes, and the other way round; bytes that are no message give a `FrameError`.
Decoders are made on first use, because a command line tool needs just one of them.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from typing import Any

import msgspec

from hacluster.protocol import messages
from hacluster.protocol.messages import MAX_FRAME_BYTES, Message

_LENGTH = struct.Struct("!I")
LENGTH_BYTES = _LENGTH.size


class FrameError(ValueError):
    """The other side sent something that is not a frame of this protocol."""


@functools.cache
def _encoder() -> msgspec.msgpack.Encoder:
    return msgspec.msgpack.Encoder()


@functools.cache
def _decoder(union: str) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(getattr(messages, union))


def to_frame(message: Message) -> bytes:
    body = _encoder().encode(message)
    if len(body) > MAX_FRAME_BYTES:
        raise FrameError(f"a message of {len(body)} bytes is larger than the {MAX_FRAME_BYTES} a frame may have")
    return _LENGTH.pack(len(body)) + body


def length_of(head: bytes) -> int:
    """How many bytes follow the four bytes of the head."""
    (length,) = _LENGTH.unpack(head)
    if length > MAX_FRAME_BYTES:
        raise FrameError(f"a frame announces {length} bytes, more than the {MAX_FRAME_BYTES} it may have")
    return int(length)


def to_request(body: bytes | memoryview) -> messages.Request:
    return _decode("Request", body)  # type: ignore[no-any-return]


def to_reply(body: bytes | memoryview) -> messages.Reply:
    return _decode("Reply", body)  # type: ignore[no-any-return]


def to_update(body: bytes | memoryview) -> messages.Update:
    return _decode("Update", body)  # type: ignore[no-any-return]


def _decode(union: str, body: bytes | memoryview) -> Any:
    try:
        return _decoder(union).decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FrameError(f"not a message of the local door: {error}") from error


class FrameSplitter:
    """Cuts a stream of bytes into the bodies of its frames, however the bytes arrive."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, received: bytes) -> Iterator[bytes]:
        self._waiting += received
        while len(self._waiting) >= LENGTH_BYTES:
            end = LENGTH_BYTES + length_of(bytes(self._waiting[:LENGTH_BYTES]))
            if len(self._waiting) < end:
                return
            body = bytes(self._waiting[LENGTH_BYTES:end])
            del self._waiting[:end]
            yield body
