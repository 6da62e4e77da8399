"""deploy/production-env: what it asks, refuses and writes, without containers."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.stack import ROOT

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The part of a clone that the script touches, as a umask of 077 leaves it."""
    site = tmp_path / "my site"
    for name in ("deploy", "gateway", "services"):
        (site / name).mkdir(parents=True)
        (site / name / "code.py").touch(mode=0o600)
        (site / name).chmod(0o700)
    for name in ("deploy/production-env", ".env.example"):
        shutil.copy(ROOT / name, site / name)
    return site


@pytest.fixture
def run(site: Path) -> Run:
    """Run the script; return its exit code, its output and its errors."""

    def run(*arguments: str, answers: str = "") -> tuple[int, str, str]:
        command = [str(site / "deploy/production-env"), *arguments]
        done = subprocess.run(command, input=answers, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    return run


def test_what_is_not_given_is_asked_and_what_is_there_stays(run: Run, site: Path) -> None:
    (site / ".env").write_text("POSTGRES_PASSWORD=mine\nADMIN_USERNAME=bob")
    question = "Which sites may call the API (https://learn.example, with commas)? "
    sites = "https://learn.example,http://localhost:5173"
    code, _, errors = run(answers=f"{sites}\n")

    assert (code, errors) == (0, question)
    lines = (site / ".env").read_text().splitlines()
    assert lines[:2] == ["POSTGRES_PASSWORD=mine", "ADMIN_USERNAME=bob"]
    assert f"CORS_ORIGIN={sites}" in lines
    assert len([line for line in lines if line.endswith(("_PASSWORD", "_SECRET"))]) == 9


def test_through_a_link_it_writes_beside_its_own_folder(site: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(site / "deploy/production-env")
    subprocess.run([tmp_path / "link", "https://learn.example", "ada"], cwd=tmp_path, check=True)
    assert ((site / ".env").is_file(), (tmp_path / ".env").exists()) == (True, False)


@pytest.mark.parametrize(
    ("sites", "complaint"),
    [
        ("learn.example", "SITES are no addresses of sites"),
        ("https://learn.example/path", "SITES are no addresses of sites"),
        ("https://a.example,", "SITES are no addresses of sites"),
        ("https://learn.example 'x'", "SITES has a character that no address has"),
        ("https://a.example\nADMIN_PASSWORD=x", "SITES has a character that no address has"),
        ("", "Which sites may call the API (https://learn.example, with commas)? \nCORS_ORIGIN is missing"),
    ],
)
def test_every_wrong_answer_is_named_at_once_and_nothing_is_written(
    run: Run, site: Path, sites: str, complaint: str
) -> None:
    before = {*site.iterdir()}
    code, output, errors = run(sites, " ")

    assert (code, output, {*site.iterdir()}) == (1, "", before)
    assert errors.startswith(complaint)
    assert errors.endswith("\nADMIN_USERNAME is missing: deploy/production-env SITES ADMIN\n")


def test_each_lost_secret_is_named_with_the_command_that_finds_it(run: Run, site: Path) -> None:
    run("https://learn.example", "ada")
    (site / "secrets/QUIZ_OWNER_PASSWORD").unlink()
    (site / "secrets/SIGNING_KEY_SECRET").write_text("")
    with (site / ".env").open("a") as file:
        file.write(f"TLS_KEY='{site}/my key.pem'\nTLS_CERTIFICATE={site}/old.pem\n")
        file.write(f"TLS_CERTIFICATE={site}/there.pem  # mine\nREDIS_URL_FILE=redis #x\n")
        file.write("BRANDING_OPENAI_API_KEY_FILE=/no/where\nBRANDING_GEMINI_API_KEY_FILE=~/key\n")
    (site / "there.pem").write_text("x")
    before = (site / ".env").read_text()
    code, output, errors = run()

    gone = "is gone or empty"
    command = "The volume has it: docker compose run --rm --no-deps --entrypoint cat postgres /run/flix"
    owner, key = "secrets/QUIZ_OWNER_PASSWORD", "secrets/SIGNING_KEY_SECRET"
    assert (code, output, errors.splitlines()) == (
        1,
        "",
        [
            f"{owner} {gone}. {command}/postgres/quiz_owner >{owner}",
            f"redis {gone}",
            f"{key} {gone}. {command}/auth_keys/signing_key_secret >{key}",
            f"{site}/my key.pem {gone}",
        ],
    )
    assert (site / ".env").read_text() == before
    assert not (site / "secrets/QUIZ_OWNER_PASSWORD").exists()


@pytest.mark.parametrize(
    ("found", "replacement"), [("\n", "\r\n"), ("", "\ufeff"), ("=", " = "), ("\n", "\nexport "), ("=", "=\t")]
)
def test_a_file_is_read_as_compose_reads_it(run: Run, site: Path, found: str, replacement: str) -> None:
    run("https://learn.example", "ada")
    file = site / ".env"
    file.write_text(file.read_text().rstrip("\n").replace(found, replacement, -1 if found else 1), newline="")
    before = file.read_bytes()
    code, _, errors = run()
    assert (code, errors) == (0, "")
    assert file.read_bytes() == before + b"\n"


def test_a_copy_of_the_example_loses_its_public_values(run: Run, site: Path) -> None:
    example = (site / ".env.example").read_text()
    (site / ".env").write_text(example.replace("LOG_FILES=5", "LOG_FILES=7"))
    code, _, errors = run("https://learn.example", "Zoë")

    assert (code, errors.startswith("The lines that .env had of .env.example are taken out")) == (0, True)
    lines = [line for line in (site / ".env").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "LOG_FILES=7"
    assert {"CORS_ORIGIN=https://learn.example", "ADMIN_USERNAME='Zoë'"} < {*lines}
    assert {*example.splitlines()} & {*lines} <= {"API_BIND=127.0.0.1"}
    assert len([line for line in lines if "_FILE=secrets/" in line]) == 10


def test_a_new_installation_is_a_project_of_its_own_and_an_older_one_keeps_its_volumes(run: Run, site: Path) -> None:
    names = {f"{name}=flix-production" for name in ("COMPOSE_PROJECT_NAME", "FLIX_IMAGES")}
    run("https://learn.example", "ada")
    assert {*(site / ".env").read_text().splitlines()} > names
    older = "\n".join(line for line in (site / ".env").read_text().splitlines() if line not in names)
    (site / ".env").write_text(older)
    run()
    assert (site / ".env").read_text() == f"{older}\n"


def test_containers_may_read_the_code_and_nobody_the_secrets(run: Run, site: Path) -> None:
    assert run("https://learn.example", "ada")[0] == 0

    for name in ("deploy", "gateway", "services"):
        assert ((site / name).stat().st_mode & 0o777, (site / name / "code.py").stat().st_mode & 0o777) == (
            0o755,
            0o644,
        )
    files = [*(site / "secrets").iterdir(), site / ".env"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
