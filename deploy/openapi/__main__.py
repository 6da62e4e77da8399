"""`python -m deploy.openapi`: write gateway/openapi.yaml."""

import sys

from deploy.openapi.document import DOCUMENT, document_text
from deploy.openapi.operations import MissingDeclaration


def main() -> int:
    """Write the document, or print what is not declared."""
    try:
        DOCUMENT.write_text(document_text())
    except MissingDeclaration as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
