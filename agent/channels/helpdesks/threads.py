"""Which mails are one conversation. The mailbox is the truth: nothing of it is remembered elsewhere. Blocking.

A conversation is named by its first mail from the customer. A further mail belongs to it only if it refers to it and comes
from the same address, or from us, or from the people who take over: who only knows a Message-ID can't enter it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.channels.helpdesks.mailbox import Folders
from agent.channels.helpdesks.mails import House, Mail, in_order
from agent.channels.helpdesks.types import Wrote

MAX_MAILS = 200
MAX_ROUNDS = 6
MAX_DEPTH = 10
_REFERRING = ("References", "In-Reply-To")


@dataclass(frozen=True, slots=True)
class Thread:
    """One conversation.

    Attributes:
        customer: address.
        mails: oldest first, each with who wrote it.
    """

    root: Mail
    customer: str
    mails: tuple[tuple[Mail, Wrote], ...]


class Threads:
    """Finds conversations in the inbox and among what was sent."""

    def __init__(self, folders: Folders, house: House, inbox: str, sent: str) -> None:
        self._folders = folders
        self._house = house
        self._inbox = inbox
        self._sent = sent

    def root(self, mail: Mail, depth: int = 0) -> Mail:
        """The first mail of the conversation that this customer's mail belongs to; itself, if it begins one."""
        if mail.failed_authentication or not mail.references or depth == MAX_DEPTH:
            return mail
        named = self._named(mail.references)
        earlier = self._first(mail, mail.references, named)
        if earlier is None:
            # It may name nothing but our answer, or a person's, which names what it answered.
            ids = [one for answer in named.values() if answer.sender in self._house.all for one in answer.references]
            earlier = self._first(mail, ids, self._named(ids))
        return mail if earlier is None else self.root(earlier, depth + 1)

    def first(self, ref: str) -> Mail | None:
        """The mail with this `ref`: a customer's in the inbox, or one by which we have opened a conversation."""
        found = self._folders.named(self._inbox, ref)
        return found if found or "@" not in ref else self._folders.named(self._sent, ref)

    def read(self, ref: str) -> Thread | None:
        """The conversation whose first mail has this `ref`; None if that isn't there any more."""
        root = self.first(ref)
        if root is None:
            return None
        customer = self._house.customer(root)
        known = {root.ref: root}
        new = [root]
        for _ in range(MAX_ROUNDS):
            new = [one for one in self._around(new, known) if self._house.wrote(one, customer) is not None]
            known |= {one.ref: one for one in new}
            if not new or len(known) > MAX_MAILS:
                break
        mails = in_order(known)[-MAX_MAILS:]
        written = [(one, self._house.wrote(one, customer)) for one in mails]
        # The first mail is there whatever was found out about its sender: it is answered as a stranger's.
        return Thread(root, customer, tuple((one, wrote or Wrote.CUSTOMER) for one, wrote in written))

    def _around(self, mails: list[Mail], known: dict[str, Mail]) -> list[Mail]:
        """Mails that refer to these, and those that these refer to."""
        ids = [one.ref for one in mails if one.can_be_searched]
        before = [one for mail in mails for one in mail.references if one not in known]
        found: dict[str, Mail] = {}
        for folder in (self._inbox, self._sent):
            there = {one.place.uid for one in known.values() if one.place.folder == folder}
            uids = self._folders.with_header(folder, _REFERRING, ids)
            uids += self._folders.with_header(folder, ["Message-ID"], before)
            for mail in self._folders.fetch(folder, sorted({*uids} - there)):
                if mail.ref not in known:
                    found.setdefault(mail.ref, mail)
        return list(found.values())

    def _named(self, ids: Sequence[str]) -> dict[str, Mail]:
        """The mails with these Message-IDs, in either folder, without their words."""
        found: dict[str, Mail] = {}
        for folder in (self._inbox, self._sent):
            uids = self._folders.with_header(folder, ["Message-ID"], ids)
            for mail in self._folders.fetch(folder, uids, headers_only=True):
                found.setdefault(mail.ref, mail)
        return found

    def _first(self, mail: Mail, ids: Sequence[str], named: dict[str, Mail]) -> Mail | None:
        """The first of these that is the same customer's, or by which we have opened a conversation with him."""
        customer = self._house.customer(mail)
        there = [named[one] for one in ids if one in named and one != mail.ref]
        return next((one for one in there if self._house.customer(one) == customer and not one.failed_authentication), None)
