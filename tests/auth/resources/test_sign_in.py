"""Signing in over HTTP: initial passwords, new ones, and who has to wait."""

import pytest

from tests.auth.examples import PASSWORD
from tests.auth.resources.owner import OWN, Owner
from tests.matching import Matching
from tests.refusals import Answer, invalid, refusal

HERE, THERE = "192.0.2.1", "198.51.100.7"
THROTTLED = refusal(429, "RATE_LIMITED", "Too many attempts to sign in; try again later")
WRONG = {"username": "ada", "password": "a wrong guess"}
RIGHT = {"username": "ada", "password": PASSWORD}
CHANGE_REQUIRED = refusal(
    403,
    "PASSWORD_CHANGE_REQUIRED",
    "This password was made for you: sign in with it once more and add newPassword, one of your own",
)


def test_an_initial_password_must_be_replaced_and_can_be_in_the_same_request(app: Owner) -> None:
    credentials = {"username": "grace", "password": app.service.people.invite("grace", "viewer").initial_password}
    refused = app.login(credentials)
    assert Answer(refused.status_code, refused.json) == CHANGE_REQUIRED
    signed_in = app.login({**credentials, "newPassword": OWN})
    assert (signed_in.status_code, signed_in.json["user"]["username"]) == (200, "grace")
    assert app.login({"username": "grace", "password": OWN, "newPassword": None}).status_code == 200


@pytest.mark.parametrize(
    ("new_password", "text"),
    [
        ("eleven char", "must have at least 12 characters"),
        ("administrator", Matching("is too easy to guess: .+")),
        (PASSWORD, "must differ from the password that it replaces"),
        ("x" * 1025, "String should have at most 1024 characters"),
        (17, "Input should be a valid string"),
    ],
)
def test_a_new_password_that_will_not_do_is_refused_by_the_field(app: Owner, new_password: object, text: str) -> None:
    answer = app.login({**RIGHT, "newPassword": new_password})
    assert Answer(answer.status_code, answer.json) == invalid({"newPassword": [text]})
    assert app.login(RIGHT).status_code == 200


def test_who_guesses_too_often_is_told_when_to_come_back_and_nothing_is_hashed(app: Owner) -> None:
    assert [app.login(WRONG, HERE).status_code for _ in range(10)] == [401] * 10
    app.hasher.work_of()
    for document in (WRONG, RIGHT):
        answer = app.login(document, HERE)
        assert (Answer(answer.status_code, answer.json), answer.headers["Retry-After"]) == (THROTTLED, "900")
    assert app.hasher.work_of() == (0, 0)
    # The address is the client's, and not the gateway's.
    assert app.login(RIGHT, THERE).status_code == 200


@pytest.mark.parametrize("address", [None, "", "not an address", "192.0.2.1, 192.0.2.2"])
def test_whoever_comes_from_nowhere_is_throttled_as_one(app: Owner, address: str | None) -> None:
    assert [app.login(WRONG, address).status_code for _ in range(11)] == [401] * 10 + [429]
    assert app.login(WRONG).status_code == 429


def test_a_stolen_token_is_no_way_to_guess_the_password(app: Owner) -> None:
    _, token = app.person("grace", "viewer")
    change = {"currentPassword": "a wrong guess", "newPassword": "seven ships sail on sand"}
    answers = [
        app.client.send("POST", "/api/admin/me/password", token, headers={"X-Client-Address": HERE}, json=change)
        for _ in range(11)
    ]
    assert [each.status for each in answers] == [401] * 10 + [429]
    assert answers[-1] == THROTTLED
