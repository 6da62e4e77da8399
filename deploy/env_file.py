"""`.env`: read so that each line means here what it means to Compose; any other line is refused.

`python -m deploy.env_file` checks the file; `python -m deploy.env_file services.auth seed` runs that module with its
variables.
docs/decisions/091-one-meaning-of-env.md says which lines mean the same everywhere.
"""

import os
import re
import sys
from collections.abc import Iterator, MutableMapping
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from deploy.tools_container import is_tools_container
from services.kit.core.config import SettingsError

ROOT = Path(__file__).parents[1]
# With it TRUSTED_PROXY is like TRUSTED_PROXIES, and POSTGRES_USER is unlike POSTGRES_PASSWORD.
LIKENESS = 0.8
# The names of variables whose values nobody shows.
SECRET_NAME = re.compile(r".*_(PASSWORD|SECRET|API_KEY)")

# An assignment, from the beginning of a line. Text in quotes may have several lines.
_ASSIGNMENT = re.compile(
    r"""
    [ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z0-9_.-]+)[ \t]*=[ \t]*
    (?:
        '(?P<single>(?:[^'\\\r\0]|\\[^\r\0])*)' (?:[ \t]+\#[^\n]*)?
      | "(?P<double>(?:[^"\\$\r\0]|\\[nrt"\\])*)" (?:[ \t]+\#[^\n]*)?
      | (?P<plain>[^\s$\0#'"][^\s$\0]*(?:[ ]+[^\s$\0#][^\s$\0]*)*) (?:[ ]+\#[^\n]*)?
    )?
    [ \t]*\r?(?:\n|\Z)
    """,
    re.VERBOSE,
)
_BLANK_OR_COMMENT = re.compile(r"[ \t]*(?:#[^\n]*)?\r?(?:\n|\Z)")
# What can be shown of a refused line: Compose also takes a colon.
_NAME_AND_VALUE = re.compile(r"\s*(?:export\s+)?([A-Za-z0-9_.-]+)\s*[=:](.*)")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


class Variable(NamedTuple):
    """A variable of the file, and the number of its line."""

    name: str
    value: str
    line: int


def load() -> None:
    """Add the variables of `.env` to this process's environment, which has precedence.

    Write a line to standard error for each unknown name that is like one of ours. Raise SettingsError.
    """
    variables = read(ROOT / ".env")
    for line in unknown_names(variables):
        sys.stderr.write(f"{line}\n")
    add(variables, os.environ)


def read(file: Path) -> list[Variable]:
    """Return the variables of a file, none when it does not exist.

    Raise SettingsError with a line for each of its lines that has not the same meaning everywhere.
    """
    try:
        text = _decode(file.read_bytes())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SettingsError([f".env cannot be read ({error.strerror})"]) from None
    variables, problems = [], []
    for found in _parse(text):
        if isinstance(found, Variable):
            variables.append(found)
        else:
            problems.append(found)
    if problems:
        raise SettingsError(problems)
    return variables


def add(variables: list[Variable], environment: MutableMapping[str, str]) -> None:
    """Add the variables to the environment, which has precedence; of several of one name the last counts."""
    for name, value in {each.name: each.value for each in variables}.items():
        environment.setdefault(name, value)


def unknown_names(variables: list[Variable]) -> list[str]:
    """Return a line for each unknown name that is like one of ours, with that name."""
    known = _known_names()
    lines = []
    for name, _, line in variables:
        if name not in known and (nearest := get_close_matches(name.upper(), known, 1, LIKENESS)):
            lines.append(f".env, line {line}: Flix has no variable {name}; the nearest is {nearest[0]}")
    return lines


def with_own_commands(text: str) -> str:
    """Return the text with the commands of services, which do not read `.env`, as those of `flix` or with it."""
    text = re.sub(r"python -m services\.(\w+) migrate (\w+)", r"flix migrate \2 --service \1", text)
    if is_tools_container():
        return text
    return re.sub(r"python -m (services\.\w+)", r".venv/bin/python -m deploy.env_file \1", text)


def _decode(content: bytes) -> str:
    # Without its mark, UTF-16 has a zero byte in each ASCII character.
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content:
        raise SettingsError([".env is UTF-16 or no text: save it as UTF-8"])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            [f".env, line {line}: a letter is not in UTF-8 (Latin-1?): save the file as UTF-8"]
        ) from None


def _parse(text: str) -> Iterator[Variable | str]:
    """Yield each variable, and a problem for each line that is refused."""
    position = 0
    while position < len(text):
        line = text.count("\n", 0, position) + 1
        if match := _ASSIGNMENT.match(text, position):
            yield Variable(match["name"], _value(match), line)
            position = match.end()
            continue
        end = (text.find("\n", position) + 1) or len(text)
        if not _BLANK_OR_COMMENT.match(text, position):
            yield _problem(text[position:end].strip(), line)
        position = end


def _value(match: re.Match[str]) -> str:
    if match["single"] is not None:
        return _ESCAPE.sub(lambda escape: "'" if escape[1] == "'" else escape[0], match["single"])
    if match["double"] is not None:
        return _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), match["double"])
    return match["plain"] or ""


def _problem(text: str, line: int) -> str:
    found = _NAME_AND_VALUE.match(text)
    if found is None:
        return f".env, line {line}: this is not NAME='value'"
    name, value = found[1], _literal(found[2].strip())
    assignment = f"{name}='" + value.replace("'", "\\'") + "'"
    match = _ASSIGNMENT.fullmatch(assignment)
    if match is None or _value(match) != value:
        return f".env, line {line}: programs read {name} differently, and single quotes cannot hold it: choose another"
    if SECRET_NAME.fullmatch(name) or "@" in value:
        # This goes to logs.
        return f".env, line {line}: programs read {name} differently; in single quotes they agree (and \\' is a ')"
    return f".env, line {line}: programs read this line differently; in single quotes they agree: {assignment}"


def _literal(text: str) -> str:
    """Return the text of a refused value without its quotes or its comment; `$` stands for itself."""
    quote = text[:1]
    if quote not in ("'", '"'):
        return re.split(r" +#", text, maxsplit=1)[0]
    inner = text[1:-1] if len(text) > 1 and text.endswith(quote) else text[1:]
    return inner if quote == "'" else re.sub(r'\\(["\\$])', r"\1", inner)


def _known_names() -> set[str]:
    """Return the names in `.env.example`, those that Compose files use, and NAME_FILE for each."""
    files = (*ROOT.glob(".env.example"), *ROOT.glob("docker-compose.yml"), *ROOT.glob("deploy/**/compose*.yml"))
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    names = {"DATABASE_URL", *re.findall(r"(?:^|\$\{)([A-Z_]+)(?==|[:}?-])", text, re.MULTILINE)}
    return names | {f"{name}_FILE" for name in names}


def main() -> None:
    """Check `.env`, or run the named module in place of this process."""
    try:
        load()
    except SettingsError as error:
        sys.exit(str(error))
    if len(sys.argv) == 1:
        sys.stdout.write(".env means the same to every program\n")
    else:
        os.execv(sys.executable, [sys.executable, "-m", *sys.argv[1:]])  # noqa: S606 the operator's own command


if __name__ == "__main__":
    main()
