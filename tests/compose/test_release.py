"""deploy.release.images: the images of Flix hold no secret, and a secret in an image is found."""

import base64
import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator

import docker
import pytest
from docker.models.images import Image

from deploy.release.images import base_of, scan_images
from deploy.release.leaks import known_secrets
from deploy.stack import ROOT
from tests.compose.stacks import Figure

BASE = base_of(ROOT)
# In parts, so that the check of the source tree does not find it.
AWS_KEY = "AKIA" + "IOSFODNN7" + "EXAMPLQ"
KNOWN = known_secrets(ROOT)


@pytest.fixture
def built() -> Iterator[Callable[..., str]]:
    """Builds an image from these lines of a Dockerfile and these files; it is removed afterwards."""
    engine = docker.from_env()
    made: list[Image] = []

    def build(*lines: str, **files: str) -> str:
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as archive:
            for name, text in {"Dockerfile": "\n".join((f"FROM {BASE}", *lines)), **files}.items():
                member = tarfile.TarInfo(name)
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
        context.seek(0)
        image, _log = engine.images.build(fileobj=context, custom_context=True, rm=True, tag=f"flix-leak-{len(made)}")
        made.append(image)
        return str(image.tags[0])

    yield build
    for image in reversed(made):
        engine.images.remove(str(image.id), force=True)


def test_the_images_of_flix_hold_no_secret(images: str, figure: Figure) -> None:
    names = [f"{images}-{part}" for part in ("auth", "content", "gateway", "quiz", "tools")]

    verdict = scan_images(docker.from_env(), BASE, names, KNOWN)

    assert (verdict.state, verdict.findings) == ("passed", [])
    figure(f"secrets in the images: none; {verdict.summary}")


def test_secrets_in_files_packages_and_variables_are_found_by_their_paths(built: Callable[..., str]) -> None:
    packages = "opt/flix/lib/python3.13/site-packages"
    leaky = built(
        f"ENV DEPLOY_KEY={AWS_KEY}",
        "COPY key.txt /app/key.txt",
        f"COPY key.py /{packages}/key.py",
        **{
            "key.txt": f"key = '{AWS_KEY}'\n",
            "key.py": "# written with " + "-----BEGIN " + "RSA PRIVATE KEY-----\n",
        },
    )

    verdict = scan_images(docker.from_env(), BASE, [leaky], KNOWN)

    kinds = {finding.rpartition(" ")[0].partition(f"{leaky}/")[2] for finding in verdict.findings}
    assert verdict.state == "FAILED"
    assert {"app/key.txt:1: AWS Access Key", f"{packages}/key.py:1: Private Key"} <= kinds
    assert any(kind.startswith("image.json:") and kind.endswith("AWS Access Key") for kind in kinds)


def test_what_a_package_has_brought_is_no_secret_until_it_is_changed(built: Callable[..., str]) -> None:
    place, text = "/opt/flix/lib/python3.13/site-packages", f"key = '{AWS_KEY}'\n"
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    record = f"package/key.py,sha256={digest},{len(text)}\npackage-1.dist-info/RECORD,,\n"
    files = {"key.py": text, "changed.py": f"# changed\n{text}", "RECORD": record}
    lines = [f"COPY key.py {place}/package/", f"COPY RECORD {place}/package-1.dist-info/"]

    verdicts = [
        scan_images(docker.from_env(), BASE, [built(*lines, *more, **files)], KNOWN)
        for more in ([], [f"COPY changed.py {place}/package/key.py"])
    ]

    assert [verdict.state for verdict in verdicts] == ["passed", "FAILED"]
