"""A zip file whose members are XML, read within bounds.

Reads the bytes of an xlsx or ods file; gives its members' bytes. A document type is never expanded, since none may
stand in any member, and a member is never unpacked beyond the size its directory promises.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from lxml import etree

from hacluster.sheets.limits import MAX_MEMBERS, MAX_UNPACKED_BYTES


class BadArchiveError(Exception):
    """The file is damaged or hostile; its sentence says how. Caught where the file is opened."""


class Archive:
    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError) as error:
            raise BadArchiveError(str(error)) from error
        members = self._zip.infolist()
        size = sum(member.file_size for member in members)
        if len(members) > MAX_MEMBERS or size > MAX_UNPACKED_BYTES:
            raise BadArchiveError(f"it unpacks to {len(members)} members with {size} bytes")

    def __contains__(self, name: str) -> bool:
        return name in self._zip.NameToInfo

    def member(self, name: str) -> bytes:
        try:
            with self._zip.open(name) as stream:
                content = stream.read(MAX_UNPACKED_BYTES + 1)
        except (KeyError, zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, RuntimeError) as error:
            raise BadArchiveError(f"{name}: {error}") from error
        except NotImplementedError as error:
            raise BadArchiveError(f"{name}: {error}") from error
        if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
            raise BadArchiveError(f"{name} declares a document type or entities")
        return content

    def tree(self, name: str) -> Any:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        try:
            return etree.fromstring(self.member(name), parser)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise BadArchiveError(f"{name}: {error}") from error

    def elements(self, name: str, *tags: str) -> Iterator[Any]:
        """The elements with one of these tags as they end, each freed once it was used."""
        events = etree.iterparse(
            io.BytesIO(self.member(name)),
            events=("end",),
            tag=tags,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
        )
        try:
            for _, element in events:
                yield element
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
        except (etree.XMLSyntaxError, ValueError) as error:
            raise BadArchiveError(f"{name}: {error}") from error
