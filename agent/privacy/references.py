"""Words that say what a number is: a reference of ours or of a carrier's, and not a person's. Pure."""

import re

_WORDS = (
    r"order|booking|reservation|tracking|shipment|parcel|package|consignment|invoice|ticket|case|claim|reference|ref|receipt|voucher|"
    r"transaction|article|item|product|serial|model|sku|ean|isbn|imei|version|release|build|bestell\w*|buchungs?\w*|sendungs?\w*|paket\w*|"
    r"rechnungs?\w*|vorgangs?\w*|artikel\w*|kundennummer|commande|réservation|colis|facture|pedido|reserva|factura|ordine|prenotazione|fattura|"
    r"bestelling|boeking|factuur|zamówieni\w*|faktur\w*|pesanan|pemesanan|resi|faktura"
)
REFERENCE_BEFORE = re.compile(rf"\b(?:{_WORDS})(?![^\W\d_])[^\d\n.!?]{{0,22}}$|[A-Za-z]{{2,4}}-$", re.IGNORECASE)
"""Ends with such a word, and at most a few more ("order number is "); or with the letters of a code ("MS-")."""
