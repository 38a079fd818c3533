"""What a bundle holds, what its bill of materials says, and that it is there whole or not at all."""

import json
import subprocess
import sys
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from agent.errors import BundleFailed
from agent.operations.bundle import chart, models, signing, wheels
from agent.operations.bundle.contents import OnBytes
from agent.operations.bundle.create import Request, create
from agent.operations.bundle.load import State, Target, load
from agent.operations.bundle.manifest import SBOM, SUMS
from agent.operations.bundle.models import Given
from agent.operations.bundle.verify import verify
from policies.errors import RulesInvalid
from tests.registry import image

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "tiny-thing"
version = "0.1"
description = "Ein Rädchen für Prüfungen"
license = "Apache-2.0"
[tool.setuptools]
py-modules = ["tiny_thing"]
"""


@pytest.fixture
def request_for(tmp_path: Path) -> Request:
    signing.make_keys(tmp_path / "k.key", tmp_path / "k.pub", None)
    return Request(tmp_path / "out", signing.read_private(tmp_path / "k.key", None))


def model_folder(folder: Path) -> Path:
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "sub" / "model.safetensors").write_bytes(b"w" * 100)
    (folder / "LICENSE").write_text("words")
    return folder


def chart_folder(folder: Path) -> Path:
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: inn\nversion: 1.2.3\nappVersion: '9'\n")
    (folder / "values.yaml").write_text("image: {registry: reg.example, repository: acme/inn}\n")
    (folder / "templates" / "a.yaml").write_text("kind: List\n")
    (folder / "notes.orig").write_text("")
    (folder / ".helmignore").write_text("# what stays\n*.orig\n.helmignore\n")
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "one.yaml").write_text("a: 1\n")
    (folder / "linked").symlink_to("elsewhere")
    return folder


def wheel(folder: Path, source: Path) -> None:
    """A real wheel of a tiny project, built without an index."""
    source.mkdir()
    (source / "pyproject.toml").write_text(PROJECT)
    (source / "tiny_thing.py").write_text("")
    wheels.collect(source, (), folder, first="")


@pytest.fixture
def tiny_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # pip reads it the other way round: no isolation
    wheel(tmp_path / "wheels", tmp_path / "project")
    return tmp_path / "wheels"


def test_everything_in_it_stands_in_a_valid_bill_of_materials(request_for: Request, tmp_path: Path, tiny_wheels: Path) -> None:
    digest = image(tmp_path / "inn.tar")
    request = Request(
        request_for.out,
        request_for.key,
        chart=chart_folder(tmp_path / "chart"),
        archives={"reg.example/acme/inn": tmp_path / "inn.tar"},
        models=(Given("tiny", model_folder(tmp_path / "tiny")),),
        wheels=tiny_wheels,
    )
    manifest = create(request)
    assert verify(request.out, request.key.public_key()).is_good

    document = (request.out / SBOM).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(document) is None
    components = {one["name"]: one for one in json.loads(document)["components"]}
    assert set(components) == {"tiny-thing", "acme/inn", "tiny", "inn"}
    (path,) = tiny_wheels.glob("*.whl")
    assert components["tiny-thing"]["hashes"] == [{"alg": "SHA-256", "content": sha256(path.read_bytes()).hexdigest()}]
    assert components["tiny-thing"]["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    assert components["tiny-thing"]["description"] == "Ein Rädchen für Prüfungen"
    assert components["tiny-thing"]["purl"] == "pkg:pypi/tiny-thing@0.1"
    assert components["acme/inn"]["version"] == digest
    assert components["tiny"]["type"] == "machine-learning-model"
    assert {one["name"] for one in components["tiny"]["components"]} == {"LICENSE", SUMS, "config.json", "sub/model.safetensors"}
    assert manifest.policies is not None
    assert (request.out / "policies" / "policy.yaml").is_file()
    assert {one.path.split("/")[0] for one in manifest.files} == {"chart", "images", "models", "policies", "wheels", SBOM, SUMS}


def test_the_models_sums_are_what_is_checked_where_it_is_served(request_for: Request, tmp_path: Path) -> None:
    manifest = create(Request(request_for.out, request_for.key, models=(Given("tiny", model_folder(tmp_path / "tiny")),)))
    folder = request_for.out / "models" / "tiny"
    done = subprocess.run(["sha256sum", "--check", "--strict", "--quiet", SUMS], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0
    expected = sha256((folder / SUMS).read_bytes()).hexdigest()
    for changed in ("", "not what was signed"):
        # Once it is in place, a bundle that changes has no say in what pods compare it with.
        (folder / SUMS).write_text(changed or (folder / SUMS).read_text())
        (loaded,) = load(request_for.out, manifest, Target(models=tmp_path / "srv"), lambda _: None, lambda *_: None)
        assert loaded.digest == expected


def test_a_chart_packed_without_helm_has_helms_layout(tmp_path: Path) -> None:
    made = chart._packed_by_hand(chart_folder(tmp_path / "chart"), tmp_path)
    assert made.name == "inn-1.2.3.tgz"
    with tarfile.open(made) as tar:
        assert tar.getnames() == [
            "inn/Chart.yaml",
            "inn/elsewhere/one.yaml",
            "inn/linked/one.yaml",
            "inn/templates/a.yaml",
            "inn/values.yaml",
        ]
        assert all(one.isreg() for one in tar)
    first = made.read_bytes()
    assert chart._packed_by_hand(tmp_path / "chart", tmp_path).read_bytes() == first


def test_the_licence_comes_from_the_profile_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "some")
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "known.yaml").write_text("checkpoint: Acme/Known\nlicence: {name: Apache-2.0, url: 'https://licence.example'}\n")
    entry = models.describe(Given("known", folder), profiles)
    assert (entry.checkpoint, entry.licence.name, entry.licence.url) == ("Acme/Known", "Apache-2.0", "https://licence.example")
    assert models.describe(Given("own", folder), profiles).licence.name == "see LICENSE"
    (folder / "LICENSE").unlink()
    with pytest.raises(BundleFailed, match="licence of the model own"):
        models.describe(Given("own", folder), profiles)


def test_a_model_that_differs_from_its_own_sums_or_is_made_of_links_is_refused(request_for: Request, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "tiny")
    (folder / SUMS).write_text(f"{'0' * 64}  config.json\n")
    request = Request(request_for.out, request_for.key, models=(Given("tiny", folder),))
    with pytest.raises(BundleFailed, match=r"config\.json"):
        create(request)
    assert not list(tmp_path.glob("out*"))
    (folder / SUMS).unlink()
    (folder / "link").symlink_to("config.json")
    with pytest.raises(BundleFailed, match="link"):
        create(request)


def test_a_bundle_is_never_written_over_nor_is_what_a_killed_run_left(request_for: Request, tmp_path: Path) -> None:
    (tmp_path / "out.part").mkdir()
    (tmp_path / "out.part" / "precious").write_text("")
    with pytest.raises(BundleFailed, match="killed"):
        create(request_for)
    assert (tmp_path / "out.part" / "precious").is_file()
    (tmp_path / "out.part").rename(tmp_path / "aside")
    create(request_for)
    with pytest.raises(BundleFailed, match="never changed"):
        create(request_for)


def test_policies_with_mistakes_do_not_travel(request_for: Request, tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    with pytest.raises(RulesInvalid):
        create(Request(request_for.out, request_for.key, policies=tmp_path / "pack"))
    assert not list(tmp_path.glob("out*"))


def test_pips_words_are_told_when_it_fails(tmp_path: Path) -> None:
    with pytest.raises(BundleFailed, match="pyproject"):
        wheels.collect(tmp_path, (), tmp_path / "wheels")
    (tmp_path / "pyproject.toml").write_text("not toml")
    with pytest.raises(BundleFailed, match="could not collect"):
        wheels.collect(tmp_path, (), tmp_path / "wheels", first="")


def test_loading_puts_models_and_wheels_in_place_and_again_changes_nothing(
    request_for: Request, tmp_path: Path, tiny_wheels: Path
) -> None:
    model = Given("tiny", model_folder(tmp_path / "tiny"))
    manifest = create(Request(request_for.out, request_for.key, models=(model,), wheels=tiny_wheels))
    target = Target(models=tmp_path / "srv", wheels=tmp_path / "pip")

    def states(target: Target) -> list[State]:
        return [one.state for one in load(request_for.out, manifest, target, lambda _: None, lambda *_: None)]

    assert states(Target(models=tmp_path / "srv", wheels=tmp_path / "pip", is_trial=True)) == [State.WOULD] * 2
    assert not (tmp_path / "srv").exists()
    # What a killed run left behind is no model yet, and doesn't stand in the way.
    (tmp_path / "srv" / ".tiny.part").mkdir(parents=True)
    (tmp_path / "srv" / ".tiny.part" / "config.json").write_text("half")
    assert states(target) == [State.LOADED] * 2
    assert [path.name for path in (tmp_path / "srv").iterdir()] == ["tiny"]
    assert (tmp_path / "srv" / "tiny" / "sub" / "model.safetensors").read_bytes() == b"w" * 100
    assert states(target) == [State.THERE] * 2
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-index",
        "--find-links",
        str(tmp_path / "pip"),
        "--target",
        str(tmp_path / "new"),
    ]
    assert subprocess.run([*command, "--quiet", "tiny-thing"], check=False, capture_output=True).returncode == 0

    (tmp_path / "srv" / "tiny" / "config.json").write_text("[]")
    with pytest.raises(BundleFailed, match=r"config\.json is another one"):
        states(target)


def test_what_changes_between_check_and_copy_does_not_get_its_name(request_for: Request, tmp_path: Path) -> None:
    manifest = create(Request(request_for.out, request_for.key, models=(Given("tiny", model_folder(tmp_path / "tiny")),)))
    (request_for.out / "models" / "tiny" / "config.json").write_text("[]")
    with pytest.raises(BundleFailed, match="changed while"):
        load(request_for.out, manifest, Target(models=tmp_path / "srv"), lambda _: None, lambda *_: None)
    assert not list((tmp_path / "srv").iterdir())


def test_two_loads_into_the_same_place_do_not_mix(request_for: Request, tmp_path: Path) -> None:
    manifest = create(Request(request_for.out, request_for.key, models=(Given("tiny", model_folder(tmp_path / "tiny")),)))

    def bring_in(on_bytes: OnBytes) -> list[State]:
        return [one.state for one in load(request_for.out, manifest, Target(models=tmp_path / "srv"), lambda _: None, on_bytes)]

    def meanwhile(count: int, name: str) -> None:
        with pytest.raises(BundleFailed, match="another run"):
            bring_in(lambda *_: None)

    assert bring_in(meanwhile) == [State.LOADED]
    assert bring_in(lambda *_: None) == [State.THERE]
    assert [path.name for path in (tmp_path / "srv").iterdir()] == ["tiny"]
