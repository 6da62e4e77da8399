"""The ids of new records and requests."""

import uuid_utils


def new_id() -> str:
    """Return a UUIDv7 (RFC 9562). Ids ascend in the order of creation, so that indexes grow at their end."""
    return str(uuid_utils.uuid7())
