"""What isn't as it should be is told in a sentence: names, keys and archives that were cut off, places that can't be used."""

import gzip
import io
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.commands import app
from agent.errors import BundleFailed
from agent.operations.bundle import chart, signing, wheels
from agent.operations.bundle.create import Request, create
from agent.operations.bundle.skopeo import archive_digest

TOO_LONG = "a" * 300


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a key and a bundle made with it."""
    monkeypatch.chdir(tmp_path)
    signing.make_keys(Path("k.key"), Path("k.pub"), None)
    create(Request(Path("out"), signing.read_private(Path("k.key"), None)))
    return tmp_path


def refused(*words: str) -> str:
    """The command's word on stderr; it must be a sentence of ours, and an exit code."""
    result = CliRunner().invoke(app, ["bundle", *words])
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (1, 2)
    return " ".join(result.stderr.replace("│", " ").split())


def model(folder: Path, name: str = "config.json") -> str:
    folder.mkdir()
    (folder / "LICENSE").write_text("words")
    (folder / name).write_text("{}")
    return str(folder)


def test_a_name_that_is_none_is_told(here: Path):
    assert "names no file" in refused("keygen", ".")
    assert "there already" in refused("create", ".", "--key", "k.key")
    assert "there already" in refused("create", "/", "--key", "k.key")


@pytest.mark.parametrize(
    "words",
    [
        ("keygen", TOO_LONG),
        ("create", TOO_LONG, "--key", "k.key"),
        ("verify", TOO_LONG, "--key", "k.pub"),
        ("load", "out", "--key", "k.pub", "--wheels-dir", f"{TOO_LONG}/x"),
    ],
)
def test_a_place_that_can_not_be_looked_at_is_told(here: Path, words: tuple[str, ...]):
    with zipfile.ZipFile(here / "a-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("a-1.dist-info/METADATA", "Name: a\nVersion: 1\n")
    if words[0] == "load":
        create(Request(here / "with", signing.read_private(here / "k.key", None), wheels=here))
        words = (words[0], "with", *words[2:])
    assert "File name too long" in refused(*words)


def test_wheels_may_be_put_into_the_working_folder(here: Path, monkeypatch: pytest.MonkeyPatch):
    with zipfile.ZipFile(here / "a-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("a-1.dist-info/METADATA", "Name: a\nVersion: 1\n")
    create(Request(here / "with", signing.read_private(here / "k.key", None), wheels=here))
    (here / "empty").mkdir()
    monkeypatch.chdir(here / "empty")
    result = CliRunner().invoke(app, ["bundle", "load", str(here / "with"), "--key", str(here / "k.pub"), "--wheels-dir", "."])
    assert result.exit_code == 0, result.stderr
    assert [one.name for one in (here / "empty").iterdir()] == ["a-1-py3-none-any.whl"]


def test_models_and_files_that_no_bundle_can_name_are_told_before_anything_is_copied(here: Path):
    assert "--model NAME=FOLDER" in refused("create", "o", "--key", "k.key", "--model", model(here / "Qwen3 8B"))
    assert "--model NAME=FOLDER" in refused("create", "o", "--key", "k.key", "--model", f"own\n={here / 'Qwen3 8B'}")
    assert "rename it" in refused("create", "o", "--key", "k.key", "--model", model(here / "own", "a\\b"))
    strange = os.fsdecode(b"\xff")
    assert "rename it" in refused("create", "o", "--key", "k.key", "--model", model(here / "other", strange))
    folder = model(here / "sums")
    (here / "sums" / "SHA256SUMS").write_bytes(b"\xff\xfe")
    assert "SHA256SUMS" in refused("create", "o", "--key", "k.key", "--model", folder)
    assert not list(here.glob("o.*"))


def packed(folder: Path) -> bytes:
    """A chart, and enough that can't be made smaller behind it."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, content in {"inn/Chart.yaml": b"name: inn\nversion: 1\n", "inn/more": os.urandom(100_000)}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(raw.getvalue())


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def spoilt(content: bytes) -> bytes:
    return content[:40] + bytes(one ^ 0xFF for one in content[40:60]) + content[60:]


def test_an_archive_that_is_not_there_is_told_before_any_wheel_is_made(here: Path):
    (here / "list").write_text("reg.example/it:1\n")
    given = ("--images", "list", "--archive", "reg.example/it=away.tar", "--source", ".")
    assert "away.tar is no file" in refused("create", "new", "--key", "k.key", *given)


@pytest.mark.parametrize("spoil", [half, spoilt])
@pytest.mark.parametrize("read", [lambda path: chart.pack(path, path.parent / "chart"), archive_digest])
def test_an_archive_that_was_cut_off_or_changed_is_told(
    tmp_path: Path, spoil: Callable[[bytes], bytes], read: Callable[[Path], object]
):
    path = tmp_path / "inn-1.tgz"
    path.write_bytes(spoil(packed(tmp_path)))
    with pytest.raises(BundleFailed, match=r"inn-1\.tgz is no"):
        read(path)


def test_a_wheel_that_was_changed_or_locked_is_told(tmp_path: Path):
    path = tmp_path / "a-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("a-1.dist-info/METADATA", "Name: a\nVersion: 1\n" + "Keywords: some of them\n" * 50)
    whole = path.read_bytes()
    start = whole.index(b"METADATA") + len("METADATA")
    flags = whole.index(b"PK\x01\x02") + 8  # bit 0 of the flags of the directory's entry: encrypted
    for content in (
        whole[:start] + b"\xff" * 20 + whole[start + 20 :],
        whole[:6] + b"\x01" + whole[7:flags] + b"\x01" + whole[flags + 1 :],
    ):
        path.write_bytes(content)
        with pytest.raises(BundleFailed, match="is no wheel"):
            list(wheels.read(tmp_path))


def test_a_chart_that_is_no_text_is_told(tmp_path: Path):
    (tmp_path / "Chart.yaml").write_bytes(b"name: \xff")
    with pytest.raises(BundleFailed, match="is no text"):
        chart._packed_by_hand(tmp_path, tmp_path)


def test_a_key_of_a_kind_that_is_not_known_is_told(tmp_path: Path):
    command = ["openssl", "ecparam", "-name", "brainpoolP160r1", "-genkey", "-noout", "-out", str(tmp_path / "k.key")]
    subprocess.run(command, check=True, capture_output=True)
    words = ["openssl", "ec", "-in", str(tmp_path / "k.key"), "-pubout", "-out", str(tmp_path / "k.pub")]
    subprocess.run(words, check=True, capture_output=True)
    with pytest.raises(BundleFailed, match="gives no private key"):
        signing.read_private(tmp_path / "k.key", None)
    with pytest.raises(BundleFailed, match="gives no public key"):
        signing.read_public(tmp_path / "k.pub")
