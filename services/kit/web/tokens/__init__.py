"""Tokens: who calls, and for what.

An admin's access token is a JWT that auth alone signs (Ed25519, RFC 8037 and RFC 9068); everyone else verifies it
with auth's published keys, and asks auth which sessions have ended. A service token is a JWT under the secret that
only the services share (HS256); it lives for a minute and names its callee as the audience. A learner's grant is signed
like an access token and opens one private event.
"""
