import pytest

from agent.errors import BundleFailed, BundleInvalid
from agent.operations.bundle.manifest import is_safe_path, read_manifest
from agent.operations.bundle.references import images_of_values, merge, parse_reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        ("inn", "", "inn", "", ""),
        ("acme/inn:1.0", "", "acme/inn", "1.0", ""),
        ("docker.io/vllm/vllm-openai:v0.32.0", "docker.io", "vllm/vllm-openai", "v0.32.0", ""),
        ("localhost:5000/inn:1", "localhost:5000", "inn", "1", ""),
        (f"reg.example/inn@{DIGEST}", "reg.example", "inn", "", DIGEST),
        (f"reg.example/a/b/c:1@{DIGEST}", "reg.example", "a/b/c", "1", DIGEST),
    ],
)
def test_a_reference_is_read(text: str, registry: str, repository: str, tag: str, digest: str):
    found = parse_reference(text)
    assert (found.registry, found.repository, found.tag, found.digest) == (registry, repository, tag, digest)
    assert str(found) == text


@pytest.mark.parametrize("text", ["", "Inn", "inn:", "inn@sha256:12", "reg.example/../inn", "inn --all", "-x", "reg.example/"])
def test_what_is_no_reference_is_refused(text: str):
    with pytest.raises(BundleFailed, match="no name of an image"):
        parse_reference(text)


def test_a_digest_goes_before_the_tag_when_an_image_is_fetched():
    assert parse_reference(f"reg.example/inn:1@{DIGEST}").pull == f"reg.example/inn@{DIGEST}"
    assert parse_reference("reg.example/inn").pull == "reg.example/inn:latest"


def test_the_values_say_which_images_are_used():
    values = {
        "image": {"registry": "", "repository": "innkeeper", "tag": "", "digest": ""},
        "redis": {"enabled": False, "image": {"repository": "valkey/valkey", "tag": "9"}},
        "chroma": {"enabled": True, "image": {"registry": "docker.io", "repository": "chromadb/chroma", "tag": "1"}},
        "vllm": {"image": {"registry": "docker.io", "repository": "vllm/vllm-openai", "tag": "v1"}},
        "router": {"image": {"registry": "docker.io", "repository": "vllm/vllm-router", "tag": "v1"}},
        "models": {},
    }
    assert {str(one): one.values for one in images_of_values(values, "0.1.0")} == {
        "innkeeper:0.1.0": ("image",),
        "docker.io/chromadb/chroma:1": ("chroma.image",),
    }
    weights = {"copy": {"image": {"registry": "docker.io", "repository": "chromadb/chroma", "digest": DIGEST}}}
    more = merge(values, {"models": {"chat": {"weights": weights}}, "chroma": {"image": {"tag": None, "digest": DIGEST}}})
    assert {str(one): one.values for one in images_of_values(more, "0.1.0")} == {
        "innkeeper:0.1.0": ("image",),
        f"docker.io/chromadb/chroma@{DIGEST}": ("chroma.image", "models.chat.weights.copy.image"),
        "docker.io/vllm/vllm-openai:v1": ("vllm.image",),
    }
    off, on = (merge(more, {"models": {"chat": {"router": {"enabled": enabled}}}}) for enabled in (False, True))
    assert images_of_values(off, "0.1.0") == images_of_values(more, "0.1.0")
    assert {one.values for one in images_of_values(on, "0.1.0")} - {one.values for one in images_of_values(more, "0.1.0")} == {
        ("router.image",)
    }


@pytest.mark.parametrize("path", ["a", "models/qwen3-8b/model-00001-of-00002.safetensors", "a/.hidden", "a b"])
def test_a_plain_path_is_safe(path: str):
    assert is_safe_path(path)


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../a", "a/../b", "a/./b", "a//b", "a/", "a\\b", "a\nb", "a\0b", "manifest.json", "manifest.json.sig"],
)
def test_a_path_out_of_the_bundle_is_not(path: str):
    assert not is_safe_path(path)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"format": 2}', b'{"format": 1, "innkeeper": "1", "created": "", "signed_by": "x", "files": []}']
)
def test_what_is_no_manifest_is_refused(content: bytes):
    with pytest.raises(BundleInvalid, match=r"manifest\.json can't be used"):
        read_manifest(content)
