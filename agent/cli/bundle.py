"""`innkeeper bundle …`: what a cluster without a network is installed from."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli import show
from agent.cli.frame import reports_errors
from agent.errors import BundleFailed
from agent.operations.bundle.models import Given
from agent.operations.bundle.references import parse_reference
from agent.operations.bundle.skopeo import Skopeo

if TYPE_CHECKING:
    from agent.operations.bundle.verify import Verdict

app = typer.Typer(
    help="Carry Innkeeper to machines without a network: images, chart, wheels, models, in one signed folder.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
MEGABYTE = 1_000_000
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Bundle = Annotated[Path, typer.Argument(metavar="BUNDLE", help="The folder that `create` made.")]
PublicKey = Annotated[Path, typer.Option("--key", metavar="FILE.pub", help="The public key, which came to you another way.")]
Passphrase = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Its first line is the private key's passphrase; no passphrase if not given.")
]
PlainHttp = Annotated[bool, typer.Option("--plain-http", help="The registry has no TLS.")]
Authfile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Credentials of registries; skopeo's own place if not given.")
]


@app.command()
def keygen(
    name: Annotated[Path, typer.Argument(metavar="NAME", help="Makes NAME.key, which signs, and NAME.pub, which checks.")] = Path(
        "bundle"
    ),
    passphrase_file: Passphrase = None,
    json: Json = False,
) -> None:
    """Make a key pair (Ed25519). The public half must reach the other side by another way than the bundle."""

    def run() -> None:
        from agent.operations.bundle import signing

        if not name.name:
            raise typer.BadParameter(f"{name} names no file", param_hint="NAME")
        private, public = name.with_name(name.name + ".key"), name.with_name(name.name + ".pub")
        told = signing.make_keys(private, public, _passphrase(passphrase_file))
        if json:
            show.as_json({"private": str(private), "public": str(public), "fingerprint": told})
            return
        show.out.print(f"{private} signs: keep it{'' if passphrase_file else ', it has no passphrase'}.", markup=False)
        show.out.print(f"{public} checks: hand it over, and read its fingerprint out:\n{told}", markup=False)

    _reported(run)


@app.command()
def create(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make.")],
    key: Annotated[Path, typer.Option(metavar="FILE.key", help="Signs the manifest; `keygen` makes one.")],
    passphrase_file: Passphrase = None,
    chart: Annotated[Path | None, typer.Option(help="Helm chart: a folder or a .tgz. Its values name the images.")] = None,
    values: Annotated[list[Path] | None, typer.Option(help="Values that it will be installed with; may be repeated.")] = None,
    without: Annotated[list[str] | None, typer.Option(metavar="VALUE", help="Leave this image out, e.g. redis.image.")] = None,
    images: Annotated[Path | None, typer.Option(metavar="FILE", help="More images, one reference a line.")] = None,
    archive: Annotated[
        list[str] | None,
        typer.Option(metavar="IMAGE=FILE", help="Take an image from an OCI archive instead of its registry; may be repeated."),
    ] = None,
    platform: Annotated[str, typer.Option(help="Of the images: os/architecture, or all.")] = "linux/amd64",
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="[PROFILE=]FOLDER", help="Weights, named as in `innkeeper models list`; may be repeated."),
    ] = None,
    wheels: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Ready wheels.")] = None,
    source: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Innkeeper's source: make the wheels with pip.")] = None,
    extra: Annotated[
        list[str] | None, typer.Option(help="Extra of Innkeeper for --source, e.g. embedded; may be repeated.")
    ] = None,
    policies: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Policies; the pack that ships if not given.")] = None,
    plain_http: PlainHttp = False,
    authfile: Authfile = None,
    json: Json = False,
) -> None:
    """Collect images, chart, wheels, models and policies, add a bill of materials, and sign the list of all files."""

    def run() -> None:
        from agent.operations.bundle import signing
        from agent.operations.bundle.create import Request, read_image_list
        from agent.operations.bundle.create import create as make

        request = Request(
            out=out,
            key=signing.read_private(key, _passphrase(passphrase_file)),
            chart=chart,
            values=tuple(values or ()),
            images=read_image_list(images) if images else (),
            archives=dict(_archive(one) for one in archive or ()),
            without=frozenset(without or ()),
            models=tuple(_model(one) for one in model or ()),
            wheels=wheels,
            source=source,
            extras=tuple(extra or ()),
            policies=policies,
            skopeo=Skopeo(platform, plain_http, authfile),
        )
        with _counting("copied and summed") as (say, on_bytes):
            manifest = make(request, say, on_bytes)
        if json:
            show.as_json(manifest.model_dump(mode="json"))
            return
        show.out.print(
            f"{out}: {len(manifest.images)} images, {len(manifest.models)} models, {len(manifest.under('wheels'))} wheels, "
            f"{len(manifest.files)} files, {_size(manifest.bytes)}",
            markup=False,
        )
        show.out.print(f"signed by {manifest.signed_by}", markup=False)

    _reported(run)


@app.command(name="verify")
def verify_command(bundle: Bundle, key: PublicKey, json: Json = False) -> None:
    """Check the signature and every file. Exit code 1 with each difference named."""

    def run() -> None:
        verdict = _verdict(bundle, key)
        if json:
            manifest = verdict.manifest
            show.as_json(
                {
                    "ok": verdict.is_good,
                    "problems": [asdict(one) for one in verdict.problems],
                    "files": len(manifest.files) if manifest else 0,
                    "bytes": manifest.bytes if manifest else 0,
                    "innkeeper": manifest.innkeeper if manifest else None,
                    "signed_by": manifest.signed_by if manifest else None,
                }
            )
        if not verdict.is_good:
            _tell(verdict, json)
            raise typer.Exit(1)
        if not json and verdict.manifest:
            found = verdict.manifest
            show.out.print(f"good: {len(found.files)} files, {_size(found.bytes)}, Innkeeper {found.innkeeper}", markup=False)
            show.out.print(f"signed by {found.signed_by} on {found.created}", markup=False, soft_wrap=True)

    _reported(run)


@app.command(name="load")
def load_command(
    bundle: Bundle,
    key: PublicKey,
    registry: Annotated[str | None, typer.Option(metavar="HOST[:PORT][/PATH]", help="Push the images to this registry.")] = None,
    models_dir: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Put each model into a folder of this one.")] = None,
    wheels_dir: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Put the wheels here.")] = None,
    plain_http: PlainHttp = False,
    authfile: Authfile = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Verify, and say what would be loaded.")] = False,
    json: Json = False,
) -> None:
    """Verify, then bring in images, models and wheels, and print the command that installs the chart.

    It may be stopped and given again: what is in place is left alone.
    """
    if not (registry or models_dir or wheels_dir):
        raise typer.BadParameter("name at least one of --registry, --models-dir and --wheels-dir")

    def run() -> None:
        from agent.operations.bundle.load import Target, helm_command
        from agent.operations.bundle.load import load as bring_in

        verdict = _verdict(bundle, key)
        if verdict.manifest is None or not verdict.is_good:
            _tell(verdict, json)
            raise typer.Exit(1)
        target = Target(registry, models_dir, wheels_dir, Skopeo("all", plain_http, authfile), dry_run)
        with _counting("copied and summed") as (say, on_bytes):
            done = bring_in(bundle, verdict.manifest, target, say, on_bytes)
        command = helm_command(bundle, verdict.manifest, registry) if registry else []
        if json:
            show.as_json({"dry_run": dry_run, "loaded": [asdict(one) for one in done], "helm": command})
            return
        for one in done:
            show.out.print(f"{one.kind} {one.name}: {one.state}: {one.place}", markup=False, soft_wrap=True)
            if one.kind == "model":
                show.out.print(f"  weights.manifestSha256 in the chart's values: {one.digest}", markup=False, soft_wrap=True)
        if command:
            show.out.print(f"\nInstall with your own values after this:\n{shlex.join(command)}", markup=False, soft_wrap=True)

    _reported(run)


def _verdict(bundle: Path, key: Path) -> "Verdict":
    from agent.operations.bundle import signing
    from agent.operations.bundle.verify import verify

    public = signing.read_public(key)
    with show.progress("megabytes checked") as step:
        return verify(bundle, public, lambda done, total, name: step(done // MEGABYTE, total // MEGABYTE, name))


def _tell(verdict: "Verdict", json: bool) -> None:
    if json:
        return
    for one in verdict.problems:
        show.err.print(f"[bold red]{one.kind}:[/] ", end="")
        show.err.print(f"{one.path}: {one.detail}", markup=False)
    show.err.print("[bold red]error:[/] the bundle is not to be used")


@contextmanager
def _counting(title: str) -> Iterator[tuple[Callable[[str], None], Callable[[int, str], None]]]:
    """What is being done, a line each on stderr; the megabytes on a terminal."""
    done = 0
    with show.progress(f"megabytes {title}") as step:

        def on_bytes(count: int, name: str) -> None:
            nonlocal done
            done += count
            step(done // MEGABYTE, done // MEGABYTE, name)

        def say(what: str) -> None:
            show.err.print(f"{what} …", markup=False, style="dim")

        yield say, on_bytes


def _passphrase(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        first = path.read_bytes().split(b"\n", 1)[0].rstrip(b"\r")
    except OSError as error:
        raise BundleFailed(f"the passphrase can't be read from {path}: {error.strerror}") from error
    if not first:
        raise BundleFailed(f"the first line of {path} is empty; a passphrase stands there")
    return first


def _archive(given: str) -> tuple[str, Path]:
    image, equals, file = given.rpartition("=")
    if not equals:
        raise typer.BadParameter(f"{given!r} is not IMAGE=FILE", param_hint="--archive")
    return parse_reference(image).name, Path(file)


def _model(given: str) -> Given:
    name, equals, folder = given.partition("=")
    path = Path(folder if equals else given)
    return Given(name if equals else path.absolute().name, path)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _reported(run: Callable[[], None]) -> None:
    def told() -> None:
        try:
            run()
        except OSError as error:  # a place that can't even be looked at
            raise BundleFailed(f"{error.filename or 'a file'} can't be used: {error.strerror or error}") from error

    reports_errors(told)()
