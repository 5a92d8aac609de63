"""A Guichet to test, and a person at a browser, for the Python peers.

The server runs from the binary that GUICHET_BIN names; GUICHET_PEERS_STORAGE chooses `sqlite` (default) or `postgres`,
which takes a fresh database on GUICHET_TEST_DATABASE_URL and a database number of its own on GUICHET_TEST_REDIS_URL.
"""
import json
import os
import pathlib
import random
import secrets
import socket
import subprocess
import time
from urllib.parse import urljoin, urlsplit, urlunsplit

import bs4
import httpx
import pytest

LOGS = pathlib.Path(__file__).resolve().parents[2] / ".test" / "logs"
REDIRECT_URI = "http://127.0.0.1:9/callback"
START_LIMIT = 30.0


def needed(name: str) -> str:
    """A variable of the environment that has to be there; its absence is a failure, never a skip."""
    value = os.environ.get(name)
    if not value:
        pytest.fail(f"{name} is not set: run the tests through tests/run")
    return value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def storage(kind: str) -> dict[str, str]:
    if kind == "sqlite":
        return {}
    assert kind == "postgres", f"GUICHET_PEERS_STORAGE is {kind}; it can be sqlite or postgres"
    admin, name = needed("GUICHET_TEST_DATABASE_URL"), f"guichet_{secrets.token_hex(6)}"
    psql = os.environ.get("GUICHET_TEST_PSQL", "psql")
    subprocess.run([psql, "-q", "-X", admin, "-c", f"CREATE DATABASE {name}"], check=True)
    return {
        "GUICHET_DATABASE_URL": urlunsplit(urlsplit(admin)._replace(path=f"/{name}")),
        "GUICHET_REDIS_URL": f"{needed('GUICHET_TEST_REDIS_URL')}/{random.randrange(1, 4096)}",
    }


class Guichet:
    """A server of its own, on free ports, with its own data."""

    def __init__(self, folder: pathlib.Path, kind: str):
        self.bin, self.folder = needed("GUICHET_BIN"), folder
        port = free_port()
        self.issuer = f"http://127.0.0.1:{port}"
        self.config = folder / "guichet.toml"
        self.config.write_text("# All settings come from the environment.\n")
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "GUICHET_ISSUER": self.issuer,
            "GUICHET_LISTEN": f"127.0.0.1:{port}",
            "GUICHET_METRICS__LISTEN": f"127.0.0.1:{free_port()}",
            "GUICHET_DATA_DIR": str(folder / "data"),
            "GUICHET_RATE_LIMITS__LOGIN": "off",
            **storage(kind),
        }
        LOGS.mkdir(parents=True, exist_ok=True)
        self.log = LOGS / f"server-python-{kind}.log"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([self.bin, "--config", str(self.config), "serve"], env=self.env,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_LIMIT
        while not self.ready():
            assert self.process.poll() is None, f"the server ended at its start; see {self.log}"
            assert time.monotonic() < deadline, f"the server is not ready; see {self.log}"
            time.sleep(0.02)

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.issuer}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def cli(self, *args: str, stdin: str = "") -> dict:
        ran = subprocess.run([self.bin, "--config", str(self.config), "--json", *args], env=self.env, input=stdin,
                             capture_output=True, text=True, timeout=START_LIMIT, check=False)
        assert ran.returncode == 0, f"guichet {' '.join(args)}: {ran.stderr}{ran.stdout}"
        return json.loads(ran.stdout) if ran.stdout.strip() else {}

    def user(self, email: str) -> dict:
        password = f"Aa1-{secrets.token_urlsafe(12)}"
        made = self.cli("user", "create", "--email", email, "--first-name", "Camille", "--last-name", "Martin",
                        "--password-stdin", stdin=f"{password}\n")
        return {**made, "email": email, "password": password}


class Person:
    """Somebody at a browser without JavaScript: keeps cookies, follows redirects, fills forms."""

    def __init__(self, email: str, password: str, tenant: str | None = None):
        self.email, self.password, self.tenant = email, password, tenant
        self.http = httpx.Client(headers={"accept": "text/html", "accept-language": "en"}, follow_redirects=False)
        self.seen: list[str | None] = []

    def visit(self, url: str, application: str) -> str:
        """Does what the pages ask for, and returns the URL by which the way leads back to `application`."""
        self.seen = []
        request = self.http.build_request("GET", url)
        for _ in range(30):
            answer = self.http.send(request)
            if answer.is_redirect:
                assert answer.status_code in (302, 303), "a 307 or 308 would send the password on"
                target = urljoin(str(request.url), answer.headers["location"])
                if target.startswith(application):
                    return target
                request = self.http.build_request("GET", target)
            else:
                request = self.act(answer)
        raise AssertionError(f"no end of pages: {self.seen}")

    def act(self, answer: httpx.Response) -> httpx.Request:
        page = bs4.BeautifulSoup(answer.text, "html.parser")
        main = page.select_one("main[data-page]")
        name = main and main["data-page"]
        assert name not in self.seen, f"page {name} came twice:\n{answer.text}"
        self.seen.append(name)
        if name == "sign-in":
            return self.submit(answer, page, "input[name=password]", {"email": self.email, "password": self.password})
        if name == "tenant":
            return self.submit(answer, page, f'[name=tenant][value="{self.tenant}"]', {"tenant": self.tenant})
        if name == "consent":
            return self.submit(answer, page, "button[name=decision][value=allow]", {"decision": "allow"})
        if name == "logout":
            button = page.select_one("form button")
            return self.submit(answer, page, "button", {button["name"]: button.get("value", "")} if button.get("name") else {})
        raise AssertionError(f"page {name} ({answer.status_code}) at {answer.url}:\n{answer.text}")

    def submit(self, answer: httpx.Response, page: bs4.BeautifulSoup, selector: str, fields: dict) -> httpx.Request:
        form = next((one for one in page.select("form") if one.select_one(selector)), None)
        assert form is not None, f"no form with {selector}:\n{answer.text}"
        hidden = {one["name"]: one.get("value", "") for one in form.select("input[type=hidden]")}
        action = urljoin(str(answer.url), form.get("action") or str(answer.url))
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(str(answer.url)))
        return self.http.build_request("POST", action, data={**hidden, **fields}, headers={"origin": origin})


@pytest.fixture(scope="session")
def guichet(tmp_path_factory):
    server = Guichet(tmp_path_factory.mktemp("guichet"), os.environ.get("GUICHET_PEERS_STORAGE", "sqlite"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def world(guichet):
    """Two establishments, and somebody who works in both."""
    pharmacy = guichet.cli("tenant", "create", "--name", "Pharmacie du Marché", "--kind", "pharmacy")
    clinic = guichet.cli("tenant", "create", "--name", "Clinique des Lilas", "--kind", "clinic")
    user = guichet.user("camille.martin@example.org")
    guichet.cli("user", "grant", "--user", user["email"], "--tenant", pharmacy["code"], "--role", "titulaire")
    guichet.cli("user", "grant", "--user", user["email"], "--tenant", clinic["code"], "--role", "doctor")
    return {"pharmacy": pharmacy, "clinic": clinic, "user": user}


@pytest.fixture
def person(world):
    """Somebody at a fresh browser, who chooses the clinic."""
    return Person(world["user"]["email"], world["user"]["password"], world["clinic"]["code"])
