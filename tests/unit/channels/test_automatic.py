"""Which subjects are a machine's. What is taken for one is answered by nobody, so a customer's must not be."""

import pytest

from agent.channels.helpdesks.automatic import automatic_subject


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Late parcel",
        "Automatic reply: Out of the office",
        "Auto-Reply: Late parcel",
        "Autoreply",
        "[EXT] Out of Office: Late parcel",
        "Out of the office",
        "Out of office auto-reply",
        "Undeliverable: Late parcel",
        "Undelivered Mail Returned to Sender",
        "Mail delivery failed: returning message to sender",
        "Delivery Status Notification (Failure)",
        "Returned mail: see transcript for details",
        "DELIVERY FAILURE: User sam (sam@example.com) not listed",
        "Abwesenheitsnotiz: Paket",
        "Abwesenheit: Paket",
        "Automatische Antwort: Paket",
        "Unzustellbar: Paket",
        "Respuesta automática: Paquete",
        "Réponse automatique : Colis",
        "Resposta automática: Encomenda",
        "自动回复：包裹",
        "رد تلقائي: طرد",
    ],
)
def test_a_machines_subject_is_told(subject: str) -> None:
    assert automatic_subject(subject)


@pytest.mark.parametrize(
    "subject",
    [
        None,
        "",
        "Undelivered parcel",
        "Undeliverable parcel, what now?",
        "Unzustellbares Paket",
        "Out of office hours: is anybody there?",
        "Can I check in out of office hours?",
        "Delivery failure of my order",
        "Returned mail order item",
        "Abwesenheit am Anreisetag",
        "Automatic reply button in your app is broken",
        "Absence du bureau d'accueil le soir",
    ],
)
def test_a_customers_subject_is_not(subject: str | None) -> None:
    assert not automatic_subject(subject)
