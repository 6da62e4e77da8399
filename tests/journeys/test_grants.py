"""While auth is stopped, grants and keys still open lessons, and no new grant is given."""

import uuid

import pytest

from tests.installation import Stack


@pytest.mark.full
def test_grants_work_while_auth_is_stopped(stack: Stack) -> None:
    slug, key = f"away-{uuid.uuid4().hex[:12]}", {"eventAccessKey": "open sesame"}
    event = {"title": "Away", "slug": slug, "visibility": "private", "accessKey": "open sesame"}
    catalog = f"/api/public/events/{slug}/catalog"
    with stack.admin() as admin, stack.client() as learner:
        assert admin.post("/api/events", json=event).status_code == 201
        grant = learner.post(f"/api/events/{slug}/access", json=key).json()["accessToken"]
        bearer = {"Authorization": f"Bearer {grant}"}
        before = learner.post(catalog, headers=bearer)
        stack.stop("auth")
        away = [learner.post(catalog, headers=bearer), learner.post(catalog, json=key), learner.post(catalog)]
        another = learner.post(f"/api/events/{slug}/access", json=key)
        stack.start("auth")
        again = learner.post(f"/api/events/{slug}/access", json=key)

    assert [response.status_code for response in (before, *away)] == [200, 200, 200, 403]
    assert (another.status_code, another.json()["error"], another.headers["Retry-After"]) == (
        503,
        "UPSTREAM_UNAVAILABLE",
        "1",
    )
    assert again.status_code == 200
