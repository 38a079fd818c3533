"""Sources that are fetched: a git repository, and Zammad's API from a server on loopback."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from knowledge.sources.git_checkout import Repository, read_git_checkout
from knowledge.sources.zammad_api import read_zammad
from knowledge.types import Audience, Document, SourceFailure
from tests.integration.knowledge.exports import zammad_assets


def git(folder: Path, *arguments: str, day: str = "2026-01-02") -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    environment |= {f"GIT_{who}_{what}": "t@x.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment |= {"GIT_AUTHOR_DATE": f"{day}T12:00:00Z", "GIT_COMMITTER_DATE": f"{day}T12:00:00Z"}
    subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *arguments], cwd=folder, check=True, capture_output=True, env=environment
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "pets.md").write_text("Two dogs.")
    (folder / "docs" / "kéys.md").write_text("---\nupdated: 2020-01-01\n---\nIn the box.")
    (folder / "README.md").write_text("About.")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    (folder / "docs" / "wifi.txt").write_text("Beside the router.")
    (folder / "docs" / "secret.md").symlink_to("/etc/hostname")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "two", day="2026-02-03")
    return folder


def test_files_of_a_repository_have_the_day_of_their_last_commit(repository: Path, tmp_path: Path):
    cache = tmp_path / "cache"
    for remote in (str(repository), f"file://{repository}"):
        found = list(read_git_checkout(Repository(remote, "main", "docs"), cache, default_audience=Audience.INTERNAL))
        documents = {one.doc_id: one for one in found if isinstance(one, Document)}
        assert {key: one.updated for key, one in documents.items() if key != "secret.md"} == {
            "kéys.md": "2020-01-01",
            "pets.md": "2026-01-02",
            "wifi.txt": "2026-02-03",
        }
        # A symbolic link is the text of its target's path, never the target.
        assert documents["secret.md"].text == "/etc/hostname"
        assert documents["pets.md"].audience is Audience.INTERNAL
        assert Path(documents["pets.md"].source).is_relative_to(cache)


def test_a_second_read_sees_what_changed_and_what_is_gone(repository: Path, tmp_path: Path):
    wanted = Repository(str(repository), "main", "docs")
    list(read_git_checkout(wanted, tmp_path / "cache"))
    git(repository, "rm", "-q", "docs/wifi.txt")
    (repository / "docs" / "pets.md").write_text("Three dogs.")
    git(repository, "commit", "-qam", "three", day="2026-03-04")
    (lock,) = (tmp_path / "cache").glob("*/.git")
    (lock / "index.lock").write_text("")
    documents = {one.doc_id: one for one in read_git_checkout(wanted, tmp_path / "cache") if isinstance(one, Document)}
    assert (documents["pets.md"].text, documents["pets.md"].updated) == ("Three dogs.", "2026-03-04")
    assert "wifi.txt" not in documents


@pytest.mark.parametrize(
    ("remote", "ref", "folder", "reason"),
    [
        ("https://user:token@git.example/a.git", "main", "", "git.example is not in the list"),
        ("git@git.example:a/b.git", "main", "", "git.example is not in the list"),
        ("ssh://git@git.example/a.git", "main", "", "git.example is not in the list"),
        ("ext::sh -c touch% /tmp/x", "main", "", "can't be used"),
        ("ext::sh", "main", "", "neither a path"),
        ("http://localhost/a.git", "main", "", "neither a path"),
        ("--upload-pack=touch", "main", "", "can't be used"),
        ("REPOSITORY", "--output=x", "", "can't be used"),
        ("REPOSITORY", "main", "../..", "not inside"),
        ("REPOSITORY", "main", "missing", "no folder 'missing'"),
        ("REPOSITORY", "no-such-branch", "", "git fetch failed"),
        ("/nowhere/at/all", "main", "", "git fetch failed"),
        ("https://user:token@localhost:9/a.git", "main", "", "git fetch failed"),
    ],
)
def test_what_may_not_or_can_not_be_fetched_is_one_failure(
    repository: Path, tmp_path: Path, remote: str, ref: str, folder: str, reason: str
):
    wanted = Repository(remote.replace("REPOSITORY", str(repository)), ref, folder)
    (failure,) = read_git_checkout(wanted, tmp_path / "cache", allowed_hosts=["other.example"])
    assert isinstance(failure, SourceFailure)
    assert reason in failure.reason
    assert "token" not in failure.reason


def test_a_git_that_hangs_is_stopped(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "git").write_text("#!/bin/sh\nsleep 600\n")
    (programs / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    (failure,) = read_git_checkout(Repository(str(repository)), tmp_path / "cache", timeout_s=0.5)
    assert isinstance(failure, SourceFailure)
    assert "took longer than 0.5 s" in failure.reason


class Desk(ThreadingHTTPServer):
    """Answers as Zammad does: contents only for the ids that are asked for."""

    daemon_threads = True
    seen: list[tuple[str, str, object]]
    answer: tuple[int, dict[str, str], bytes] | None = None


class Handler(BaseHTTPRequestHandler):
    server: Desk

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, self.headers["Authorization"], asked))
        assets = zammad_assets()
        wanted = {str(one) for one in asked.get("answer_translation_content_ids", [])}
        contents = assets["KnowledgeBaseAnswerTranslationContent"]
        assets["KnowledgeBaseAnswerTranslationContent"] = {key: one for key, one in contents.items() if key in wanted}
        status, headers, body = self.server.answer or (200, {}, json.dumps(assets).encode())
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def desks() -> Iterator[tuple[Desk, Desk]]:
    servers = Desk(("127.0.0.1", 0), Handler), Desk(("127.0.0.1", 0), Handler)
    for server in servers:
        server.seen = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield servers
    for server in servers:
        server.shutdown()
        server.server_close()


def address(desk: Desk) -> str:
    return f"http://127.0.0.1:{desk.server_address[1]}"


def test_zammad_is_read_over_its_api(desks: tuple[Desk, Desk]):
    desk, _ = desks
    found = list(read_zammad(address(desk) + "/", "t0ken", {1: "en-us"}))
    documents = [one for one in found if isinstance(one, Document)]
    assert [one.doc_id for one in documents] == ["zammad/1/1", "zammad/3/3", "zammad/6/6"]
    assert {one.source for one in documents} == {address(desk)}
    assert [(path, token) for path, token, _ in desk.seen] == [("/api/v1/knowledge_bases/init", "Token token=t0ken")] * 2
    assert desk.seen[1][2] == {"answer_translation_content_ids": [1, 2, 3, 4, 5, 6, 7]}


def test_zammad_is_not_followed_to_another_host(desks: tuple[Desk, Desk]):
    desk, other = desks
    desk.answer = (307, {"Location": address(other) + "/api/v1/knowledge_bases/init"}, b"")
    (failure,) = read_zammad(address(desk), "t0ken")
    assert isinstance(failure, SourceFailure)
    assert "not followed" in failure.reason
    assert other.seen == []


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, b"{}", "refused the token"),
        (500, b"", "HTTP 500"),
        (200, b"<html>", "is not JSON"),
        (200, b"{}", "is not the answer"),
    ],
)
def test_an_answer_that_is_none_is_one_failure(desks: tuple[Desk, Desk], status: int, body: bytes, reason: str):
    desk, _ = desks
    desk.answer = (status, {}, body)
    (failure,) = read_zammad(address(desk), "t0ken")
    assert isinstance(failure, SourceFailure)
    assert failure.source == address(desk)
    assert reason in failure.reason


def test_a_server_that_is_not_there_is_one_failure():
    (failure,) = read_zammad("http://127.0.0.1:9", "t0ken")
    assert isinstance(failure, SourceFailure)
    assert "can't be reached" in failure.reason
