"""A real django-helpdesk on loopback, with its own environment, database and server, and the people who use it."""

import functools
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_string, policy
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import lxml.html

from tests.e2e.made_once import made_once
from tests.e2e.product import until
from tests.servers import free_port

PROJECT = Path(__file__).parent / "django_helpdesk"
PACKAGES = ("django-helpdesk==2.6.1", "waitress")
STAFF = ("sam", "staff-password")
API_USER = ("innkeeper", "api-password")
CUSTOMER = "emily@example.com"
STARTS_IN_S = 60.0
BETWEEN_MAILS = "-" * 79
"""In a file of Django's file-based mail backend."""


@dataclass(frozen=True)
class Installation:
    """django-helpdesk in an environment of its own, and a database that a desk begins with."""

    python: Path
    database: Path


def installation(cache: Path) -> Installation:
    """The one in this folder; made if it is not there yet, which takes half a minute."""
    version = hashlib.sha256(sys.version.encode())
    for source in sorted(PROJECT.glob("*.[pt]*")):
        version.update(source.read_bytes())
    folder = made_once(cache, version.hexdigest()[:16], _install)
    return Installation(_python(folder), folder / "desk.sqlite3")


def _python(folder: Path) -> Path:
    return folder / "environment" / "bin" / "python"


def _install(folder: Path) -> None:
    _run(sys.executable, "-m", "venv", str(folder / "environment"))
    pip = (str(_python(folder)), "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    _run(*pip, "--constraint", str(PROJECT / "constraints.txt"), *PACKAGES)
    _run(str(_python(folder)), str(PROJECT / "desk_seed.py"), env=_environment(folder))


def _run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    ended = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, f"{' '.join(command)}\n{ended.stdout}{ended.stderr}"


def _environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DJANGO", "HELPDESK", "INNKEEPER"))
    }
    ours = {
        "PYTHONPATH": str(PROJECT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "DJANGO_SETTINGS_MODULE": "desk_settings",
        "DESK_FOLDER": str(folder),
        "DESK_SECRET_KEY": secrets.token_hex(),
        "DESK_PEOPLE": json.dumps([STAFF, API_USER]),
    }
    return kept | ours | more


class Browser:
    """Someone before the desk's pages: keeps cookies, and sends a form with everything that the page put into it."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=30, follow_redirects=True)

    def read(self, url: str) -> httpx.Response:
        return self._client.get(url).raise_for_status()

    def send(self, page: httpx.Response, has_field: str, **filled: str | None) -> httpx.Response:
        """The page's form that has this field, filled in; None leaves a field out, as a box that is not ticked."""
        root = lxml.html.fromstring(page.text)
        form = next(form for form in root.forms if has_field in form.fields)
        values = dict(form.form_values()) | filled
        given = {name: value for name, value in values.items() if value is not None}
        target = urljoin(str(page.url), form.action or "")
        return self._client.post(target, data=given, headers={"referer": str(page.url)})

    def close(self) -> None:
        self._client.close()


@dataclass(frozen=True)
class Ticket:
    """A ticket, and the page where its customer sees it."""

    id: int
    page: str
    customer: str


@dataclass
class DjangoHelpdesk:
    """A desk that runs. Each function is what one person does, by the desk's own pages, mailbox or API."""

    python: Path
    folder: Path
    url: str
    env: dict[str, str]
    _closing: list[Callable[[], None]] = field(default_factory=list)

    def open_ticket(self, title: str, text: str, customer: str = CUSTOMER) -> Ticket:
        """A customer who is not logged in fills in the public form.

        Raises:
            httpx.HTTPStatusError: the desk answers with an error, as it does when a webhook's receiver is down.
        """
        browser = self._browser()
        form = browser.read("/tickets/submit/")
        page = browser.send(form, "submitter_email", queue="1", title=title, body=text, submitter_email=customer)
        page.raise_for_status()
        assert page.url.path == "/view/", f"the form was not taken: {page.text}"
        return Ticket(int(page.url.params["ticket"].rsplit("-", 1)[1]), str(page.url), customer)

    def public_page(self, ticket: Ticket) -> str:
        """The words of the ticket as its customer sees it, not logged in."""
        page = self._browser().read(ticket.page)
        return " ".join(lxml.html.fromstring(page.text).text_content().split())

    def mail_from_customer(self, ticket: Ticket, text: str, **headers: str) -> None:
        """The customer answers by mail, which the desk then fetches. The public page's own form asks for a login."""
        message = EmailMessage()
        message["From"], message["To"] = ticket.customer, "support@example.com"
        message["Subject"] = f"Re: [support-{ticket.id}] Your ticket"
        message["Message-ID"] = make_msgid(domain="example.com")
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        message.set_content(text)
        inbox = self.folder / "inbox"
        (inbox / secrets.token_hex(8)).write_text(message.as_string())
        _run(str(self.python), "-m", "django", "get_email", cwd=self.folder, env=self.env)
        assert not list(inbox.iterdir()), "the desk left the mail where it was"

    def customer_form(self, ticket: Ticket, text: str) -> httpx.Response:
        """What comes of the form on the customer's own page: in this release, the page to log in."""
        browser = self._browser()
        return browser.send(browser.read(ticket.page), "comment", comment=text)

    def write_as_staff(self, ticket_id: int, text: str, *, public: bool = True, **fields: str) -> None:
        """Sam of the staff logs in and answers on the ticket's page, or leaves a word for colleagues.

        Args:
            ticket_id: The ticket.
            text: What Sam writes.
            public: Whether the customer sees it.
            fields: More of the form: `new_status`, `owner` (a user's id), `title`, `priority`.
        """
        page = self._staff.read(f"/tickets/{ticket_id}/")
        page = self._staff.send(page, "new_status", comment=text, public="1" if public else None, **fields)
        page.raise_for_status()
        assert page.url.path == f"/tickets/{ticket_id}/", f"the form was not taken: {page.text}"

    @functools.cached_property
    def _staff(self) -> Browser:
        browser = self._browser()
        name, password = STAFF
        page = browser.send(browser.read("/login/"), "password", username=name, password=password)
        assert page.raise_for_status().url.path != "/login/", page.text
        return browser

    @functools.cached_property
    def api(self) -> httpx.Client:
        """The API as the user made for Innkeeper."""
        client = httpx.Client(base_url=f"{self.url}/api", auth=API_USER, trust_env=False, timeout=30)
        self._closing.append(client.close)
        return client

    def follow_ups(self, ticket_id: int) -> list[dict[str, Any]]:
        """The ticket's follow-ups as the API gives them, oldest first; the first is the customer's opening."""
        ticket = self.api.get(f"/tickets/{ticket_id}/").raise_for_status().json()
        return sorted(ticket["followup_set"], key=lambda follow_up: int(follow_up["id"]))

    def reply_by_api(self, ticket_id: int, text: str, **fields: Any) -> dict[str, Any]:
        """A public follow-up of the API's user."""
        body = {"ticket": ticket_id, "comment": text, "public": True} | fields
        made: dict[str, Any] = self.api.post("/followups/", json=body).raise_for_status().json()
        return made

    def mails(self) -> list[str]:
        """What the desk mailed, to customers and staff, as it would go out; one file may hold several."""
        return [mail.read_text() for mail in sorted((self.folder / "sent").glob("*"))]

    def mailed_html(self, holds: str) -> str:
        """The HTML part of the one mail that holds this text."""
        texts = [one for mails in self.mails() for one in mails.split(BETWEEN_MAILS)]
        parts = [part for one in texts for part in message_from_string(one.strip(), policy=policy.default).walk()]
        [found] = [body for one in parts if one.get_content_type() == "text/html" and holds in (body := one.get_content())]
        return str(found)

    def log(self) -> str:
        """The end of it."""
        return (self.folder / "desk.log").read_text()[-3000:]

    def _browser(self) -> Browser:
        browser = Browser(self.url)
        self._closing.append(browser.close)
        return browser

    def close(self) -> None:
        while self._closing:
            self._closing.pop()()


@contextmanager
def django_helpdesk(
    installed: Installation,
    folder: Path,
    new_ticket_webhooks: Sequence[str] = (),
    follow_up_webhooks: Sequence[str] = (),
    *,
    atomic_requests: bool = False,
) -> Iterator[DjangoHelpdesk]:
    """A desk with an empty database in this folder, up.

    Args:
        installed: What `installation` made.
        folder: A new one.
        new_ticket_webhooks: Addresses, each with a secret in its path: the desk does not sign.
        follow_up_webhooks: The same.
        atomic_requests: Whether each request is one transaction (Django's ATOMIC_REQUESTS), as many sites have it. The
            webhook then tells of a ticket that nobody else can read yet.
    """
    (folder / "inbox").mkdir(parents=True)
    shutil.copy(installed.database, folder)
    webhooks = {
        "HELPDESK_NEW_TICKET_WEBHOOK_URLS": ",".join(new_ticket_webhooks),
        "HELPDESK_FOLLOWUP_WEBHOOK_URLS": " , ".join(follow_up_webhooks),  # takes no comma without both spaces
        "DESK_ATOMIC_REQUESTS": "1" if atomic_requests else "0",
    }
    env, port = _environment(folder, **webhooks), free_port()
    # Threads: a webhook is sent while the request that caused it is open, and its receiver calls back.
    server = ("-m", "waitress", f"--listen=127.0.0.1:{port}", "--threads=8", "desk_wsgi:application")
    with (folder / "desk.log").open("wb") as log:
        process = subprocess.Popen((str(installed.python), *server), cwd=folder, env=env, stdout=log, stderr=log)
    desk = DjangoHelpdesk(installed.python, folder, f"http://127.0.0.1:{port}", env)
    try:
        until(lambda: _is_up(desk, process), STARTS_IN_S, desk.log)
        yield desk
    finally:
        desk.close()
        process.terminate()
        process.wait(30)


def _is_up(desk: DjangoHelpdesk, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, f"the desk ended with {process.returncode}:\n{desk.log()}"
    try:
        answer = desk.api.get("/tickets/")
    except httpx.TransportError:
        return False
    assert answer.is_success, desk.log()
    return True
