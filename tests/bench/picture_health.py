"""The README's picture of the health report: `python -m tests.bench.picture_health [--html FILE] [--out FILE.png]`.

Brings in the sample help centre and a folder of articles with the faults that real ones have, lets the real command
write its report, and photographs the page with the real browser.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

SAMPLES = Path("knowledge/samples/help_centre")
PICTURE = Path("deploy/pictures/knowledge-health.png")
CHROMIUM = "/usr/bin/chromium"
FLAGS = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
WIDTH, HEIGHT = 1200, 1560
"""The head of the report and its first findings, in pixels."""
TODAY = date.today()  # noqa: DTZ011
RECENT, LAST_MONTH = (TODAY - timedelta(days=20)).isoformat(), TODAY - timedelta(days=35)
SITE = "https://help.marlowe-stays.example/articles"
GUIDE = {"keys": ("Keys", "Schlüssel"), "heating": ("Heating", "Heizung"), "waste": ("Waste", "Müll"), "parking": ("Parking", "")}
BEACH_TOWELS = (
    "Beach towels are not part of the linen set. Order them under Trips, Extras up to 72 hours before check-in. The host puts "
    "them on the bed, and you leave them in the bathroom when you go. A towel that is lost is charged at its price."
)


def articles() -> dict[str, str]:
    """Path to text: what a second team wrote, and nobody has looked through since."""
    found = {
        "travel-with-dogs": _article(
            "Travelling with a dog",
            "Dogs are welcome in every home that shows **Pets allowed**.\n\n## What it costs\n\n"
            "The standard pet fee is €15 per pet per night, up to €120 per pet and stay.\n",
        ),
        "arrival-day": _article(
            "Your day of arrival",
            "Unless the listing states other times, check-in is from 15:00 to 21:00 and check-out is by 10:00.\n\n"
            "How to find the house is told in [Getting there](getting-there.md).\n",
        ),
        "late-refunds": _article(
            "Refunds that are late",
            "Do not tell the guest that the bank holds the money. Agents must check the ledger first.\n",
        ),
        "winter-offer": _article(
            "Winter offer", f"You can book until {LAST_MONTH:%-d %B %Y} and get a tenth off stays of a week or more.\n"
        ),
        "beach-towels": _article("Beach towels", f"{BEACH_TOWELS}\n"),
        "towels-for-the-beach": _article("Towels for the beach", f"{BEACH_TOWELS}\n"),
    }
    for name, (english, german) in GUIDE.items():
        found[f"en/{name}"] = _article(
            f"{english} of the flat",
            f"{english}: what you need is in the drawer by the door, with a note that says how it works.\n",
        )
        if german:
            found[f"de/{name}"] = _article(
                f"{german} der Wohnung",
                f"{german}: alles Nötige liegt in der Schublade bei der Tür, mit einem Zettel, der sagt, wie es geht.\n",
            )
    return found


def _article(title: str, text: str) -> str:
    url = f"{SITE}/{title.lower().replace(' ', '-')}"
    return f"---\ntitle: {title}\nupdated: {RECENT}\nurl: {url}\n---\n{text}"


def written_report(folder: Path) -> str:
    """The page that the command writes about both folders."""
    for name, text in articles().items():
        path = folder / "guest-guide" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "help-centre").symlink_to(SAMPLES.absolute())
    report = folder / "health.html"
    for arguments in (
        ("ingest", str(folder / "help-centre"), str(folder / "guest-guide")),
        ("knowledge", "health", "--report", str(report)),
    ):
        environment = {**os.environ, "INNKEEPER_DATA_DIR": str(folder / "data")}
        subprocess.run([sys.executable, "-m", "agent", *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)
    # A reader of the picture is not to wonder about the temporary folder of this run.
    return report.read_text(encoding="utf-8").replace(str(SAMPLES.absolute()), "/srv/docs/help-centre").replace(
        str(folder), "/srv/docs"
    )  # fmt: skip


def photographed(html: str) -> bytes:
    """The top of the page as PNG."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.set_content(html)
        shot = page.screenshot()
        browser.close()
    return shot


def main() -> None:
    """Make the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--html", type=Path, help="keep the report here too")
    parser.add_argument("--out", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="innkeeper-") as folder:
        html = written_report(Path(folder))
    if arguments.html:
        arguments.html.write_text(html, encoding="utf-8")
    with Image.open(BytesIO(photographed(html))) as image:
        # Maximum coverage keeps colours that are rare, such as the red of what is worst.
        few = image.convert("RGB").quantize(128, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(arguments.out, optimize=True)


if __name__ == "__main__":
    main()
