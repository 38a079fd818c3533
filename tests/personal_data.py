"""Messages with personal data, and with what only looks like it. No real person's: numbers made by the rules of their formats.

A value stands between ⟦class| and ⟧.
"""

import re
from dataclasses import dataclass

from policies.privacy import PersonalData

_MARKED = re.compile(r"⟦(\w+)\|(.*?)⟧", re.DOTALL)

MARKED = (
    "Please take it from ⟦payment_card|4111 1111 1111 1111⟧ 12/27 123, thanks.",
    "My Visa is ⟦payment_card|4111-1111-1111-1111⟧.",
    "card:⟦payment_card|5555555555554444⟧",
    "Amex ⟦payment_card|3782 822463 10005⟧ was charged twice",
    "It was ⟦payment_card|6011.1111.1111.1117⟧ on 2026-11-03.",
    "Meine Karte ⟦payment_card|2223 0031 2200 3222⟧ wurde abgelehnt",
    "My Maestro card is ⟦payment_card|504820254291⟧.",
    "4 1 1 1 is how it begins: ⟦payment_card|4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1⟧",
    "zero width ⟦payment_card|4111\u200b1111\u200b1111\u200b1111⟧",
    "in full width ⟦payment_card|４１１１１１１１１１１１１１１１⟧",
    "for order 4471 I paid with ⟦payment_card|4000 0566 5566 5556⟧",
    "Refund to ⟦iban|DE89 3704 0044 0532 0130 00⟧ please",
    "⟦iban|GB82WEST12345698765432⟧ is my account",
    "iban ⟦iban|nl91abna0417164300⟧ that is it",
    "⟦iban|BE68 5390 0754 7034⟧ this one",
    "⟦iban|FR14 2004 1010 0505 0001 3M02 606⟧, merci",
    "Mail me: ⟦email|ann.smith+trip@example.co.uk⟧.",
    "<⟦email|j_doe@mail.example.com⟧> wrote",
    "⟦email|grüße@müller.example⟧ geht auch",
    "Call ⟦phone|+44 20 7946 0958⟧ after six",
    "Ring ⟦phone|0049 30 901820⟧",
    "My number: ⟦phone|(202) 555-0143⟧",
    "You can reach me on ⟦phone|07700 900123⟧ or at ⟦email|x@example.org⟧",
    "Tel.: ⟦phone|030/901820⟧",
    "Handynummer ⟦phone|0171 2345678⟧",
    "I live in London, ⟦phone|020 7946 0958⟧",
    "telepon saya ⟦phone|0812 3456 7890⟧",
    "phone ⟦phone|555 0143 22 ext 12⟧",
    "My SSN is ⟦national_id|219-09-9999⟧",
    "social security number: ⟦national_id|219099999⟧",
    "National Insurance ⟦national_id|AB 12 34 56 C⟧",
    "⟦national_id|AB123456C⟧",
    "NHS number ⟦national_id|943 476 5919⟧",
    "my nhs no. is ⟦national_id|9379474067⟧",
    "Steuer-ID: ⟦national_id|13570869260⟧",
    "Meine Steuer-IdNr. lautet ⟦national_id|97 041 569 232⟧",
    "mi DNI es ⟦national_id|22494155V⟧",
    "NIE ⟦national_id|X3948136W⟧",
    "numéro de sécu ⟦national_id|1 75 06 50 073 047 59⟧",
    "⟦national_id|280101823253095⟧ c'est mon numéro",
    "codice fiscale ⟦national_id|RSSMRA51P13H501Z⟧",
    "BSN: ⟦national_id|595349195⟧",
    "o meu NIF é ⟦national_id|243236115⟧",
    "PESEL ⟦national_id|57080416498⟧",
    "tax number ⟦national_id|47062965185⟧",
    "I wrote from ⟦ip_address|81.2.69.142⟧ and from ⟦ip_address|2a02:6b8::2:242⟧",
)
LOOK_ALIKES = (
    "My booking is MS-123456 from 12/05/2026 to 18/05/2026.",
    "Order 4111111111111112 hasn't come.",
    "order number 9012352410965398",
    "tracking 1Z999AA10123456784 and 9400 1000 0000 0000 0000 00",
    "DHL parcel 504820254291",
    "Order no. 204-1234567-1234567 and invoice 2026-000123",
    "We paid 1,250.00 EUR and 12.345,67 EUR on 2026-11-27 at 10:30.",
    "ISBN 978-3-16-148410-0, EAN 4006381333931",
    "IMEI 353879234252633 of the phone",
    "my ticket is 20155501234",
    "Call me about booking 83472210 please",
    "ssn 000-12-3456 and 666-12-3456 are none",
    "GB00WEST12345698765432 has a typing mistake",
    "DE89 3704 0044 0532 0130 01",
    "ratio 16:9, version 10.2.15.3, at 192.168.1.20 or 127.0.0.1:8080",
    "NHS 9434765918",
    "Steuer-ID 13570869261",
    "DNI 22494155A",
    "@handle and a@b are no addresses",
    "Room 101, 2nd floor, 4 nights, 2 adults, 3 children, code 48151623",
    "the years 2019 2020 2021 2022 were good",
    "run 7f3b5c1e-4111-4b1a-9111-111111111111 failed",
    "I called on 12.11.2026 and on 2026/11/13",
    "Albany NY 12224-0341\n Phone: none",
)


@dataclass(frozen=True, slots=True)
class Row:
    """A text, and where in it what stands."""

    text: str
    spans: tuple[tuple[PersonalData, int, int], ...]


def read(marked: str) -> Row:
    text, spans, at = "", [], 0
    for found in _MARKED.finditer(marked):
        text += marked[at : found.start()]
        spans.append((PersonalData(found[1]), len(text), len(text) + len(found[2])))
        text += found[2]
        at = found.end()
    return Row(text + marked[at:], tuple(spans))


ROWS = tuple(read(text) for text in (*MARKED, *LOOK_ALIKES))
