"""A bundle that was touched in any way is refused, and says how; OpenSSL and sha256sum come to the same result."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.commands import app
from agent.errors import BundleFailed
from agent.operations.bundle import signing
from agent.operations.bundle.create import Request, create
from agent.operations.bundle.manifest import MANIFEST, SIGNATURE, SUMS
from agent.operations.bundle.models import Given
from agent.operations.bundle.verify import Kind, verify

WEIGHTS = "models/tiny/model.safetensors"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `out`, and the pair of keys that signed it."""
    folder = tmp_path_factory.mktemp("made")
    model = folder / "tiny"
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"weights" * 1000)
    (model / "config.json").write_text("{}")
    (model / "LICENSE").write_text("do as you like")
    signing.make_keys(folder / "k.key", folder / "k.pub", None)
    create(Request(folder / "out", signing.read_private(folder / "k.key", None), models=(Given("tiny", model),)))
    return folder


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(made / "out", tmp_path / "out"))


def found(bundle: Path, key: Path) -> list[tuple[str, str]]:
    return [(str(one.kind), one.path) for one in verify(bundle, signing.read_public(key)).problems]


def test_a_bundle_as_it_was_made_is_good(made: Path, bundle: Path) -> None:
    verdict = verify(bundle, signing.read_public(made / "k.pub"))
    assert verdict.is_good
    assert verdict.manifest is not None
    assert [model.name for model in verdict.manifest.models] == ["tiny"]


def _cut(bundle: Path) -> None:
    os.truncate(bundle / WEIGHTS, 10)


def _longer(bundle: Path) -> None:
    with (bundle / WEIGHTS).open("ab") as file:
        file.write(b"more")


def _change(bundle: Path) -> None:
    with (bundle / WEIGHTS).open("r+b") as file:
        file.write(b"W")


def _link(bundle: Path) -> None:
    (bundle / WEIGHTS).rename(bundle.parent / "elsewhere")
    (bundle / WEIGHTS).symlink_to(bundle.parent / "elsewhere")


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda bundle: (bundle / WEIGHTS).unlink(), Kind.MISSING),
        (_cut, Kind.TRUNCATED),
        (_longer, Kind.LONGER),
        (_change, Kind.CHANGED),
        (_link, Kind.NO_PLAIN_FILE),
    ],
)
def test_what_became_of_a_file_is_named(made: Path, bundle: Path, spoil: Callable[[Path], None], kind: Kind) -> None:
    spoil(bundle)
    assert found(bundle, made / "k.pub") == [(kind, WEIGHTS)]


def test_a_file_too_many_is_named_also_in_a_new_folder_and_as_a_link_or_pipe(made: Path, bundle: Path) -> None:
    (bundle / "wheels").mkdir()
    (bundle / "wheels" / "evil.whl").write_bytes(b"")
    (bundle / "link").symlink_to("/etc")
    os.mkfifo(bundle / "pipe")
    assert sorted(found(bundle, made / "k.pub")) == [
        (Kind.EXTRA, "wheels/evil.whl"),
        (Kind.NO_PLAIN_FILE, "link"),
        (Kind.NO_PLAIN_FILE, "pipe"),
    ]


def test_a_name_that_would_write_on_the_terminal_is_shown_harmless(made: Path, bundle: Path) -> None:
    (bundle / "\x1b[2Jgood").write_text("")
    (Path(os.fsdecode(os.fsencode(bundle) + b"/\xff"))).write_text("")
    result = CliRunner().invoke(app, ["bundle", "verify", str(bundle), "--key", str(made / "k.pub")])
    assert result.exit_code == 1
    assert "\x1b" not in result.stderr
    assert result.stderr.count("the manifest doesn't list it") == 2


def test_every_problem_is_told_at_once(made: Path, bundle: Path) -> None:
    _cut(bundle)
    (bundle / "models/tiny/config.json").unlink()
    (bundle / "more").write_text("")
    assert {kind for kind, _ in found(bundle, made / "k.pub")} == {Kind.TRUNCATED, Kind.MISSING, Kind.EXTRA}


def test_unsigned_wrong_key_and_a_changed_manifest_are_told_apart(made: Path, bundle: Path, tmp_path: Path) -> None:
    signing.make_keys(tmp_path / "other.key", tmp_path / "other.pub", None)
    assert found(bundle, tmp_path / "other.pub") == [(Kind.WRONG_KEY, SIGNATURE)]
    manifest = bundle / MANIFEST
    content = manifest.read_bytes()
    manifest.write_bytes(content.replace(b'"innkeeper": "', b'"innkeeper": "6'))
    assert found(bundle, made / "k.pub") == [(Kind.SIGNATURE_BROKEN, MANIFEST)]
    manifest.write_bytes(b"{}")
    assert found(bundle, made / "k.pub") == [(Kind.SIGNATURE_BROKEN, MANIFEST)]
    (bundle / SIGNATURE).unlink()
    assert found(bundle, made / "k.pub") == [(Kind.UNSIGNED, SIGNATURE)]
    manifest.unlink()
    assert found(bundle, made / "k.pub") == [(Kind.NO_BUNDLE, MANIFEST)]


@pytest.mark.parametrize("name", [MANIFEST, SIGNATURE])
def test_what_is_not_verified_yet_is_not_read_without_end(made: Path, bundle: Path, name: str) -> None:
    os.truncate(bundle / name, 1 << 40)
    assert found(bundle, made / "k.pub") == [(Kind.MANIFEST_INVALID, name)]


def test_a_signed_manifest_that_points_outside_is_refused(made: Path, bundle: Path) -> None:
    content = (bundle / MANIFEST).read_bytes().replace(WEIGHTS.encode(), b"models/../../../etc/passwd")
    (bundle / MANIFEST).write_bytes(content)
    (bundle / SIGNATURE).write_bytes(signing.read_private(made / "k.key", None).sign(content))
    assert found(bundle, made / "k.pub") == [(Kind.MANIFEST_INVALID, MANIFEST)]


def test_the_command_says_each_problem_and_ends_with_1(made: Path, bundle: Path) -> None:
    _change(bundle)
    result = CliRunner().invoke(app, ["bundle", "verify", str(bundle), "--key", str(made / "k.pub")])
    assert result.exit_code == 1
    assert f"changed: {WEIGHTS}" in result.stderr
    result = CliRunner().invoke(app, ["bundle", "verify", str(bundle), "--key", str(made / "k.pub"), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["problems"][0]["kind"] == "changed"


def test_openssl_and_sha256sum_check_a_bundle_without_innkeeper(made: Path, bundle: Path, tmp_path: Path) -> None:
    signing.make_keys(tmp_path / "other.key", tmp_path / "other.pub", None)

    def openssl(key: Path) -> int:
        words = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", str(key), "-sigfile", SIGNATURE, "-in", MANIFEST]
        return subprocess.run(words, cwd=bundle, capture_output=True, check=False).returncode

    def sums() -> int:
        lists_it = subprocess.run(f'grep -q "$(sha256sum < {SUMS} | cut -c1-64)" {MANIFEST}', shell=True, cwd=bundle, check=False)
        command = ["sha256sum", "--check", "--strict", "--quiet", SUMS]
        return lists_it.returncode or subprocess.run(command, cwd=bundle, capture_output=True, check=False).returncode

    assert (openssl(made / "k.pub"), sums()) == (0, 0)
    assert openssl(tmp_path / "other.pub") != 0
    _change(bundle)
    assert sums() != 0
    (bundle / MANIFEST).write_bytes((bundle / MANIFEST).read_bytes() + b" ")
    assert openssl(made / "k.pub") != 0


def test_the_page_finds_a_wheel_that_nobody_signed_before_any_is_installed(bundle: Path) -> None:
    page = (Path(__file__).parents[3] / "deploy" / "air-gap.md").read_text("utf-8")
    before, _, _ = page.partition("pip install --no-index")
    (command,) = [line.strip() for line in before.replace("\\\n", " ").splitlines() if line.startswith("    find ")]

    def said() -> str:
        return subprocess.run(command, shell=True, cwd=bundle, capture_output=True, text=True, check=False).stdout

    assert said() == "and there is no other\n"
    (bundle / "wheels").mkdir()
    (bundle / "wheels" / "innkeeper-99-py3-none-any.whl").write_bytes(b"")
    (bundle / "models" / "manifest.json").symlink_to("/etc/passwd")
    assert sorted(said().split()) == ["models/manifest.json", "wheels/innkeeper-99-py3-none-any.whl"]


def test_openssl_reads_our_keys_and_comes_to_the_same_fingerprint(tmp_path: Path) -> None:
    told = signing.make_keys(tmp_path / "k.key", tmp_path / "k.pub", b"secret")
    command = f"openssl pkey -pubin -in {tmp_path}/k.pub -outform DER | sha256sum | cut -c1-64"
    assert subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout.strip() == told
    words = ["openssl", "pkey", "-in", f"{tmp_path}/k.key", "-passin", "pass:secret", "-noout"]
    assert subprocess.run(words, check=False).returncode == 0
    assert (tmp_path / "k.key").stat().st_mode & 0o777 == 0o600


def test_a_key_is_never_written_over_and_a_wrong_passphrase_opens_nothing(tmp_path: Path) -> None:
    signing.make_keys(tmp_path / "k.key", tmp_path / "k.pub", b"secret")
    with pytest.raises(BundleFailed, match="there already"):
        signing.make_keys(tmp_path / "k.key", tmp_path / "new.pub", None)
    for passphrase in (b"wrong", None):
        with pytest.raises(BundleFailed, match="passphrase"):
            signing.read_private(tmp_path / "k.key", passphrase)
    with pytest.raises(BundleFailed, match=r"\.pub"):
        signing.read_public(tmp_path / "k.key")
