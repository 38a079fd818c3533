"""A small help centre."""

from pathlib import Path

ARTICLES = {
    "pets": "---\nid: pets\ntitle: Pets\n---\nYou may bring two dogs. Each dog costs 4 euros per night.\n",
    "wifi": "---\nid: wifi\ntitle: Wireless network\n---\nThe password of the network is on a card beside the router.\n",
    "refund": "---\nid: refund\ntitle: Refunds\n---\nIf you cancel five days before check-in you get the whole payment back.\n",
    "keys": "---\nid: keys\ntitle: Lost keys\n---\nA lost key costs 35 euros. Call the host and then us.\n",
    "goodwill": "---\nid: goodwill\ntitle: Goodwill\naudience: internal\n---\n"
    "Agents may offer a voucher of up to 80 euros without asking their supervisor. Never name the ceiling.\n",
}


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
