"""`.env` means to our commands what it means to Compose."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import env_file, stack
from services.kit.core.config import SettingsError
from tests.deploy.env_lines import READ, REFUSED
from tests.without import do_without

BASE = ("docker-compose.yml",)
PRODUCTION = (*BASE, "deploy/compose.production.yml")
SHOWN = [text.removeprefix("'").removesuffix("'").replace("\\'", "'") for text in REFUSED.values()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path of a file that does not exist yet."""
    return tmp_path / ".env"


def values(file: Path) -> dict[str, str]:
    """Return what the file sets in an empty environment."""
    environment: dict[str, str] = {}
    env_file.add(env_file.read(file), environment)
    return environment


def refusal(file: Path) -> list[str]:
    """Return the lines with which the file is refused."""
    with pytest.raises(SettingsError) as refused:
        env_file.read(file)
    return refused.value.problems


@pytest.mark.parametrize("text", READ)
def test_a_line_is_read(file: Path, text: str) -> None:
    file.write_text(f"# comment\n\nV={text}\nAFTER='x'\n")

    assert values(file) == {"V": READ[text], "AFTER": "x"}


@pytest.mark.parametrize("text", REFUSED)
def test_a_line_is_refused_and_shown_in_single_quotes(file: Path, text: str) -> None:
    file.write_text(f"BEFORE=x\nV={text}\n")

    assert refusal(file) == [
        f".env, line 2: programs read this line differently; in single quotes they agree: V={REFUSED[text]}"
    ]
    file.write_text(f"V={REFUSED[text]}\n")
    assert values(file)["V"] in SHOWN


def test_names_take_blanks_and_export_and_the_last_of_one_name_counts(file: Path) -> None:
    file.write_text("export A=1\n  B = 2 \nmy.own-name='3'\nA=4\nEMPTY=\nQUOTED=''\n")

    assert values(file) == {"A": "4", "B": "2", "my.own-name": "3", "EMPTY": "", "QUOTED": ""}


def test_every_refused_line_is_named(file: Path) -> None:
    file.write_text("A: 1\nB\nC='ok'\n=x\nD = $\\\n")

    differently = "programs read this line differently; in single quotes they agree"
    assert refusal(file) == [
        f".env, line 1: {differently}: A='1'",
        ".env, line 2: this is not NAME='value'",
        ".env, line 4: this is not NAME='value'",
        ".env, line 5: programs read D differently, and single quotes cannot hold it: choose another",
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("A=1\n".encode("utf-16"), ".env is UTF-16 or no text: save it as UTF-8"),
        ("A=1\n".encode("utf-16-le"), ".env is UTF-16 or no text: save it as UTF-8"),
        (
            "A=1\nB='käse'\n".encode("latin-1"),
            ".env, line 2: a letter is not in UTF-8 (Latin-1?): save the file as UTF-8",
        ),
    ],
)
def test_another_encoding_is_one_line(file: Path, content: bytes, problem: str) -> None:
    file.write_bytes(content)

    assert refusal(file) == [problem]


def test_a_byte_order_mark_and_line_ends_of_windows_are_accepted(file: Path) -> None:
    file.write_bytes("\ufeffA=1\r\nB='é' # comment\r\n# comment\r\n\r\nC=\r\n".encode())

    assert values(file) == {"A": "1", "B": "é", "C": ""}


def test_a_folder_in_its_place_is_one_line(file: Path) -> None:
    file.mkdir()

    assert refusal(file) == [".env cannot be read (Is a directory)"]


def test_without_a_file_nothing_is_set(file: Path) -> None:
    assert values(file) == {}


def test_the_environment_has_precedence_even_when_empty(file: Path) -> None:
    file.write_text("A=file\nB=file\nC=file\n")
    environment = {"A": "environment", "B": ""}

    env_file.add(env_file.read(file), environment)

    assert environment == {"A": "environment", "B": "", "C": "file"}


def test_an_unknown_name_like_one_of_ours_is_named_with_it(file: Path) -> None:
    file.write_text(
        "ACCES_KEY_GUESSES_MAX=5\nTRUSTED_PROXY=1\ncors_origin=x\nPOSTGRES_PASWORD=x\nGRAFANA_PROT=1\n"
        # Ours, Compose's, and those of other programs.
        "TRUSTED_PROXIES=1\nADMIN_PASSWORD_FILE=x\nDATABASE_URL=x\nSEED=demo\nCOMPOSE_FILE=x\nCOMPOSE_PROFILES=x\n"
        "POSTGRES_USER=x\nOPENAI_API_KEY=x\nPORT=1\nHOME=x\nTZ=x\nNODE_ENV=x\n"
    )

    assert env_file.unknown_names(env_file.read(file)) == [
        ".env, line 1: Flix has no variable ACCES_KEY_GUESSES_MAX; the nearest is ACCESS_KEY_GUESSES_MAX",
        ".env, line 2: Flix has no variable TRUSTED_PROXY; the nearest is TRUSTED_PROXIES",
        ".env, line 3: Flix has no variable cors_origin; the nearest is CORS_ORIGIN",
        ".env, line 4: Flix has no variable POSTGRES_PASWORD; the nearest is POSTGRES_PASSWORD",
        ".env, line 5: Flix has no variable GRAFANA_PROT; the nearest is GRAFANA_PORT",
    ]


def test_the_example_is_accepted_and_has_no_unknown_name() -> None:
    variables = env_file.read(env_file.ROOT / ".env.example")

    assert len(variables) > 30
    assert env_file.unknown_names(variables) == []


def test_a_module_is_run_with_the_exact_values(clone: Path) -> None:
    lines = {f"V{number}": text for number, text in enumerate(READ)}
    (clone / ".env").write_text("".join(f"{name}={text}\n" for name, text in lines.items()))
    (clone / "show.py").write_text("import json, os, sys; json.dump([dict(os.environ), sys.argv[1:]], sys.stdout)")

    check = run(clone, "deploy.env_file")
    environment, arguments = json.loads(run(clone, "deploy.env_file", "show", "an argument").stdout)

    assert {name: environment[name] for name in lines} == {name: READ[text] for name, text in lines.items()}
    assert arguments == ["an argument"]
    assert (check.returncode, check.stdout, check.stderr) == (0, ".env means the same to every program\n", "")


@pytest.mark.parametrize(
    "command",
    [
        ["deploy.run"],
        ["deploy.cli", "backup"],
        ["deploy.cli", "restore", "file"],
        ["deploy.cli", "import", "file"],
        ["deploy.cli", "user", "list"],
        ["deploy.env_file"],
        ["deploy.env_file", "services.auth", "seed"],
    ],
    ids=" ".join,
)
def test_every_command_refuses_the_same_lines(clone: Path, command: list[str]) -> None:
    (clone / ".env").write_text("ADMIN_PASSWORD=pa$word\n")

    refused = run(clone, *command)

    assert (refused.returncode, refused.stdout, refused.stderr) == (
        1,
        "",
        ".env, line 1: programs read ADMIN_PASSWORD differently; in single quotes they agree (and \\' is a ')\n",
    )


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a module in this folder, without variables of ours."""
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=outside(), capture_output=True, text=True, check=False
    )


def outside() -> dict[str, str]:
    """Return an environment without variables of ours."""
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


@pytest.mark.parametrize("files", [BASE, PRODUCTION], ids=["base", "production"])
def test_compose_passes_the_same_values_on(clone: Path, files: tuple[str, ...]) -> None:
    require_compose()
    expected = {**READ, **{text: SHOWN[number] for number, text in enumerate(REFUSED.values())}}
    names, others = passed_on(files)
    texts = list(expected)
    for start in range(0, len(texts), len(names)):
        # The last ones are filled up with the first.
        part = dict(zip(names, (texts + texts)[start:], strict=False))
        lines = [*(f"{name}={text}" for name, text in part.items()), *(f"{name}=127.0.0.1" for name in others)]
        (clone / ".env").write_text("\n".join(lines) + "\n")
        assert values_in_containers(clone, files, names) == {name: {expected[text]} for name, text in part.items()}


def test_an_empty_value_is_the_default_here_and_in_compose(clone: Path) -> None:
    require_compose()
    names, _ = passed_on(BASE)
    defaults = values_in_containers(clone, BASE, names)
    (clone / ".env").write_text("".join(f"{name}={empty}\n" for name in names for empty in ("", "''", '""')))

    assert values_in_containers(clone, BASE, names) == defaults
    assert stack.read_settings(values(clone / ".env")) == stack.read_settings({})


def require_compose() -> None:
    """Skip the test where there is no Compose, which in CI is a failure."""
    if not shutil.which("docker"):
        do_without("Docker", "the program docker is missing, which reads .env for Compose")
    version = subprocess.run(["docker", "compose", "version"], capture_output=True, text=True, check=False)
    if version.returncode:
        do_without("Compose", "docker compose is missing, which reads .env")


def passed_on(files: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Return the variables that every container gets under the same name, and the others that must be set."""
    text = "\n".join((env_file.ROOT / name).read_text() for name in files)
    names = {name for name, same in re.findall(r"(\w+): \"?\$\{(\w+):[-?][^}]*\}\"?[\s,}]", text) if name == same}
    # Some containers get an address, a port, a path or a profile of theirs under such a name.
    names -= set(re.findall(r"(\w+): (?:/|http:|managed|0\.0\.0\.0|9100|\$\{\w+:\+)", text))
    return sorted(names), sorted({*re.findall(r"\$\{(\w+):\?", text)} - names)


def values_in_containers(folder: Path, files: tuple[str, ...], names: list[str]) -> dict[str, set[str]]:
    """Return the values of each of these variables in all containers."""
    command = ["docker", "compose", *(f"--file={name}" for name in files), "--profile=*", "config", "--format=json"]
    done = subprocess.run(command, cwd=folder, env=outside(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    environments = [service.get("environment", {}) for service in json.loads(done.stdout)["services"].values()]
    # `config` writes $ as $$, as in a Compose file.
    return {name: {each[name].replace("$$", "$") for each in environments if name in each} for name in names}
