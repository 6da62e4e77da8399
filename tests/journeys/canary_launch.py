"""A launch with a secret in every right and wrong place, as people, operators and broken programs send them."""

import base64
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from deploy import stack as processes
from services.kit.storage.database import is_postgresql, open_database
from tests.contract.samples import Json, attached, lesson_body, new_lesson, new_quiz, public_address, unique
from tests.installation import ADMIN, SERVERS, SERVICES, Installation
from tests.journeys.canaries import Cage, private_keys
from tests.postgresql import Server

JSON = {"Content-Type": "application/json"}
# An admin reads it (docs/contract/BEHAVIOUR.md), and the response to a creation is stored for a day.
EVENT_KEY: Json = {
    "kept_in": ("content.events.access_key", "content.idempotent_answers.body"),
    "returned_by": r"(GET|POST|PUT) /api/events(/[^/]+)?",
}
REFUSED_TITLE = "A title that the database refuses"


@contextmanager
def own_role(server: Server | None, cage: Cage) -> Iterator[str]:
    """Yield user and password, as in a URL, of a superuser; nothing without a server."""
    if server is None:
        yield ""
        return
    role, password = f"canary_{secrets.token_hex(4)}", cage.new("database password")
    with closing(open_database(server.url)) as database:
        database.execute_sql(f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{password}'")
        yield f"{role}:{password}"
        database.execute_sql(f"DROP ROLE {role}")


def connect_as(role: str, stack: Installation) -> None:
    """Let every service connect as that role."""
    for service in SERVICES if role else ():
        variable = f"{service.upper()}_DATABASE_URL"
        url = urlsplit(stack.environment[variable])
        stack.environment[variable] = url._replace(netloc=f"{role}@{url.netloc.rpartition('@')[2]}").geturl()


def refuse_a_title(stack: Installation) -> None:
    """Let the database refuse an event of that title, in a row that holds an access key."""
    with closing(open_database(stack.environment["CONTENT_DATABASE_URL"])) as database:
        if is_postgresql(database):
            database.execute_sql(f"ALTER TABLE events ADD CHECK (title <> '{REFUSED_TITLE}')")
        else:
            database.execute_sql(
                f"CREATE TRIGGER refusal BEFORE INSERT ON events WHEN NEW.title = '{REFUSED_TITLE}' "
                "BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )


class CanaryLaunch:
    """One launch: each method sends secrets, rightly or wrongly."""

    def __init__(self, stack: Installation, cage: Cage):
        self.stack = stack
        self.cage = cage

    def run(self) -> None:
        """Run the whole launch."""
        with self.cage.listen(self.stack.client()) as anyone:
            self.sign_in_wrong(anyone)
            with self.sign_in(anyone) as admin:
                self.invite(admin)
                event, lesson = self.launch(admin)
                self.make_mistakes(admin, event)
                self.learn(anyone, event, lesson)
                self.knock(anyone)
                self.talk_nonsense()
                self.break_down(admin, anyone, event, lesson)
        for number, key in enumerate(private_keys(self.stack)):
            self.cage.catch(f"signing key {number}", key, {"auth.signing_keys.private_key"})

    def sign_in(self, anyone: httpx.Client) -> httpx.Client:
        """Sign in with the right password."""
        password = self.cage.new("admin's password")
        response = anyone.post("/api/admin/login", json={"username": ADMIN["username"], "password": password})
        assert response.status_code == 200, response.text
        self.catch_tokens(response, "POST /api/admin/login")
        response = self.use_refresh_tokens(anyone, response.json()["refreshToken"])
        self.catch_tokens(response, "POST /api/admin/token/refresh", "refreshed ")
        return self.cage.listen(self.stack.client(Authorization=f"Bearer {response.json()['accessToken']}"))

    def catch_tokens(self, response: httpx.Response, returned_by: str, which: str = "") -> None:
        """Record the tokens of a response, which no other may contain."""
        token: str = response.json()["accessToken"]
        self.cage.catch(f"{which}access token", token, returned_by=returned_by)
        self.cage.catch(f"{which}signature", token.rpartition(".")[2], returned_by=returned_by)
        self.cage.catch(f"{which}refresh token", response.json()["refreshToken"], returned_by=returned_by)

    def use_refresh_tokens(self, anyone: httpx.Client, token: str) -> httpx.Response:
        """Send unknown refresh tokens in every place, and then the right one."""
        new, address = self.cage.new, "/api/admin/token/refresh"
        assert anyone.post(address, json={"refreshToken": new("refresh token of nobody")}).status_code == 401
        assert anyone.post(address, json={"refreshToken": [new("refresh token in a list")]}).status_code == 400
        assert anyone.post(address, json={"token": new("refresh token in an unknown field")}).status_code == 400
        assert anyone.post(address, json={"refreshToken": new("refresh token too long") * 40}).status_code == 400
        assert anyone.post(address, params={"refreshToken": new("refresh token in a query")}).status_code == 415
        response = anyone.post(address, json={"refreshToken": token})
        assert response.status_code == 200, response.text
        return response

    def sign_in_wrong(self, anyone: httpx.Client) -> None:
        """Fail to sign in, with a secret in every place."""
        new, address, name = self.cage.new, "/api/admin/login", ADMIN["username"]
        bodies: list[Any] = [
            {"username": name, "password": new("wrong password")},
            {"username": "nobody", "password": new("password of nobody")},
            {"username": new("password typed as the name"), "password": "whatever it may be"},
            {"username": name, "password": {"value": new("password in an object")}},
            {"username": name, "password": [new("password in a list")]},
            {"username": name, "password": new("password too long") * 40},
            {"username": {"password": new("password as the name's member")}},
            {"username": name, "password": "x", "oldPassword": new("password in an unknown field")},
            [new("password in a list alone")],
            new("password alone"),
        ]
        for body in bodies:
            assert anyone.post(address, json=body).status_code in (400, 401)
        broken = f'{{"username": "{name}", "password": "{new("password in broken JSON")}'
        assert anyone.post(address, content=broken, headers=JSON).status_code == 400
        form = f"username={name}&password={new('password in a form')}"
        assert anyone.post(address, content=form, headers={"Content-Type": "text/plain"}).status_code == 415
        assert anyone.get(address, params={"password": new("password in a query")}).status_code == 405
        credentials = base64.b64encode(f"{name}:{new('password in a Basic header')}".encode()).decode()
        assert anyone.get("/api/events", headers={"Authorization": f"Basic {credentials}"}).status_code == 401

    def invite(self, admin: httpx.Client) -> None:
        """Invite people with an Idempotency-Key and without one; the response holds the password."""
        key = self.cage.new("Idempotency-Key of an invitation") + self.stack.environment["LOG_LEVEL"]
        keyed, address = {"Idempotency-Key": key}, "/api/admin/users"
        body = {"username": unique("invited"), "role": "viewer"}
        responses = [admin.post(address, json=body, headers=keyed) for _ in range(2)]
        assert [(each.status_code, each.content) for each in responses] == [(201, responses[0].content)] * 2
        assert admin.post(address, json={**body, "role": "editor"}, headers=keyed).status_code == 422
        plain = admin.post(address, json={**body, "username": unique("invited")})
        reset = admin.post(f"{address}/{plain.json()['item']['id']}/password")
        invited, replaced = f"POST {address}", f"POST {address}/[^/]+/password"
        for name, response, returned_by in (
            ("with a key", responses[0], invited),
            ("without a key", plain, invited),
            ("in place of a lost one", reset, replaced),
        ):
            password: str = response.json()["initialPassword"]
            self.cage.catch(f"initial password {name}", password, returned_by=returned_by)
            self.cage.catch(f"initial password {name}, bare", password.replace("-", ""))

    def launch(self, admin: httpx.Client) -> tuple[Json, Json]:
        """Create a private event with a lesson, a material and a quiz, and change its access key."""
        # Another key for each log level, or the second round would replay the first.
        key = self.cage.new("Idempotency-Key of an event") + self.stack.environment["LOG_LEVEL"]
        keyed = {"Idempotency-Key": key}
        body = {
            "title": "A launch",
            "slug": unique("canaries"),
            "visibility": "private",
            "accessKey": self.cage.new("first access key", **EVENT_KEY),
            "isActive": True,
        }
        responses = [admin.post("/api/events", json=body, headers=keyed) for _ in range(2)]
        assert [each.status_code for each in responses] == [201, 201]
        event: Json = responses[0].json()["item"]
        assert admin.post("/api/events", json={**body, "title": "Another"}, headers=keyed).status_code == 422
        changed = {"accessKey": self.cage.new("access key", **EVENT_KEY)}
        assert admin.put(f"/api/events/{event['id']}", json=changed).status_code == 200
        for address in ("/api/events", f"/api/events/{event['id']}", "/api/admin/dashboard/operational-snapshot"):
            assert admin.get(address).status_code == 200
        lesson = new_lesson(admin, event)
        attached(admin, lesson)
        new_quiz(admin, lesson)
        return event, lesson

    def make_mistakes(self, admin: httpx.Client, event: Json) -> None:
        """Send an admin's secrets in wrong fields, filters and headers."""
        new, address = self.cage.new, f"/api/events/{event['id']}"
        bodies: list[Any] = [
            {"accessKey": {"value": new("access key in an object")}},
            {"slug": "", "accessKey": new("access key beside an empty slug")},
            {"slug": "flix-mvp-launch-event", "accessKey": new("access key beside a taken slug")},
            {"visibility": new("access key as the visibility")},
            {"title": "A title", "key": new("access key in an unknown field")},
            {"logoUrl": new("access key as an address")},
            {"visualStyle": {"accentColor": new("access key as a colour")}},
        ]
        responses = [admin.put(address, json=body).status_code for body in bodies]
        assert set(responses) <= {200, 400, 409}, responses
        lesson = lesson_body(releaseAt=new("access key as an instant"))
        assert admin.post(f"{address}/lessons", json=lesson).status_code == 400
        assert admin.delete(address, headers={"If-Match": new("access key as an ETag")}).status_code == 400
        for filters in (
            {"actorId": new("password as an actor's id")},
            {"action": new("password as an action")},
            {"from": new("password as an instant")},
            {"cursor": new("password as a cursor")},
            {"limit": new("password as a limit")},
            {"service": new("password as a service")},
        ):
            assert admin.get("/api/admin/audit", params=filters).status_code in (200, 400)
        assert admin.get("/api/admin/audit").status_code == 200
        assert admin.get("/api/admin/integrity").status_code == 200

    def learn(self, anyone: httpx.Client, event: Json, lesson: Json) -> None:
        """Send the right access key, a wrong one, and keys in wrong places."""
        new, catalog = self.cage.new, f"/api/public/events/{event['slug']}/catalog"
        right, wrong = new("access key"), new("guessed access key")
        assert anyone.post(catalog, json={"eventAccessKey": right}).status_code == 200
        for action in ("access-check", "playback", "materials", "quiz", "quiz/submit"):
            address = public_address(event, lesson["slug"], action)
            answers: Json = {"answers": []} if action == "quiz/submit" else {}
            assert anyone.post(address, json={"eventAccessKey": right, **answers}).status_code == 200
            refused = anyone.post(address, json={"eventAccessKey": wrong, **answers})
            assert refused.status_code == (200 if action == "access-check" else 403)
        submit = public_address(event, lesson["slug"], "quiz/submit")
        keyed = {"Idempotency-Key": new("Idempotency-Key of a submission") + self.stack.environment["LOG_LEVEL"]}
        for key, status in ((right, 200), (right, 200), (wrong, 403)):
            sent = {"eventAccessKey": key, "answers": []}
            assert anyone.post(submit, json=sent, headers=keyed).status_code == status
        response = {"questionId": new("access key as a question"), "optionId": new("access key as an option")}
        assert anyone.post(submit, json={"eventAccessKey": right, "answers": [response]}).status_code == 400
        assert anyone.post(catalog, json={"eventAccessKey": [new("access key in a list")]}).status_code == 400
        assert anyone.post(catalog, params={"eventAccessKey": new("access key in a query")}).status_code == 403
        broken = f'{{"eventAccessKey": "{new("access key in broken JSON")}"'
        assert anyone.post(catalog, content=broken, headers=JSON).status_code == 400

    def knock(self, anyone: httpx.Client) -> None:
        """Send tokens without a signature, and secrets in headers and addresses."""
        new = self.cage.new
        header = base64.urlsafe_b64encode(b'{"alg":"Ed25519","typ":"at+jwt","kid":"x"}').decode().rstrip("=")
        for token in (new("token without parts"), f"{header}.{new('token of three parts')}.x", f"{header}.e30.x"):
            assert anyone.get("/api/events", headers={"Authorization": f"Bearer {token}"}).status_code == 401
        strange = {
            "Cookie": f"session={new('cookie')}",
            "X-Api-Key": new("key in a header"),
            "X-Forwarded-For": new("key as an address"),
            "X-Client-Address": new("key as a client's address"),
            "X-Request-ID": f"not an id: {new('key in a request id')}",
            "User-Agent": new("key as a browser"),
            "Referer": f"https://learn.example/?key={new('key in a referrer')}",
        }
        assert anyone.get("/api/public/events", headers=strange).status_code == 200
        assert anyone.get("/api/public/events", headers={"Origin": new("key as an origin")}).status_code == 403
        assert anyone.get("/api/public/events", params={"access_token": new("token in a query")}).status_code == 400
        assert anyone.get(f"/api/{new('key as an address of nothing')}").status_code == 404
        assert anyone.post(f"/api/public/events/{new('key as a slug')}/catalog").status_code == 404
        assert anyone.delete(f"/api/public/events/{new('key with a wrong method')}/catalog").status_code == 405

    def talk_nonsense(self) -> None:
        """Send broken HTTP to each process that listens."""
        name = self.cage.new("key in a broken request")
        for server in SERVERS:
            for request in (
                f"GET /?key={name} HTTP/9.9\r\nHost: x\r\n\r\n",
                f"GET /?key={name}\r\n\r\n",
                f"{name} / HTTP/1.1\r\nHost: x\r\n\r\n",
                f"GET / HTTP/1.1\r\nHost: x\r\n{name} : {name}\r\n\r\n",
                f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {name}\0\r\n\r\n",
                f"GET / HTTP/1.1\r\nHost: x\r\n {name}: folded\r\n\r\n",
                f"GET / HTTP/1.1\r\nHost: x\r\nX-Long: {name * 500}\r\n\r\n",
                f"GET /{name * 500} HTTP/1.1\r\nHost: x\r\n\r\n",
                f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {name}\r\n\r\n",
                f"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {name}\r\n\r\n",
                f"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{name}\r\n",
            ):
                self.cage.sent.append(request)
                self.cage.responses.append((f"nonsense to {server}", self._said(server, request)))

    def break_down(self, admin: httpx.Client, anyone: httpx.Client, event: Json, lesson: Json) -> None:
        """Send requests while the database refuses and services are stopped."""
        key = self.cage.new("access key in a row that breaks a rule")
        sent = {"title": REFUSED_TITLE, "slug": unique("refused"), "accessKey": key}
        assert admin.post("/api/events", json=sent).status_code == 500
        self.stack.stop("quiz", "auth")
        learn = {"eventAccessKey": self.cage.new("access key"), "answers": []}
        address = public_address(event, lesson["slug"], "quiz/submit")
        assert anyone.post(address, json=learn).status_code == 503
        credentials = {"username": ADMIN["username"], "password": self.cage.new("admin's password")}
        assert anyone.post("/api/admin/login", json=credentials).status_code == 503
        self.stack.start()
        assert admin.delete(f"/api/events/{event['id']}/lessons/{lesson['id']}").status_code == 204

    def _said(self, server: str, request: str) -> str:
        address = urlsplit(self.stack.addresses[server])
        with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=30) as connection:
            connection.sendall(request.encode())
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace")


def run_commands(stack: Installation, cage: Cage) -> None:
    """Run an operator's commands, also without a database; their output counts as a response."""
    for service in SERVICES:
        for arguments in (("migrate", "status"), ("seed", "minimal"), ("check",), ("migrate", "check")):
            cage.responses.append((f"{service} {arguments}", _output(stack, service, arguments)))
        variable = f"{service.upper()}_DATABASE_URL"
        sound = stack.environment[variable]
        is_file = sound.startswith("sqlite")
        stack.environment[variable] = "sqlite:////nowhere/at/all" if is_file else f"{sound}_that_is_not"
        stack.environment["DATABASE_WAIT_SECONDS"] = "0"
        cage.responses.append((f"{service} without a database", _output(stack, service, ("check",))))
        stack.environment[variable] = sound
    backup = subprocess.run(
        [sys.executable, "-m", "deploy.cli", "backup", "--to", str(stack.logs / "backups")],
        cwd=stack.logs.parent,
        env={**stack.environment, "PYTHONPATH": str(processes.ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    cage.responses.append(("backup", backup.stdout + backup.stderr))
    # Remove the backup: the databases in it are searched themselves.
    for file in (stack.logs / "backups").glob("*"):
        file.unlink()


def _output(stack: Installation, service: str, arguments: tuple[str, ...]) -> str:
    done = stack.command(service, *arguments)
    return done.stdout + done.stderr
