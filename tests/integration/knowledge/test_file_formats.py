import os
import zipfile
from pathlib import Path

import docx
import openpyxl
import pptx
import pytest
from docx.document import Document as Word
from reportlab.lib import colors
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table

from knowledge.errors import SourceUnreadable
from knowledge.sources.conversion import Converter, Limits
from knowledge.sources.files import read_sources
from knowledge.types import Audience, Document, SourceFailure

SLOW = Path(__file__).with_name("slow_converter.py")


def only(path: Path) -> Document:
    found = list(read_sources([path]))
    assert len(found) == 1, found
    assert isinstance(found[0], Document), found[0]
    return found[0]


def reason(path: Path) -> str:
    found = list(read_sources([path]))
    assert len(found) == 1, found
    assert isinstance(found[0], SourceFailure)
    assert found[0].source == str(path)
    return found[0].reason


def word() -> Word:
    document = docx.Document()
    document.core_properties.title = "Guest rules"
    document.add_heading("Pets", 1)
    document.add_paragraph("You may bring two dogs.")
    for text in ("On a lead", "Not in the pool"):
        document.add_paragraph(text, style="List Bullet")
    document.add_heading("Fees", 2)
    table = document.add_table(rows=2, cols=2)
    for place, text in enumerate(("Animal", "Fee", "Dog", "4 euros")):
        table.cell(place // 2, place % 2).text = text
    document.sections[0].footer.paragraphs[0].text = "Page footer"
    return document


def write_pdf(path: Path, **options: object) -> Path:
    styles = getSampleStyleSheet()
    fees = Table([["Animal", "Fee"], ["Dog", "4 euros"]], style=[("GRID", (0, 0), (-1, -1), 1, colors.black)])
    sentence = "You may bring two dogs. Each dog costs 4 euros per night, so tell the host before you arrive. "
    story = [Paragraph("Pets", styles["Heading1"]), Paragraph(sentence * 4, styles["BodyText"])]
    story += [Paragraph("Fees", styles["Heading2"]), Spacer(1, 12), fees]
    SimpleDocTemplate(str(path), title="Guest rules", **options).build(story)
    return path


def test_a_word_file(tmp_path: Path):
    path = tmp_path / "rules.docx"
    word().save(str(path))
    document = only(path)
    assert (document.doc_id, document.title, document.source) == ("rules.docx", "Guest rules", str(path))
    assert document.updated is not None
    assert document.text == (
        "# Pets\n\nYou may bring two dogs.\n\n- On a lead\n- Not in the pool\n\n## Fees\n\n"
        "| Animal | Fee |\n| --- | --- |\n| Dog | 4 euros |"
    )


def test_a_presentation_without_its_notes_and_hidden_slides(tmp_path: Path):
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "Pets"
    body = slide.placeholders[1].text_frame
    body.text = "Two dogs"
    point = body.add_paragraph()
    point.text, point.level = "On a lead", 1
    slide.notes_slide.notes_text_frame.text = "Never name the ceiling"
    table = slide.shapes.add_table(2, 2, 0, 0, 100, 100).table
    for place, text in enumerate(("Animal", "Fee", "Dog", "4 euros")):
        table.cell(place // 2, place % 2).text = text
    hidden = deck.slides.add_slide(deck.slide_layouts[5])
    hidden.shapes.title.text = "Hidden"
    hidden.element.set("show", "0")
    path = tmp_path / "deck.pptx"
    deck.save(str(path))
    document = only(path)
    table_text = "| Animal | Fee |\n| --- | --- |\n| Dog | 4 euros |"
    assert document.text == f"## Pets\n\n- Two dogs\n  - On a lead\n\n{table_text}"


def test_a_workbook_of_questions_and_a_table(tmp_path: Path):
    book = openpyxl.Workbook()
    faq = book.active
    faq.title = "FAQ"
    for row in (
        ("Question", "Answer", "Audience"),
        ("Tax?", 0.19, None),
        ("Voucher?", "Up to 80 euros", "internal"),
        ("Empty?",),
    ):
        faq.append(row)
    faq["B2"].number_format = "0%"
    fees = book.create_sheet("Fees")
    fees.append(("Animal", "Fee"))
    fees.append(("Dog", 4.0))
    secret = book.create_sheet("Calculation")
    secret.append(("Margin", 0.4))
    secret.sheet_state = "hidden"
    path = tmp_path / "faq.xlsx"
    book.save(path)
    tax, voucher, failure, tables = read_sources([path])
    assert isinstance(tax, Document)
    assert isinstance(voucher, Document)
    assert isinstance(tables, Document)
    assert (tax.doc_id, tax.text, tax.audience, tax.source) == ("faq.xlsx#tax", "19%", Audience.PUBLIC, str(path))
    assert voucher.audience is Audience.INTERNAL
    assert isinstance(failure, SourceFailure)
    assert failure.reason == "sheet 'FAQ', row 4: has no answer"
    assert tables.text == "## Fees\n\n| Animal | Fee |\n| --- | --- |\n| Dog | 4 |"


def test_a_pdf_with_its_headings_and_table(tmp_path: Path):
    document = only(write_pdf(tmp_path / "rules.pdf"))
    assert (document.title, document.updated is not None) == ("Guest rules", True)
    assert "# Pets\n" in document.text
    assert "# Fees\n" in document.text
    assert "|Dog|4 euros|" in document.text


def test_a_pdf_that_is_broken_locked_or_a_picture_says_so(tmp_path: Path):
    whole = write_pdf(tmp_path / "whole.pdf").read_bytes()
    for size in (0, 9, len(whole) // 2, len(whole) - 200):
        (tmp_path / "cut.pdf").write_bytes(whole[:size])
        assert "damaged" in reason(tmp_path / "cut.pdf")
    locked = write_pdf(tmp_path / "locked.pdf", encrypt=StandardEncryption("secret"))
    assert "password" in reason(locked)
    picture = tmp_path / "picture.pdf"
    canvas = Canvas(str(picture))
    canvas.drawImage(ImageReader(_image()), 0, 0, 500, 700)
    canvas.save()
    assert "no text" in reason(picture)


def test_pages_of_a_pdf_that_are_pictures_are_named(tmp_path: Path):
    path = tmp_path / "mixed.pdf"
    canvas = Canvas(str(path))
    for line in range(20):
        canvas.drawString(50, 700 - 20 * line, f"This page has plenty of real text about pets and fees, line {line}")
    canvas.showPage()
    canvas.drawImage(ImageReader(_image()), 0, 0, 500, 700)
    canvas.save()
    document, gap = read_sources([path])
    assert isinstance(document, Document)
    assert "pets and fees, line 19" in document.text
    assert isinstance(gap, SourceFailure)
    assert "page 2 has no text" in gap.reason


def _image() -> object:
    from PIL import Image

    return Image.new("RGB", (400, 500), "white")


def _rewritten(path: Path, member: str, change: bytes, by: bytes) -> Path:
    source = path.with_name(f"changed-{path.name}")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            raw = old.read(name)
            new.writestr(name, raw.replace(change, by, 1) if name == member else raw)
    return source


def test_entities_that_swell_are_not_opened(tmp_path: Path):
    path = tmp_path / "rules.docx"
    word().save(str(path))
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(10))
    bomb = f'?><!DOCTYPE x [<!ENTITY e0 "aaaaaaaaaa">{entities}]>'.encode()
    assert "document type" in reason(_rewritten(path, "word/document.xml", b"?>", bomb))


@pytest.mark.parametrize("suffix", [".docx", ".pptx", ".xlsx"])
def test_a_zip_bomb_is_not_opened(tmp_path: Path, suffix: str):
    path = tmp_path / f"bomb{suffix}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 64_000_000)
    assert "zip bomb" in reason(path)


@pytest.mark.parametrize("suffix", [".docx", ".pptx", ".xlsx", ".pdf"])
@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04 no archive", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old", os.urandom(5000)])
def test_what_is_no_such_file_is_a_failure(tmp_path: Path, suffix: str, raw: bytes):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(raw)
    assert reason(path)


def test_files_are_bounded_in_size_and_must_be_files(tmp_path: Path):
    (tmp_path / "page.html").write_bytes(b"<p>" + b"word " * 2_000_000)
    assert "split it" in reason(tmp_path / "page.html")
    (tmp_path / "faq.csv").write_bytes(b"question,answer\n" + b"q" * 51_000_000)
    assert "split it" in reason(tmp_path / "faq.csv")
    os.mkfifo(tmp_path / "pipe.md")
    assert "not a file" in reason(tmp_path / "pipe.md")
    (tmp_path / "gone.pdf").symlink_to(tmp_path / "nowhere")
    assert "can't be opened" in reason(tmp_path / "gone.pdf")


def test_a_converter_that_hangs_crashes_or_eats_memory_ends_as_a_failure_and_the_next_file_is_read(tmp_path: Path):
    with Converter(Limits(timeout_s=6.0, memory=1_000_000_000), SLOW) as converter:
        for suffix, expected in (("sleep", "longer than 6 s"), ("crash", "SIGABRT"), ("eat", "memory")):
            with pytest.raises(SourceUnreadable, match=expected) as caught:
                converter.convert(tmp_path / f"a.{suffix}")
            assert caught.value.source == str(tmp_path / f"a.{suffix}")
            assert converter.convert(tmp_path / "a.say").text


def test_a_converter_inherits_neither_secrets_nor_open_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("INNKEEPER_LLM_API_KEY", "secret")
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        with Converter(program=SLOW) as converter:
            before = converter.convert(tmp_path / "a.say").text
    # stdin, stdout, stderr, the answers, and the folder that is listed, perhaps /dev/null once more.
    secret, _, descriptors = before.partition(" ")
    assert secret == "None"
    assert int(descriptors) <= 6


def test_an_extractor_that_works_for_minutes_is_stopped(tmp_path: Path):
    page = tmp_path / "lists.html"
    page.write_text("<html><body>" + "<ul><li>x</li></ul>" * 200_000)
    (tmp_path / "pool.html").write_text(
        "<html lang='en'><body><article><p>The pool is open from nine to eight.</p></article></body>"
    )
    with Converter(Limits(timeout_s=10.0)) as converter:
        slow, pool = read_sources([tmp_path], converter=converter)
    assert isinstance(slow, SourceFailure)
    assert "longer than 10 s" in slow.reason
    assert isinstance(pool, Document)
    assert (pool.doc_id, pool.language) == ("pool.html", "en")


def test_one_id_in_two_rows_or_files_is_a_failure(tmp_path: Path):
    (tmp_path / "a.csv").write_text("id,question,answer\nx,A?,A\nx,B?,B\ny,C?,C\n")
    (tmp_path / "b.jsonl").write_text('{"id": "y", "title": "Y", "text": "Y"}\n')
    (tmp_path / "~$lock.docx").write_bytes(b"lock")
    first, second, third, fourth = read_sources([tmp_path])
    assert isinstance(first, Document)
    assert isinstance(second, SourceFailure)
    assert "another document of the same file" in second.reason
    assert isinstance(third, Document)
    assert isinstance(fourth, SourceFailure)
    assert "a.csv" in fourth.reason
