"""The bill of materials, CycloneDX 1.6: every wheel, image, model and chart of a bundle, with licences and sums."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from cyclonedx.contrib.license.exceptions import InvalidSpdxLicenseException
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from agent.operations.bundle.manifest import ChartEntry, FileEntry, ImageEntry, ModelEntry
from agent.operations.bundle.wheels import Wheel

_NAMESPACE = uuid.UUID("6c9b3a0e-7f1d-5e07-9b68-4f2a7c1d8e35")


def bill(
    version: str,
    created: datetime,
    listed: Sequence[FileEntry],
    wheels: Iterable[Wheel],
    images: Iterable[ImageEntry],
    models: Iterable[ModelEntry],
    chart: ChartEntry | None,
) -> bytes:
    """The document as JSON. Its serial number follows from the files: the same bundle has the same one.

    Args:
        version: of Innkeeper.
        created: when the bundle was made.
        listed: the bundle's files, with the sums that the components show.
        wheels: read from the bundle.
        images: of the manifest.
        models: of the manifest.
        chart: of the manifest.
    """
    sums = {entry.path: entry.sha256 for entry in listed}
    components = (
        [_wheel(one, sums) for one in wheels] + [_image(one, sums) for one in images] + [_model(one, listed) for one in models]
    )
    if chart is not None:
        components.append(
            Component(
                name=chart.name,
                version=chart.version,
                type=ComponentType.APPLICATION,
                bom_ref="chart",
                hashes=_hash(sums[chart.archive]),
            )
        )
    serial = uuid.uuid5(_NAMESPACE, "\n".join(f"{digest} {path}" for path, digest in sorted(sums.items())))
    bom = Bom(components=components, serial_number=serial)
    bom.metadata.timestamp = created
    bom.metadata.component = Component(
        name="innkeeper",
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref="innkeeper",
        licenses=[_licence("Apache-2.0", True)],
    )
    for component in components:
        bom.register_dependency(bom.metadata.component, [component])
    content: dict[str, Any] = json.loads(make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string())
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _wheel(wheel: Wheel, sums: Mapping[str, str]) -> Component:
    path = f"wheels/{wheel.path.name}"
    return Component(
        name=wheel.name,
        version=wheel.version,
        type=ComponentType.LIBRARY,
        bom_ref=path,
        description=wheel.summary,
        purl=PackageURL("pypi", None, wheel.name.lower().replace("_", "-"), wheel.version),
        hashes=_hash(sums[path]),
        licenses=[_licence(wheel.licence, wheel.is_expression)] if wheel.licence else (),
    )


def _image(image: ImageEntry, sums: Mapping[str, str]) -> Component:
    name = image.repository.rpartition("/")[2]
    return Component(
        name=image.repository,
        version=image.digest,
        type=ComponentType.CONTAINER,
        bom_ref=image.archive,
        purl=PackageURL("oci", None, name, image.digest, {"tag": image.tag}),
        hashes=_hash(sums[image.archive]),
        properties=[Property(name="innkeeper:reference", value=image.reference)],
    )


def _model(model: ModelEntry, listed: Sequence[FileEntry]) -> Component:
    """A model is its files: each is a component of it, with its own sum."""
    folder = f"models/{model.name}/"
    files = [
        Component(name=one.path.removeprefix(folder), type=ComponentType.FILE, bom_ref=one.path, hashes=_hash(one.sha256))
        for one in listed
        if one.path.startswith(folder)
    ]
    return Component(
        name=model.checkpoint or model.name,
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=folder,
        description=model.licence.note,
        licenses=[_licence(model.licence.name, False)],
        components=files,
    )


def _hash(sha256: str) -> list[HashType]:
    return [HashType(alg=HashAlgorithm.SHA_256, content=sha256)]


def _licence(said: str, is_expression: bool) -> License:
    """A name that is an SPDX id counts as one; other free words never count as an expression."""
    factory = LicenseFactory()
    if is_expression:
        return factory.make_from_string(said)
    try:
        return factory.make_with_id(said)
    except InvalidSpdxLicenseException:
        return factory.make_with_name(said)
