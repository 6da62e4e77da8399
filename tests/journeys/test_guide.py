"""The guide of docs/api.md: its blocks, run in order as one script, print what the page says."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.stack import ROOT
from tests.installation import installation
from tests.without import do_without


@pytest.mark.full
def test_the_blocks_of_the_guide_print_what_it_says(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        do_without("Node", "apt install nodejs")
    guide = (ROOT / "docs/api.md").read_text()
    [expected] = re.findall(r"```text\n(.*?)```", guide, re.S)
    script = "\n".join(re.findall(r"```js\n(.*?)```", guide, re.S))
    with installation(tmp_path, ADMIN_USERNAME="admin", ADMIN_PASSWORD="admin123") as stack:
        stack.prepare()
        stack.start()
        (tmp_path / "guide.mjs").write_text(script.replace("http://127.0.0.1:3001", stack.address))

        done = subprocess.run([node, tmp_path / "guide.mjs"], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == (expected, "")
