"""`python -m deploy.openapi`: write gateway/openapi.yaml and openapi.json."""

import sys

from deploy.openapi.document import DOCUMENT, DOCUMENT_JSON, document_json, document_text
from deploy.openapi.operations import MissingDeclaration


def main() -> int:
    """Write the document, or print what is not declared."""
    try:
        DOCUMENT.write_text(document_text())
        DOCUMENT_JSON.write_text(document_json())
    except MissingDeclaration as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
