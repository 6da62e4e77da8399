"""People whom a test invites for itself, since nobody else may sign in as them."""

import uuid

import httpx

from tests.contract.samples import Json

LOGIN = "/api/admin/login"
USERS = "/api/admin/users"
OWN = "nine moles dig a tunnel"


def a_name() -> str:
    """That nobody has."""
    return f"person-{uuid.uuid4().hex[:12]}"


def invited(admin: httpx.Client, role: str) -> Json:
    """The answer to an invitation."""
    response = admin.post(USERS, json={"username": a_name(), "role": role})
    assert response.status_code == 201, response.text
    return dict(response.json())


def settled(admin: httpx.Client, learner: httpx.Client, role: str) -> tuple[Json, Json]:
    """Somebody with the password OWN, as owners see them, and what their sign-in answered."""
    invitation = invited(admin, role)
    username = invitation["item"]["username"]
    credentials = {"username": username, "password": invitation["initialPassword"], "newPassword": OWN}
    response = learner.post(LOGIN, json=credentials)
    assert response.status_code == 200, response.text
    return dict(admin.get(f"{USERS}/{invitation['item']['id']}").json()["item"]), dict(response.json())
