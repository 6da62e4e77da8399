"""Invitations under an Idempotency-Key: what is answered again is computed again, since a password is nowhere kept.

`secret` is the derived key for INVITATIONS, and `key_id` stands for route, caller and key.
"""

import hashlib
import hmac

INVITATIONS = "invitations"


def invitation_seed(key_id: str, admin_id: str, secret: bytes) -> bytes:
    """256 bits of which the password of the person who was invited under the key is made.

    Of the person, too: when the key's day is over it may invite somebody else, who must get another password.
    """
    return _digest(secret, f"password {key_id} {admin_id}")


def kept_under(key_id: str, secret: bytes) -> str:
    """Under what the rest of the answer is kept.

    Made of the secret, too: with another one the answer is not found, rather than completed by a wrong password.
    """
    return _digest(secret, f"answer {key_id}").hex()


def _digest(secret: bytes, text: str) -> bytes:
    return hmac.digest(secret, text.encode(), hashlib.sha256)
