"""`pm_crmgen [-o OUT.crm] [--sheet NAME] [-C] [-O] [-b] [--verify] IN`: a configuration sheet becomes crm text.

Reads csv, xls, xlsx or ods; writes the text to OUT or stdout and every problem to stderr as `sheet!cell: message`.
Exit codes: 0 done, 1 refused (nothing is written), 2 done with warnings.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

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
    return _deliver(result, arguments.output)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pm_crmgen",
        description="Convert a configuration sheet (csv, xls, xlsx, ods) to crm text.",
        epilog="Exit status: 0 done, 1 refused and nothing written, 2 done with warnings.",
    )
    parser.add_argument("input", metavar="IN", help="the sheet; - reads standard input")
    parser.add_argument("-o", dest="output", metavar="OUT.crm", help="write here instead of standard output")
    parser.add_argument("--sheet", metavar="NAME", help="the worksheet to convert (needed when several hold tables)")
    parser.add_argument("-C", dest="no_colocation", action="store_true", help="generate no colocation from LOCATION")
    parser.add_argument("-O", dest="no_order", action="store_true", help="generate no order from LOCATION")
    parser.add_argument("-b", dest="brackets", action="store_true", help="put recipients of alerts in brackets")
    parser.add_argument("--verify", action="store_true", help="check the result as a configuration too; see crm_verify")
    parser.add_argument("-V", dest="verbose", action="count", default=0, help="show remarks besides warnings")
    parser.add_argument("--messages", choices=("text", "json"), default="text", help="form of the messages")
    parser.add_argument("--lang", choices=("ja", "en"), help="language of the messages (default: from LANG)")
    return parser


def _message(problem: Problem, form: str, language: str) -> str:
    if form == "text":
        return problem.line(language)
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
