"""An operator without a browser: logs in at a console, uploads a sheet and applies it, over HTTP as the pages do."""

from __future__ import annotations

import http.cookiejar
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path


class Operator:
    def __init__(self, url: str, name: str, password: str) -> None:
        self._url = url
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), urllib.request.ProxyHandler({})
        )
        self._opener.addheaders = [("Accept-Language", "en")]
        page, _ = self._open("/login/")
        _, where = self._post("/login/", {"username": name, "password": password} | hidden(page))
        if "/login/" in where:
            raise RuntimeError(f"{url} did not let {name} in")

    def apply_sheet(self, sheet: Path, reason: str, timeout_s: float = 60.0) -> str:
        """Upload, look at the reading, apply what was shown; the page of the job that was begun."""
        page, _ = self._open("/sheets/")
        page, where = self._upload("/sheets/", hidden(page), sheet)
        page, where = self._followed(page, where, timeout_s)
        path = urllib.parse.urlsplit(where).path
        apply = re.search(r'action="([^"]*/apply/)"(.*?)</form>', page, re.DOTALL)
        if apply is None:
            raise RuntimeError(f"{sheet.name} cannot be applied: {words(page)}")
        fields = hidden(apply[2]) | {"reason": reason}
        typed = re.search(r"Type the name of the cluster.*?<b>(.*?)</b>", apply[2], re.DOTALL)
        if typed:
            fields["typed"] = typed[1]
        page, where = self._post(apply[1], fields)
        if "/jobs/" not in where:
            raise RuntimeError(f"{sheet.name} was refused: {words(page)}")
        return path

    def _followed(self, page: str, where: str, timeout_s: float) -> tuple[str, str]:
        """The page that a job ends on: asked for again until then, as a browser without script does."""
        deadline = time.monotonic() + timeout_s
        while 'http-equiv="refresh"' in page:
            if time.monotonic() > deadline:
                raise RuntimeError(f"not checked within {timeout_s:.0f} s: {words(page)}")
            time.sleep(0.2)
            page, where = self._open(urllib.parse.urlsplit(where).path)
        return page, where

    def _open(self, path: str, data: bytes | None = None, kind: str = "") -> tuple[str, str]:
        request = urllib.request.Request(self._url + path, data)
        if data is not None:
            request.add_header("Content-Type", kind)
            request.add_header("Referer", self._url + path)
        try:
            with self._opener.open(request, timeout=60) as answer:
                return answer.read().decode(), answer.url
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{path}: {error.code} {words(error.read().decode(errors='replace'))[:2000]}") from None

    def _post(self, path: str, fields: dict[str, str]) -> tuple[str, str]:
        return self._open(path, urllib.parse.urlencode(fields).encode(), "application/x-www-form-urlencoded")

    def _upload(self, path: str, fields: dict[str, str], file: Path) -> tuple[str, str]:
        border = f"----{time.time_ns()}"
        parts = [
            f'--{border}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        head = f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n\r\n'
        body = b"".join([*parts, head.encode(), file.read_bytes(), f"\r\n--{border}--\r\n".encode()])
        return self._open(path, body, f"multipart/form-data; boundary={border}")


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of the page's forms."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", page):
        given = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if given.get("type") == "hidden" and "name" in given:
            found.setdefault(given["name"], given.get("value", ""))
    return found


def words(page: str) -> str:
    """What the page says, without its tags."""
    return " ".join(re.sub(r"<script.*?</script>|<[^>]*>", " ", page, flags=re.DOTALL).split())
