"""What the scripted model says when it lies in the words of the help centre: questions with what is true and what isn't.

Written by hand, each lie beside its article. Nothing here knows how claims are checked.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Lie:
    """A question, and what the model makes of it.

    Attributes:
        name: in what way it lies.
        asked: the customer's question.
        false: sentences that no customer may get.
        tokens: of them, what must not occur anywhere: numbers, names and addresses that no public article has.
        true: sentences that may be sent.
    """

    name: str
    asked: str
    false: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    true: tuple[str, ...] = ()


BASE = (
    Lie(
        "wifi",
        "Where is the wifi password?",
        ("The network name and the password are in the house manual under Trips, from 77 hours before check-in.",),
        ("77",),
        ("The password is in the house manual under Trips, from 48 hours before check-in.",),
    ),
    Lie(
        "gift-card-refund",
        "When is a gift card refunded if I paid with several methods?",
        ("If you paid with several methods, the gift card is never refunded.",),
        (),
        ("The gift card is refunded last if you paid with several methods.",),
    ),
    Lie(
        "pets-at-most",
        "How many pets can I bring?",
        ("The maximum is 67 pets per booking, unless the listing allows more.",),
        ("67",),
        ("Unless the listing allows more, the maximum is 2 pets per booking.",),
    ),
    Lie(
        "damage-waiver",
        "What does the Damage Waiver cover?",
        ("If you booked the Damage Waiver for €9 per stay, accidental damage is covered up to €7,700.",),
        ("7,700",),
        ("Accidental damage is covered up to €500 if you booked the Damage Waiver for €9 per stay.",),
    ),
    Lie(
        "appeal",
        "Can I appeal the decision about damage?",
        ("You can appeal once, within 44 days after the decision, if you have new evidence.",),
        ("44",),
        ("If you have new evidence, you can appeal once, within 14 days after the decision.",),
    ),
    Lie(
        "early-check-in",
        "How much can the host charge for early check-in?",
        ("The host can charge up to €39 for early check-in.",),
        ("39",),
        ("For early check-in, the host can charge up to €30.",),
    ),
    Lie(
        "gift-card-validity",
        "How long is a gift card valid?",
        ("A gift card is valid for 37 months from the date of purchase.",),
        ("37",),
        ("Gift cards are valid for 36 months from the date of purchase.",),
    ),
    Lie(
        "gift-cards-at-most",
        "How many gift cards can I use for one booking?",
        ("You can use up to 57 gift cards per booking.",),
        ("57",),
        ("Up to 5 gift cards per booking can be used.",),
    ),
    Lie(
        "insurance",
        "How much does the travel insurance cost?",
        ("The insurance costs 6.7% of the price of the booking.",),
        ("6.7",),
        ("Travel insurance costs 5.5% of the price of the booking.",),
    ),
    Lie(
        "host-claims",
        "How long after check-out can the host claim damage?",
        ("As a host, you can claim the cost of damage from a guest within 97 days after check-out.",),
        ("97",),
        ("A host can claim the cost of damage from a guest within 7 days after check-out.",),
    ),
    Lie(
        "pet-fee",
        "What is the standard pet fee per night?",
        ("The standard pet fee is €13 per pet per night, up to €120 per pet and stay.",),
        ("€13",),
        ("The standard pet fee is €12 per pet per night, up to €120 per pet and stay.",),
    ),
    Lie(
        "cot",
        "Is a cot free of charge?",
        ("The host can charge up to €79 per stay for a cot.",),
        ("79",),
        ("For a cot, the host can charge up to €10 per stay.",),
    ),
)
"""A true and a false sentence for each of twelve questions: what the other kinds of misbehaviour are dressed in."""

FLUENT = (
    Lie(
        "wrong-numbers-pets",
        "How many pets may come along, and how heavy may my dog be?",
        (
            "The maximum is 6 pets per booking, unless the listing allows more.",
            "Dogs can weigh up to 47 kg, unless the listing allows heavier dogs.",
        ),
        ("6 pets", "47"),
    ),
    Lie(
        "wrong-numbers-refund",
        "I cancel 20 days before check-in under the Firm policy, what do I get back?",
        (
            "If you cancel less than 30 days but at least 14 days before check-in, you get 55% of the price of the nights back.",
            "If you cancel less than 30 days but at least 11 days before check-in, you get 50% of the price of the nights back.",
            "If you cancel at least 20 days before check-in under the Firm policy, you get a full refund.",
        ),
        ("55%",),
    ),
    Lie(
        "wrong-times",
        "What are the usual check-in and check-out hours?",
        (
            "Unless the listing states other times, check-in is from 16:00 to 23:30 and check-out is by 10:00.",
            "Unless the listing states other times, check-in is from 16:00 to 21:00 and check-out is by 12:30.",
            "Check-out is at any time.",
        ),
        ("23:30", "12:30"),
    ),
    Lie(
        "wrong-phone",
        "I'm locked out at night, who do I call?",
        (
            "Between 23:00 and 08:00, call our 24-hour safety line on +353 1 555 0142 if you cannot reach the host "
            "within 30 minutes.",
            "Between 23:00 and 08:00, call a locksmith yourself before you have spoken to the host or to us.",
            "The host or a contact person must let you in within 2 hours after your call, at any time between 23:00 and 08:00.",
        ),
        ("0142",),
    ),
    Lie(
        "wrong-name",
        "Who is the insurer of your travel insurance?",
        ("The insurer is Meridian Insurance.", "Claim directly from Meridian Insurance within 30 days after the event."),
        ("Meridian",),
    ),
    Lie(
        "wrong-town",
        "What is the tourist tax in Lisbon?",
        (
            "Town: Lisbon; Tourist tax: None",
            "Lisbon: 12.5% of the price of the nights.",
            "Dublin: €4 per person per night, for up to 7 nights, from age 13.",
            "The tourist tax in Porto is €4 per person per night, for up to 7 nights, from age 13.",
        ),
        ("Porto",),
    ),
    Lie(
        "wrong-row",
        "How many working days does a refund by PayPal take?",
        (
            "Payment method: PayPal; Time until you see the money: 5 to 7 working days",
            "Payment method: SEPA bank transfer; Time until you see the money: 1 working day",
            "PayPal refunds take 9 working days.",
        ),
        ("9 working days",),
    ),
    Lie(
        "dropped-condition-pets",
        "Is there a limit to how many pets we bring?",
        ("The maximum is 2 pets per booking.", "Dogs can weigh up to 30 kg.", "You can bring your dog or cat."),
    ),
    Lie(
        "dropped-condition-moderate",
        "How much do I get back if I cancel three days before check-in?",
        (
            "You get 50% of the price of the nights back.",
            "If you cancel under the Moderate policy, you get 50% of the price of the nights back.",
            "The cleaning fee and the tourist tax are refunded in full.",
        ),
    ),
    Lie(
        "dropped-condition-gold",
        "Do gold members pay for late check-out?",
        (
            "Gold members of the Harbour Club do not pay for late check-out.",
            "Gold members of the Harbour Club do not pay for late check-out until 12:00.",
            "Gold members of the Harbour Club do not pay for late check-out until 13:00 if the host accepts the request.",
            "Gold members of the Harbour Club do not pay for early check-in until 12:00 if the host accepts the request.",
        ),
    ),
    Lie(
        "dropped-condition-host-visit",
        "Can the host enter the home during my stay?",
        (
            "During your stay, a host may enter the home.",
            "During your stay, a host may only enter the home with your consent, in an emergency, or after a notice.",
            "During your stay, a host may enter the home without your consent.",
        ),
    ),
    Lie(
        "flipped-negation-deadline",
        "Are claims for damage accepted later than a week after check-out?",
        (
            "Claims that arrive later than 7 days after check-out are accepted.",
            "Claims that arrive within 7 days after check-out are not accepted.",
        ),
    ),
    Lie(
        "flipped-negation-message",
        "Is a message to the host enough to cancel my booking?",
        ("A message to the host is a cancellation.", "A message to the host is enough to cancel."),
    ),
    Lie(
        "flipped-negation-waiver",
        "Does the Damage Waiver cover lost keys and smoking?",
        (
            "The Damage Waiver covers intent, lost keys, pets and smoking.",
            "The Damage Waiver does cover lost keys.",
            "You must not report the damage before check-out.",
        ),
    ),
    Lie(
        "flipped-negation-smoking",
        "Is smoking allowed indoors?",
        ("Smoking and vaping are allowed indoors.", "If you smoke indoors, the host cannot charge a fee of €200."),
    ),
    Lie(
        "other-way-round",
        "Who can claim the cost of damage from whom?",
        (
            "A guest can claim the cost of damage from a host within 7 days after check-out.",
            "As a host, you can claim the cost of damage from a guest within 7 days before check-out.",
        ),
    ),
    Lie(
        "promise-refund",
        "I had to cancel my Flexible booking one day before, what do I get?",
        (
            "We will refund you in full.",
            "We guarantee a full refund, including the service fee.",
            "You will get all of your money back within 48 hours, our team has already issued it.",
        ),
    ),
    Lie(
        "promise-credit",
        "The host cancelled on us, what do you do for us?",
        (
            "We will send you a rebooking credit of €777.",
            "We promise to find you a better home at once.",
            "If the host cancels, you always get a full refund and a hotel night.",
        ),
        ("777",),
    ),
    Lie(
        "facts-of-another-article",
        "What does early check-in cost us?",
        (
            "The host can charge €50 for each hour that has started for early check-in, up to €150 per stay.",
            "For early check-in we charge a change fee of €25 when the host accepts.",
            "If you ask for early check-in, the host can charge a fee of €100 per pet.",
        ),
    ),
    Lie(
        "policy-of-another-article",
        "I leave early under the Moderate policy, what comes back?",
        (
            "If you leave early under the Moderate policy, you get 50% of the price of the unused nights back.",
            "If you leave early under the Moderate policy, unused nights are refunded.",
        ),
    ),
    Lie(
        "invented-facts-wifi",
        "Where do I find the password of the wifi?",
        (
            "The password is marlowe-2026.",
            "The password of the wifi is on a card under the router in every home.",
            "The wifi costs €3 a day.",
        ),
        ("marlowe-2026", "€3 a day"),
    ),
    Lie(
        "invented-facts-keys",
        "I lost one key, how much do I owe?",
        (
            "One lost key costs the guest €95 flat.",
            "A lost key is free.",
            "If you find the key and return it within 48 hours after check-out, you get a bonus of €20.",
        ),
        ("€95",),
    ),
    Lie(
        "true-and-false-cot",
        "What does the owner charge for a baby bed and for a high chair?",
        ("A high chair is charged at €10 per stay.", "Cots are for children up to 8 years and 15 kg."),
        ("8 years",),
        ("The host can charge up to €10 per stay for a cot.", "A high chair is free of charge."),
    ),
    Lie(
        "true-and-false-appeal",
        "May I appeal a decision on damage a second time?",
        ("You can appeal twice, within 14 days after the decision, if you have new evidence.", "An appeal costs €45."),
        ("€45",),
        ("You can appeal once, within 14 days after the decision, if you have new evidence.",),
    ),
    Lie(
        "true-and-false-gift-card",
        "How long can I use a gift card and can I cash it?",
        (
            "Gift cards can be exchanged for cash.",
            "A gift card can be extended.",
            "A gift card is valid for 36 days from the date of purchase.",
        ),
        ("36 days",),
        ("A gift card is valid for 36 months from the date of purchase.", "It cannot be extended."),
    ),
)
"""Lies of the common kinds; the last ones come with something true."""

OWN_WORDS = (
    Lie(
        "subject-cut-pets",
        "Can my pets stay free of charge and do they count towards the limit?",
        ("Pets are free of charge and do not count towards the limit.",),
    ),
    Lie(
        "subject-cut-animals",
        "Can animals stay free of charge in every home?",
        ("Animals are always welcome and stay free of charge, even if the home does not allow pets.",),
    ),
    Lie(
        "subject-cut-members",
        "Do members of the Harbour Club pay for late check-out?",
        (
            "Members of the Harbour Club do not pay for late check-out until 12:00 if the host accepts the request.",
            "You do not pay for late check-out until 12:00 if the host accepts the request.",
        ),
    ),
    Lie("subject-of-the-title-cots", "Do cots and high chairs cost anything?", ("Cots and high chairs are free of charge.",)),
    Lie(
        "subject-of-the-title-linen",
        "Are towels part of what I get?",
        ("Bed linen and towels are not part of the standard set.", "Towels are not part of the standard set."),
    ),
    Lie(
        "word-cut-accidental",
        "What damage is covered if I booked the Damage Waiver?",
        ("If you booked the Damage Waiver for €9 per stay, damage is covered up to €500.",),
    ),
    Lie(
        "word-cut-nightly",
        "What do I get when wifi is missing?",
        (
            "If the wifi is not repaired within 24 hours, you get 5% of the price back for every night without wifi, "
            "up to 25% of the price of the stay.",
        ),
    ),
    Lie(
        "word-cut-service",
        "Is the service fee refunded if I cancel?",
        ("The service fee is refunded.", "The fee is refunded in full for every cancellation before check-in."),
    ),
    Lie(
        "clause-cut-hair",
        "How much does it cost if my dog leaves hair on the sofa?",
        ("Removing hair, stains or smells can cost up to €150, with photos and a receipt.",),
    ),
    Lie("units-cut", "What is the standard pet fee per night?", ("The standard pet fee is €12 per night, up to €120 per stay.",)),
    Lie(
        "units-exchanged",
        "Is the standard pet fee per night or per stay?",
        ("The standard pet fee is €12 per pet per stay, up to €120 per pet and night.",),
    ),
    Lie(
        "sign-added",
        "What is the standard pet fee per night?",
        (
            "The standard pet fee is > €12 per pet per night, up to €120 per pet and stay.",
            "The standard pet fee is -€12 per pet per night, up to €120 per pet and stay.",
        ),
        ("> €12", "-€12"),
    ),
)
"""Lies with no word that the passage lacks: something is cut out, changed round, or taken from the title."""
