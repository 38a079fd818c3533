"""A real Request Tracker 5 from Debian's packages on loopback, with a database and a server of its own, and its people."""

import functools
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.made_once import made_once
from tests.e2e.product import until
from tests.servers import free_port

PROJECT = Path(__file__).parent / "request_tracker"
SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")
STAFF = ("sam", "staff-password")
QUEUE = "Support"
CUSTOMER = "emily@example.com"
STARTS_IN_S = 120.0


def has_request_tracker() -> bool:
    """CI installs it; elsewhere its tests are skipped."""
    return SERVER.exists() or "CI" in os.environ


def new_database(cache: Path) -> Path:
    """A folder with the database that a desk begins with, and the token of its API user; made in 20 s if it is not there."""
    version = hashlib.sha256(Path("/usr/share/request-tracker5/lib/RT/Generated.pm").read_bytes())
    for source in sorted(PROJECT.iterdir()):
        version.update(source.read_bytes())
    return made_once(cache, version.hexdigest()[:16], _make_database)


def _make_database(folder: Path) -> None:
    env = _environment(folder)
    (folder / "password").write_text("of-root")
    # RT's own user in a database that knows no users: SQLite takes none, and needs none to create a file.
    init = ("rt-setup-database-5", "--action", "init", "--skip-create", "--dba", "", "--root-password-file", "password")
    _run(*init, cwd=folder, env=env)
    (folder / "token").write_text(_run("perl", str(PROJECT / "desk_seed.pl"), cwd=folder, env=env))


def _run(*command: str, cwd: Path, env: dict[str, str], told: bytes = b"") -> str:
    ended = subprocess.run(command, cwd=cwd, env=env, input=told, capture_output=True, timeout=300, check=False)
    assert ended.returncode == 0, f"{' '.join(command)}\n{ended.stdout.decode()}{ended.stderr.decode()}"
    return ended.stdout.decode()


def _environment(folder: Path, port: int = 0) -> dict[str, str]:
    for name in ("var", "mason", "sessions", "no-more-settings"):
        (folder / name).mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RT", "PERL", "INNKEEPER"))}
    ours = {
        "RT_SITE_CONFIG": str(PROJECT / "RT_SiteConfig.pm"),
        "RT_SITE_CONFIG_DIR": str(folder / "no-more-settings"),  # not what Debian's package put into /etc
        "DESK_FOLDER": str(folder),
        "DESK_PORT": str(port),
        "DESK_STAFF_PASSWORD": STAFF[1],
    }
    return kept | ours


@dataclass
class RequestTracker:
    """A desk that runs. Each function is what one person does, by mail or REST2."""

    folder: Path
    url: str
    token: str
    env: dict[str, str]

    def mail_from_customer(self, subject: str, text: str, customer: str = CUSTOMER, **headers: str) -> None:
        """A mail comes in at RT's gateway, as from the mail server's pipe."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = customer, "support@example.com", subject
        message["Message-ID"] = make_msgid(domain="example.com")
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        message.set_content(text)
        gateway = ("rt-mailgate-5", "--queue", QUEUE, "--action", "correspond", "--url", self.url)
        _run(*gateway, cwd=self.folder, env=self.env, told=message.as_bytes())

    def open_ticket(self, subject: str, text: str, customer: str = CUSTOMER) -> int:
        """A customer's mail makes a ticket. Its number. No quotes in the subject."""
        self.mail_from_customer(subject, text, customer)
        newest = {"query": f"Queue = '{QUEUE}' AND Subject = '{subject}'", "orderby": "id", "order": "DESC"}
        return int(self.api.get("/tickets", params=newest).raise_for_status().json()["items"][0]["id"])

    def write_as_customer(self, ticket_id: int, text: str, customer: str = CUSTOMER, **headers: str) -> None:
        """The customer answers by mail."""
        self.mail_from_customer(f"Re: [desk.example.com #{ticket_id}] Your question", text, customer, **headers)

    def write_as_staff(self, ticket_id: int, text: str, *, public: bool = True) -> str:
        """Sam of the staff writes to the customer, or to colleagues. The transaction's id."""
        return self._write(self.staff, ticket_id, text, public)

    def write_by_api(self, ticket_id: int, text: str, *, public: bool = True) -> str:
        """The same as the user made for Innkeeper."""
        return self._write(self.api, ticket_id, text, public)

    def _write(self, who: httpx.Client, ticket_id: int, text: str, public: bool) -> str:
        path = f"/ticket/{ticket_id}/{'correspond' if public else 'comment'}"
        made = who.post(path, json={"Content": text, "ContentType": "text/plain"})
        assert made.status_code == 201, made.text
        return made.headers["location"].rsplit("/", 1)[1]

    def transactions(self, ticket_id: int) -> list[dict[str, Any]]:
        """What happened to a ticket, oldest first: type, creator, and the text of what was written."""
        told = {"fields": "Type,Creator,Created,Field,OldValue,NewValue", "per_page": "100"}
        history = self.api.get(f"/ticket/{ticket_id}/history", params=told).raise_for_status().json()["items"]
        parts = {"fields": "TransactionId,ContentType,Content", "per_page": "100"}
        written = self.api.get(f"/ticket/{ticket_id}/attachments", params=parts).raise_for_status().json()["items"]
        # Plain text where there is any, and HTML else.
        by_kind = sorted(
            (part for part in written if part["ContentType"].startswith("text/")), key=lambda part: part["ContentType"]
        )
        texts = {part["TransactionId"]: part["Content"] for part in by_kind}
        return [
            {**each, "Creator": each["Creator"]["id"], "Content": texts.get(each["id"])}
            for each in sorted(history, key=lambda each: int(each["id"]))
        ]

    def mails(self) -> str:
        """What the desk mailed, to customers and staff."""
        return "".join(mailbox.read_text() for mailbox in sorted((self.folder / "var").glob("*.mbox")))

    def log(self) -> str:
        """The end of it."""
        return (self.folder / "desk.log").read_text()[-3000:]

    @functools.cached_property
    def api(self) -> httpx.Client:
        """REST2 as the user made for Innkeeper."""
        return self._client(headers={"authorization": f"token {self.token}"})

    @functools.cached_property
    def staff(self) -> httpx.Client:
        """REST2 as Sam."""
        return self._client(auth=STAFF)

    def _client(self, **authorized: Any) -> httpx.Client:
        return httpx.Client(base_url=f"{self.url}/REST/2.0", trust_env=False, timeout=60, **authorized)

    def close(self) -> None:
        self.api.close()
        self.staff.close()


@contextmanager
def request_tracker(made: Path, folder: Path) -> Iterator[RequestTracker]:
    """A desk that begins with a copy of this database, in a new folder, up."""
    folder.mkdir()
    shutil.copy(made / "desk.sqlite3", folder)
    port = free_port()
    env = _environment(folder, port)
    command = (str(SERVER), "--host", "127.0.0.1", "--port", str(port), "--max-workers", "3")
    with (folder / "desk.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
    desk = RequestTracker(folder, f"http://127.0.0.1:{port}", (made / "token").read_text(), env)
    try:
        until(lambda: _is_up(desk, process), STARTS_IN_S, desk.log)
        yield desk
    finally:
        desk.close()
        process.terminate()
        process.wait(30)


def _is_up(desk: RequestTracker, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, f"the desk ended with {process.returncode}:\n{desk.log()}"
    try:
        answer = desk.api.get("/rt")
    except httpx.TransportError:
        return False
    assert answer.is_success, f"{answer.status_code} {answer.text}\n{desk.log()}"
    return True
