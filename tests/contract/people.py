"""People whom a test invites for itself."""

import uuid

import httpx

from tests.contract.samples import Json

LOGIN = "/api/admin/login"
USERS = "/api/admin/users"
OWN = "nine moles dig a tunnel"


def a_name() -> str:
    """Return a username that nobody has."""
    return f"person-{uuid.uuid4().hex[:12]}"


def invited(admin: httpx.Client, role: str) -> Json:
    """Invite a person and return the body."""
    response = admin.post(USERS, json={"username": a_name(), "role": role})
    assert response.status_code == 201, response.text
    return dict(response.json())


def settled(admin: httpx.Client, learner: httpx.Client, role: str) -> tuple[Json, Json]:
    """Return a person with the password OWN, and the body of their sign-in."""
    invitation = invited(admin, role)
    username = invitation["item"]["username"]
    credentials = {"username": username, "password": invitation["initialPassword"], "newPassword": OWN}
    response = learner.post(LOGIN, json=credentials)
    assert response.status_code == 200, response.text
    return dict(admin.get(f"{USERS}/{invitation['item']['id']}").json()["item"]), dict(response.json())
