"""`python -m tests.tools.record`: write the responses of a new installation into the document's examples."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from deploy.openapi.document import DOCUMENT, DOCUMENT_JSON, document, document_json, document_text
from deploy.openapi.examples import RESPONSES
from tests.tools.season import demo_season
from tests.tools.walk import Json, Taken, same_form, walk

# Its own response is long: examples.yaml has the start of it.
WRITTEN_BY_HAND = "getOpenapiJson"
# What nobody should publish, an installation's that is gone or not.
HIDDEN = {"accessToken": "an-access-token", "refreshToken": "a-refresh-token", "initialPassword": "an-initial-password"}


def main() -> int:
    """Record every response whose form is not that of the example."""
    known: Json = json.loads(RESPONSES.read_text())
    recorded: Json = {}
    with tempfile.TemporaryDirectory() as folder, demo_season(Path(folder)) as stack, stack.client() as client:
        for taken in walk(document(), client):
            if not taken.response.is_success:
                sys.stderr.write(f"{taken.step.id}: {taken.response.status_code} {taken.response.text}\n")
                return 1
            recorded[taken.step.id] = _example(taken, known.get(taken.step.id, {}))
    RESPONSES.write_text(json.dumps(recorded, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    DOCUMENT.write_text(document_text())
    DOCUMENT_JSON.write_text(document_json())
    return 0


def _example(taken: Taken, known: Json) -> Json:
    response, example = taken.response, {}
    if not response.content or taken.step.id == WRITTEN_BY_HAND:
        return {}
    if response.headers["Content-Type"] != "application/json":
        return {"text": response.text.partition("\n")[0]}
    example["response"] = _without_secrets(response.json())
    return known if same_form(known, example) else example


def _without_secrets(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_secrets(each) for each in node]
    if isinstance(node, dict):
        return {name: HIDDEN.get(name) or _without_secrets(value) for name, value in node.items()}
    return node


if __name__ == "__main__":
    sys.exit(main())
