"""Invitations: under an Idempotency-Key a retry computes the initial password again, because it is never stored.

`secret` is the key derived for the purpose; `key_id` identifies the route, the caller and the Idempotency-Key.
"""

import hashlib
import hmac

INVITATIONS = "invitations"
INITIAL_PASSWORDS = "initial passwords"


def invitation_seed(key_id: str, admin_id: str, secret: bytes) -> bytes:
    """Return the 256 bits from which the initial password of the invited person is made.

    The person's id is part of it: after a day the same key may invite another person, who needs another password.
    """
    return _digest(secret, f"password {key_id} {admin_id}")


def storage_id(key_id: str, secret: bytes) -> str:
    """Return the id under which the response without the password is stored.

    The secret is part of it: under another secret the response is not found, instead of completed by a wrong password.
    """
    return _digest(secret, f"answer {key_id}").hex()


def initial_password_digest(password: str, password_hash: str, secret: bytes) -> str:
    """Return the digest by which an initial password is checked without a hash; its 138 bits are not guessable.

    The stored hash is part of it: whatever replaces the hash, an earlier release too, ends the digest with it.
    """
    return _digest(secret, f"{password_hash} {password}").hex()


def _digest(secret: bytes, text: str) -> bytes:
    return hmac.digest(secret, text.encode(), hashlib.sha256)
