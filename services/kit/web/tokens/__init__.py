"""The three kinds of token.

An admin's access token is a JWT that only auth signs (Ed25519, RFC 8037 and RFC 9068). The other processes verify it
with auth's published keys, and fetch from auth which sessions have ended. A service token is a JWT under the secret
that only the services share (HS256); it is valid for a minute, and its audience is the called service. A learner's
grant is signed like an access token and opens one private event.
"""
