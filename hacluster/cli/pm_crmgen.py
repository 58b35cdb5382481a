"""`pm_crmgen [-o OUT.crm] [--sheet NAME] [--marked COPY.xlsx] [-C] [-O] [-b] [--verify] IN`: a sheet becomes crm text.

Reads csv, xls, xlsx or ods; writes the text to OUT or stdout and every problem to stderr as `sheet!cell: message`.
Exit codes: 0 done, 1 refused (nothing is written) or called wrongly, 2 done with warnings.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import msgspec

from hacluster.cib.problems import Problem, Severity, language_of
from hacluster.sheets.convert import Options, SheetResult, convert_book

_CODE_PREFIX = "sheet."


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    language = arguments.lang or language_of(os.environ)
    try:
        data = Path(arguments.input).read_bytes() if arguments.input != "-" else sys.stdin.buffer.read()
    except OSError as error:
        print(f"{arguments.input}: {error.strerror}", file=sys.stderr)
        return 1
    options = Options(not arguments.no_colocation, not arguments.no_order, arguments.brackets)
    result = convert_book(data, arguments.input, arguments.sheet, options)
    if arguments.verify:
        from hacluster.sheets.verify import verify

        result = msgspec.structs.replace(result, problems=(*result.problems, *verify(result)))
    for problem in result.problems:
        if problem.severity is not Severity.INFO or arguments.verbose or arguments.messages == "json":
            print(_message(problem, arguments.messages, language), file=sys.stderr)
    if arguments.messages == "text" and result.exit_code:
        print(_summary(result, language), file=sys.stderr)
    if arguments.marked and not _write_marked(arguments.marked, data, result, language):
        return 1
    return _deliver(result, arguments.output)


class _Parser(argparse.ArgumentParser):
    """A wrong call ends with 1, because 2 says that the work is done."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(1, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="pm_crmgen",
        description="Convert a configuration sheet (csv, xls, xlsx, ods) to crm text.",
        epilog="Exit status: 0 done, 1 refused and nothing written, 2 done with warnings.",
    )
    parser.add_argument("input", metavar="IN", help="the sheet; - reads standard input")
    parser.add_argument("-o", dest="output", metavar="OUT.crm", help="write here instead of standard output")
    parser.add_argument("--sheet", metavar="NAME", help="the worksheet to convert (needed when several hold tables)")
    parser.add_argument("--marked", metavar="COPY.xlsx", help="write a copy with colour and comment on the bad cells")
    parser.add_argument("-C", dest="no_colocation", action="store_true", help="generate no colocation from LOCATION")
    parser.add_argument("-O", dest="no_order", action="store_true", help="generate no order from LOCATION")
    parser.add_argument("-b", dest="brackets", action="store_true", help="put recipients of alerts in brackets")
    parser.add_argument("--verify", action="store_true", help="check the result as a configuration too; see crm_verify")
    parser.add_argument("-V", dest="verbose", action="count", default=0, help="show remarks besides warnings")
    parser.add_argument("--messages", choices=("text", "json"), default="text", help="form of the messages")
    parser.add_argument("--lang", choices=("ja", "en"), help="language of the messages (default: from LANG)")
    parser.add_argument("-v", "--version", action="version", version="pm_crmgen 2.2 (hacluster)")
    return parser


def _message(problem: Problem, form: str, language: str) -> str:
    if form == "text":
        return _line(problem, language)
    row, ref_row = problem.parameters.get("row"), problem.parameters.get("ref_row")
    return json.dumps(
        {
            "level": str(problem.severity),
            "code": problem.code.removeprefix(_CODE_PREFIX),
            "place": problem.place,
            "row": int(row) if row else None,
            "column": problem.parameters.get("column") or None,
            "ref_row": int(ref_row) if ref_row else None,
            "message": problem.sentence(language),
            "cure": problem.cure(language),
        },
        ensure_ascii=False,
    )


_WEIGHTS = {
    Severity.WARNING: {"en": "warning: ", "ja": "警告: "},
    Severity.INFO: {"en": "remark: ", "ja": "参考: "},
}


def _line(problem: Problem, language: str) -> str:
    """`sheet!cell: sentence (cure)`; what is no error says so in front of the sentence."""
    head = f"{problem.place}: " if problem.place else ""
    weight = _WEIGHTS.get(problem.severity, {}).get(language, "")
    return f"{head}{weight}{problem.line(language).removeprefix(head)}"


def _summary(result: SheetResult, language: str) -> str:
    errors, warnings = (sum(p.severity is kind for p in result.problems) for kind in (Severity.ERROR, Severity.WARNING))
    if language == "ja":
        done = "変換しました" if result.crm_text else "何も出力していません"
        return f"エラー {errors} 件、警告 {warnings} 件。{done}"
    done = "converted" if result.crm_text else "nothing was written"
    return f"{errors} errors, {warnings} warnings; {done}"


def _write_marked(output: str, data: bytes, result: SheetResult, language: str) -> bool:
    from hacluster.sheets.writer import marked_copy

    if not result.rows:
        return True
    try:
        write_atomically(Path(output), marked_copy(data, result, language))
    except OSError as error:
        print(f"{output}: {error.strerror}", file=sys.stderr)
        return False
    return True


def _deliver(result: SheetResult, output: str | None) -> int:
    if not result.ok or not result.crm_text:
        return result.exit_code
    if output is None:
        sys.stdout.buffer.write(result.crm_text.encode())
        sys.stdout.buffer.flush()
        return result.exit_code
    try:
        write_atomically(Path(output), result.crm_text.encode())
    except OSError as error:
        print(f"{output}: {error.strerror}", file=sys.stderr)
        return 1
    return result.exit_code


def write_atomically(path: Path, content: bytes) -> None:
    """Whoever reads the file sees the old content or the new one, never a half."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


if __name__ == "__main__":
    sys.exit(main())
