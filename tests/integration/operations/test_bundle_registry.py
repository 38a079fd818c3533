"""Images go from one real registry into a bundle and out of it into another, and keep their digests."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.commands import app
from agent.errors import BundleFailed
from agent.operations.bundle.skopeo import Skopeo, archive_digest
from tests.registry import can_push, digest_in, image, push, registry

pytestmark = pytest.mark.skipif(not can_push(), reason="skopeo or docker-registry is not installed")

CHART = "apiVersion: v2\nname: inn\nversion: 1.2.3\nappVersion: '9.9'\n"
VALUES = """
global: {{imageRegistry: ""}}
image: {{registry: "", repository: inn, tag: ""}}
redis: {{enabled: true, image: {{registry: "{source}", repository: acme/valkey, tag: "9.1"}}}}
chroma: {{enabled: false, image: {{registry: "{source}", repository: acme/chroma, tag: "1"}}}}
"""


def command(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["bundle", *map(str, words)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def signed(tmp_path: Path) -> tuple[Path, Path]:
    assert command("keygen", tmp_path / "k")[0] == 0
    return tmp_path / "k.key", tmp_path / "k.pub"


def chart(folder: Path, source: str) -> Path:
    folder.mkdir()
    (folder / "Chart.yaml").write_text(CHART)
    (folder / "values.yaml").write_text(VALUES.format(source=source))
    return folder


def test_an_image_of_the_chart_has_the_same_digest_in_the_other_registry(tmp_path: Path, signed: tuple[Path, Path]) -> None:
    key, public = signed
    redis_digest = image(tmp_path / "valkey.tar", "valkey")
    ours = image(tmp_path / "inn.tar", "inn")
    bundle = tmp_path / "out"
    with registry(tmp_path / "outside") as source, registry(tmp_path / "inside") as target:
        push(tmp_path / "valkey.tar", f"{source}/acme/valkey:9.1")
        chart(tmp_path / "chart", source)
        made = [
            "create",
            bundle,
            "--key",
            key,
            "--chart",
            tmp_path / "chart",
            "--archive",
            f"inn={tmp_path / 'inn.tar'}",
            "--plain-http",
        ]
        code, out, err = command(*made, "--json")
        assert code == 0, err
        listed = {one["repository"]: one for one in json.loads(out)["images"]}
        assert {name: one["digest"] for name, one in listed.items()} == {"inn": ours, "acme/valkey": redis_digest}

        load = ["load", bundle, "--key", public, "--registry", f"{target}/", "--plain-http", "--json"]
        code, out, err = command(*load, "--dry-run")
        assert code == 0, err
        assert [one["state"] for one in json.loads(out)["loaded"]] == ["would be loaded"] * 2
        assert digest_in(target, "acme/valkey", "9.1") is None

        code, out, err = command(*load)
        assert code == 0, err
        told = json.loads(out)
        assert [one["state"] for one in told["loaded"]] == ["loaded"] * 2
        assert digest_in(target, "acme/valkey", "9.1") == redis_digest
        assert digest_in(target, "inn", "9.9") == ours
        assert f"redis.image.digest={redis_digest}" in told["helm"]
        assert f"image.digest={ours}" in told["helm"]
        assert f"global.imageRegistry={target}" in told["helm"]

        assert [one["state"] for one in json.loads(command(*load)[1])["loaded"]] == ["there already"] * 2


def test_all_platforms_travel_under_one_digest_and_one_of_them_by_its_own(tmp_path: Path) -> None:
    index = image(tmp_path / "both.tar", platforms=("amd64", "arm64"))
    with registry(tmp_path / "outside") as source:
        push(tmp_path / "both.tar", f"{source}/acme/both:1", "--preserve-digests")
        assert Skopeo("all", True).fetch(f"{source}/acme/both:1", tmp_path / "all.tar") == index
        one = Skopeo("linux/arm64", True).fetch(f"{source}/acme/both:1", tmp_path / "arm.tar")
        with registry(tmp_path / "inside") as target:
            Skopeo("all", True).push(tmp_path / "all.tar", f"{target}/both:1")
            assert digest_in(target, "both", "1") == index
    assert one == image(tmp_path / "alone.tar", platforms=("arm64",))
    assert archive_digest(tmp_path / "arm.tar") == one != index


def test_an_image_in_dockers_own_format_keeps_its_digest_too(tmp_path: Path) -> None:
    own = image(tmp_path / "it.tar")
    with registry(tmp_path / "outside") as source, registry(tmp_path / "inside") as target:
        push(tmp_path / "it.tar", f"{source}/acme/old:1", "--format", "v2s2")
        there = digest_in(source, "acme/old", "1")
        digest = Skopeo(plain_http=True).fetch(f"{source}/acme/old:1", tmp_path / "old.tar")
        Skopeo(plain_http=True).push(tmp_path / "old.tar", f"{target}/old:1")
        assert own != there == digest == digest_in(target, "old", "1")


def test_an_image_that_is_not_there_leaves_no_half_made_bundle(tmp_path: Path, signed: tuple[Path, Path]) -> None:
    with registry(tmp_path / "outside") as source:
        (tmp_path / "list").write_text(f"# what else is needed\n\n{source}/acme/none:1\n")
        code, _, err = command("create", tmp_path / "out", "--key", signed[0], "--images", tmp_path / "list", "--plain-http")
    assert code == 1
    assert "acme/none" in err
    assert not list(tmp_path.glob("out.*"))
    assert not (tmp_path / "out").exists()


def test_a_registry_that_does_not_answer_is_told_from_an_image_that_it_lacks(tmp_path: Path) -> None:
    with registry(tmp_path / "place") as place:
        assert Skopeo(plain_http=True).digest_of(f"{place}/acme/none:1") is None
    # Whatever numbers stand in its name: nothing listens at the second one.
    for silent in (place, "127.0.0.1:404"):
        with pytest.raises(BundleFailed, match="refused"):
            Skopeo(plain_http=True).digest_of(f"{silent}/acme/none:1")


def test_an_interrupted_load_goes_on_with_what_is_missing(tmp_path: Path, signed: tuple[Path, Path]) -> None:
    key, public = signed
    digests = {name: image(tmp_path / f"{name}.tar", name) for name in ("one", "two")}
    (tmp_path / "list").write_text("reg.example/one:1\nreg.example/two:1\n")
    archives = [word for name in digests for word in ("--archive", f"reg.example/{name}={tmp_path / name}.tar")]
    assert command("create", tmp_path / "out", "--key", key, "--images", tmp_path / "list", *archives)[0] == 0
    with registry(tmp_path / "inside") as target:
        push(tmp_path / "one.tar", f"{target}/one:1")
        code, out, _ = command("load", tmp_path / "out", "--key", public, "--registry", target, "--plain-http", "--json")
        assert code == 0
        assert [one["state"] for one in json.loads(out)["loaded"]] == ["there already", "loaded"]
        assert {name: digest_in(target, name, "1") for name in digests} == digests


def test_another_image_under_the_same_tag_is_replaced(tmp_path: Path, signed: tuple[Path, Path]) -> None:
    key, public = signed
    wanted = image(tmp_path / "new.tar", "new")
    image(tmp_path / "old.tar", "old")
    (tmp_path / "list").write_text("reg.example/it:1\n")
    assert (
        command(
            "create",
            tmp_path / "out",
            "--key",
            key,
            "--images",
            tmp_path / "list",
            "--archive",
            f"reg.example/it={tmp_path}/new.tar",
        )[0]
        == 0
    )
    with registry(tmp_path / "inside") as target:
        push(tmp_path / "old.tar", f"{target}/it:1")
        assert command("load", tmp_path / "out", "--key", public, "--registry", target, "--plain-http")[0] == 0
        assert digest_in(target, "it", "1") == wanted


def test_images_of_two_registries_with_one_name_keep_a_tag_each(tmp_path: Path, signed: tuple[Path, Path]) -> None:
    key, public = signed
    digests = {image(tmp_path / f"{name}.tar", name) for name in ("one", "two")}
    (tmp_path / "list").write_text("one.example/it:1\ntwo.example/it:1\n")
    archives = [word for name in ("one", "two") for word in ("--archive", f"{name}.example/it={tmp_path}/{name}.tar")]
    code, out, err = command("create", tmp_path / "out", "--key", key, "--images", tmp_path / "list", *archives, "--json")
    assert code == 0, err
    tags = {one["tag"] for one in json.loads(out)["images"]}
    with registry(tmp_path / "inside") as target:
        load = ["load", tmp_path / "out", "--key", public, "--registry", target, "--plain-http", "--json"]
        assert command(*load)[0] == 0
        assert {digest_in(target, "it", tag) for tag in tags} == digests
        assert [one["state"] for one in json.loads(command(*load)[1])["loaded"]] == ["there already"] * 2


def test_nothing_is_pushed_from_a_bundle_that_is_not_what_was_signed(tmp_path: Path, signed: tuple[Path, Path]) -> None:
    key, public = signed
    image(tmp_path / "it.tar")
    (tmp_path / "list").write_text("reg.example/it:1\n")
    assert (
        command(
            "create",
            tmp_path / "out",
            "--key",
            key,
            "--images",
            tmp_path / "list",
            "--archive",
            f"reg.example/it={tmp_path}/it.tar",
        )[0]
        == 0
    )
    (archive,) = (tmp_path / "out" / "images").iterdir()
    image(tmp_path / "evil.tar", "evil")
    shutil.copy(tmp_path / "evil.tar", archive)
    with registry(tmp_path / "inside") as target:
        code, _, err = command("load", tmp_path / "out", "--key", public, "--registry", target, "--plain-http")
        assert code == 1
        assert "not to be used" in err
        assert digest_in(target, "it", "1") is None
