"""Figures in words, for the terminal and the page alike. Pure."""

from agent.evaluation.answers import Figures


def percent(share: float | None) -> str:
    """A share (0 to 1) as `12.3%`; a dash for none."""
    return "–" if share is None else f"{100 * share:.1f}%"


def seconds(value: float | None) -> str:
    """Seconds with two decimals; a dash for none."""
    return "–" if value is None else f"{value:.2f} s"


def is_judged(found: Figures) -> bool:
    """True if something was expected of a case."""
    return bool(found.right or found.wrong)


def confidence_words(found: Figures) -> str:
    """How well the confidence tells right from wrong answers."""
    named = {"AUROC": found.auroc, "calibration error": found.calibration_error}
    known = [f"{name} {value:.3f}" for name, value in named.items() if value is not None]
    return "confidence: " + (", ".join(known) or "no judged answer to measure it on")


def compared(before: Figures, now: Figures) -> list[tuple[str, str, str]]:
    """Rows of label, earlier figure and current one; only what both runs can have."""
    rows = []
    if is_judged(before) or is_judged(now):
        rows += [
            ("right", str(before.right), str(now.right)),
            ("wrong", str(before.wrong), str(now.wrong)),
            ("wrong and sent at once", str(before.sent_wrong), str(now.sent_wrong)),
            ("coverage of the answerable", percent(before.coverage), percent(now.coverage)),
            ("right among those answered", percent(before.precision), percent(now.precision)),
            ("expected article cited", str(before.right_article), str(now.right_article)),
            ("every fact in the answer", str(before.all_facts), str(now.all_facts)),
            ("decisions, macro-F1", _plain(before.decisions.macro_f1), _plain(now.decisions.macro_f1)),
            ("AUROC of the confidence", _plain(before.auroc), _plain(now.auroc)),
            ("calibration error", _plain(before.calibration_error), _plain(now.calibration_error)),
        ]
    if before.p95_s and now.p95_s:
        rows += [("p50 of a turn", seconds(before.p50_s), seconds(now.p50_s)), ("p95", seconds(before.p95_s), seconds(now.p95_s))]
    return rows


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
