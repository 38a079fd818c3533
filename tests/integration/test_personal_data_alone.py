"""Finding personal data loads no language model, asks no network, and is there for every process."""

import subprocess
import sys

import pytest

ALONE = """
import sys
from agent.privacy.environment import lock_down
from agent.privacy.detection import detect

refused = []
sys.addaudithook(lambda event, args: refused.append(event) if event.startswith("socket.") else None)
lock_down()
text = "4111 1111 1111 1111, DE89370400440532013000, ann@example.com, +44 20 7946 0958, 219-09-9999, 22494155V, 81.2.69.142"
print([found.kind.value for found in detect(text)])
print(sorted({"spacy", "torch", "tldextract", "requests", "stanza"} & set(sys.modules)), refused)
"""


def test_no_language_model_is_loaded_and_nobody_is_asked() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found, loaded = done.stdout.splitlines()
    assert found == "['payment_card', 'iban', 'email', 'phone', 'national_id', 'national_id', 'ip_address']"
    assert loaded == "[] []"


@pytest.mark.slow
def test_the_recognisers_are_those_of_the_whole_package() -> None:
    """Entered without its engine, and with it: the same patterns, the same checks."""
    code = """
import sys
{enter}
from presidio_analyzer.predefined_recognizers.generic.credit_card_recognizer import CreditCardRecognizer
from presidio_analyzer.predefined_recognizers.generic.iban_recognizer import IbanRecognizer
from presidio_analyzer.predefined_recognizers.country_specific.us.us_ssn_recognizer import UsSsnRecognizer
text = "4111 1111 1111 1111 or 4111 1111 1111 1112, DE89370400440532013000, 219-09-9999"
for one in (CreditCardRecognizer(), IbanRecognizer(), UsSsnRecognizer()):
    print(sorted((r.start, r.end, r.score) for r in one.analyze(text, one.supported_entities)))
"""
    said = []
    for enter in ("from agent.privacy.presidio import iban_forms; iban_forms()", "import presidio_analyzer"):
        command = [sys.executable, "-W", "ignore", "-c", code.format(enter=enter)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert said[0] == said[1]
    assert said[0].count("(") >= 3
