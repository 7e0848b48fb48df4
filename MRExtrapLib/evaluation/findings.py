"""What an evaluation found, in sentences that come from its figures and from nothing else."""

from __future__ import annotations

from MRExtrapLib.evaluation.answers import Answers, grouped
from MRExtrapLib.evaluation.doses import FIRST_AND_LAST, LAST_TWO, by_known
from MRExtrapLib.evaluation.evaluation import Evaluation
from MRExtrapLib.evaluation.scoring import coverage_of, difference, score
from MRExtrapLib.evaluation.tables import RIVALS
from MRExtrapLib.progression.student import LEVELS

TOLD_APART = 0.05
"""A difference counts where its interval is clear of zero and chance gives as large a one less often."""


def findings(evaluation: Evaluation) -> list[str]:
    """A sentence for each main region: the model's error, who is beaten and who is not, and its intervals."""
    shown = evaluation.shown_method
    if shown is None:
        return ["The model answered nothing: without a prior it needs people with three scans."]
    fullest = evaluation.fullest
    found = []
    for region in evaluation.main_regions:
        ours = score(fullest[shown, region])
        words = f"{region.replace('_', ' ').capitalize()}: {shown} misses the change by "
        words += f"{ours.error_ml.value:.3g} ml ({ours.error_percent.value:.2g} % of the region) on average; "
        verdicts = [
            _verdict(fullest[shown, region], fullest[rival, region], rival)
            for rival in RIVALS
            if (rival, region) in fullest
        ]
        words += "; ".join(verdicts)
        found.append(f"{words}{_coverage_words(evaluation, region)}.")
    return found


def span_findings(evaluation: Evaluation) -> list[str]:
    """For each main region, by how much less the model misses from a longer span; none where not asked."""
    shown, known, found = evaluation.shown_method, by_known(evaluation), []
    for region in evaluation.main_regions:
        near, far = (
            Answers(tuple(one for one in known[name] if (one.method, one.region) == (shown, region)))
            for name in (LAST_TWO, FIRST_AND_LAST)
        )
        if near.rows and far.rows:
            spans = [f"two scans {one.column('span_years').mean():.1f} years apart" for one in (far, near)]
            words = f"{region.replace('_', ' ').capitalize()}, {shown} from {spans[0]}: "
            found.append(words + _verdict(far, near, spans[1]))
    return found


def _coverage_words(evaluation: Evaluation, region: str) -> str:
    """What the model's widest intervals hold with each number of scans known; nothing without intervals."""
    shown, level = evaluation.shown_method, LEVELS[-1]
    answers = [one for one in evaluation.answers if (one.method, one.region) == (shown, region)]
    by_count = sorted(grouped(answers, "inputs").items())
    held = {inputs: coverage_of(of_count) for (inputs,), of_count in by_count}
    shares = [f"{found[level].value:.0%} from {inputs}" for inputs, found in held.items() if found]
    words = ". Its {:g} % intervals hold these shares of scans by the number known: {}"
    return words.format(100 * level, ", ".join(shares)) if shares else ""


def _verdict(ours: Answers, theirs: Answers, rival: str) -> str:
    gap, p = difference(ours, theirs)
    amount = f"{abs(gap.value):.2g} ml {'less' if gap.value < 0 else 'more'}"
    is_told = gap.is_bounded and not gap.low <= 0 <= gap.high and p < TOLD_APART
    if not is_told:
        return f"not told apart from {rival} ({amount})"
    return f"{amount} than {rival} (p = {p:.2g})"
