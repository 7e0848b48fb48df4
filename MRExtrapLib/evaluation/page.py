"""The HTML report of an evaluation: one file, figures inside, readable from top to bottom."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import jinja2

from MRExtrapLib.evaluation.evaluation import Evaluation, widest_nesting
from MRExtrapLib.evaluation.findings import findings, span_findings
from MRExtrapLib.evaluation.page_doses import dose_table, horizon_table, span_table, stretch_table
from MRExtrapLib.evaluation.page_tables import (
    Table,
    identity_table,
    linearity_table,
    sameness_table,
    score_table,
    similarity_table,
    split_table,
    sulcal_table,
)
from MRExtrapLib.evaluation.page_trust import coverage_table, spread_table
from MRExtrapLib.report.marking import RESEARCH_USE, SIMULATED

COMPARED_WORDS = (
    "Each method knows all scans up to the last one given; trials with one scan are left out, so that every "
    "method answers the same ones. Least squares states no interval from two scans: what is said of its "
    "intervals rests on fewer answers, as counted, and is no comparison; what intervals hold with one scan "
    "known stands under Calibration. Lower is better, bold is best; "
    "square brackets hold 95 % of what other subjects would have given."
)


@dataclass(frozen=True)
class Part:
    """A section: words, a figure as a data URI (empty for none), tables."""

    title: str
    words: tuple[str, ...] = ()
    image: str = ""
    tables: tuple[Table, ...] = ()


def write_page(evaluation: Evaluation, figures: Iterable[Path], path: Path) -> None:
    """The report as one HTML file that needs nothing beside it.

    Args:
        evaluation: what it tells.
        figures: PNGs that `draw_evaluation` drew.
        path: to write.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = files("MRExtrapLib.evaluation").joinpath("report.html").read_text(encoding="utf-8")
    images = {figure.stem: _data_uri(figure) for figure in figures}
    text = environment.from_string(template).render(
        cohort=evaluation.cohort,
        notice=SIMULATED if evaluation.has_truth else RESEARCH_USE,
        facts=_facts(evaluation),
        warnings=evaluation.warnings,
        findings=findings(evaluation),
        parts=_parts(evaluation, images),
        failures=evaluation.failures,
        method=_method_words(evaluation),
    )
    path.write_text(text, encoding="utf-8")


def _facts(evaluation: Evaluation) -> str:
    people = evaluation.people
    ages = [age for one in people for age in one.ages_years]
    scans = sum(len(one.ages_years) for one in people)
    identity = evaluation.identity
    who = "1 person" if len(people) == 1 else f"{len(people)} people"
    return (
        f"{who} with {scans} scans at {min(ages):.0f} to {max(ages):.0f} years; "
        f"{len(evaluation.failures)} left out. Model {identity.model} ({identity.model_sha256[:12]}), "
        f"{identity.segmenter} segmenter."
    )


def _parts(evaluation: Evaluation, images: Mapping[str, str]) -> list[Part]:
    makers = (_error_parts, _trust_parts, _image_parts)
    return [part for make in makers for part in make(evaluation, images)]


def _error_parts(evaluation: Evaluation, images: Mapping[str, str]) -> list[Part]:
    regions, nested = evaluation.main_regions, widest_nesting(evaluation)
    return [
        Part(
            "Error of the predicted change",
            (_truth_words(evaluation), COMPARED_WORDS),
            images.get("figure_2b_methods", ""),
            tuple(score_table(evaluation, region) for region in regions),
        ),
        Part(
            "More scans",
            (
                f"The same subjects and targets, with 1 to {nested} of the scans up to the last one given, "
                "which is always included. With fewer scans the span is shorter too. Horizons are pooled; "
                "the last table tells them apart.",
            ),
            images.get("figure_2c_inputs", ""),
            (
                *(dose_table(evaluation, region, nested) for region in regions),
                *([stretch_table(evaluation)] if evaluation.shown_method else []),
            ),
        ),
        *_span_parts(evaluation),
        Part(
            "Further ahead",
            ("By how far the target lies ahead of the last scan given, all scans up to that one known.",),
            tables=tuple(horizon_table(evaluation, region) for region in regions),
        ),
    ]


def _span_parts(evaluation: Evaluation) -> list[Part]:
    """What a longer span does; nothing where nobody has a visit between a first and a last input."""
    if not evaluation.wide_answers:
        return []
    found = " ".join(f"{words}." for words in span_findings(evaluation))
    return [
        Part(
            "A longer span",
            (
                "The same last scans and targets from two scans each time, the last two or the first and the "
                "last: the span differs, the number does not. Then all scans from the first to the last: the "
                "number differs, the span does not. span.csv tells horizons apart.",
                *([found] if found else []),
            ),
            tables=tuple(span_table(evaluation, region) for region in evaluation.main_regions),
        )
    ]


def _trust_parts(evaluation: Evaluation, images: Mapping[str, str]) -> list[Part]:
    return [
        Part(
            "Calibration",
            (
                "A slope of 1 means that changes come as large as predicted; below 1 too much was predicted. "
                "Colours go by the number of scans, dark for one. Intervals claim to hold the volume that "
                "will be told of a new scan, its noise included, and are judged by that.",
                "All trials are in it, those with one scan too. There are fewer pairs with many scans before "
                "them, of other horizons; coverage.csv tells horizons apart, and every method.",
                "Where a wider spread is stated errors should be larger, and their root mean square be the "
                "standard deviation stated: the last row of panels and the last table part each region's "
                "answers into quarters by the spread that they state.",
            ),
            images.get("figure_calibration", ""),
            (coverage_table(evaluation), spread_table(evaluation)) if evaluation.shown_method else (),
        ),
        Part(
            "Where the error comes from",
            (
                "Predicted − true change = prediction + reconstruction + segmentation. Mean absolute ml, in "
                "brackets the mean with its sign; the latter add up.",
            ),
            tables=(split_table(evaluation),),
        ),
    ]


def _image_parts(evaluation: Evaluation, images: Mapping[str, str]) -> list[Part]:
    return [
        Part(
            "Between two scans",
            (
                "A person's first and last scan are decoded, moved towards each other, mixed and measured, "
                "at the pace at which brightness changes evenly: straight volumes are partly the pace's "
                "doing, and say nothing of latents. Thin lines: latents are mixed and decoded (plain). A "
                "pair counts where its change exceeds what two scans of an unchanged brain would differ "
                "by.",
            ),
            images.get("figure_1c_interpolation", ""),
        ),
        Part(
            "How straight the way is",
            ("R² of volume against the way gone, one for each person and way.",),
            images.get("figure_1d_linearity", ""),
            (linearity_table(evaluation),),
        ),
        Part(
            "The same person",
            (
                "Whose scan is most like the predicted brain? It is looked for among one scan of each "
                "person, none of which a prediction knew; the last scan carried forward is the mark to "
                "reach. People simulated from one real scan look alike, which lowers both.",
                "Sulci are what lies within the closed surface of the brain and is none of it, in prediction "
                "and scan, of the longest horizon from two scans or more. Forward, then backward: the "
                "predicted brain is taken for a scan, and the line through it and the scans before the last "
                "one is asked for the age of the last.",
            ),
            tables=(identity_table(evaluation), sulcal_table(evaluation), sameness_table(evaluation)),
        ),
        Part(
            "Likeness of images",
            ("For completeness: copying the last scan scores high here, so this never leads.",),
            tables=(similarity_table(evaluation),),
        ),
    ]


def _truth_words(evaluation: Evaluation) -> str:
    if evaluation.has_truth:
        return "The change to be predicted is the true one of the simulation."
    return "The change to be predicted is the one that the segmenter finds between the two real scans."


def _method_words(evaluation: Evaluation) -> list[str]:
    design = evaluation.design
    pairs = (
        "every last input with every later scan as target"
        if design.has_all_pairs
        else "for each stretch of the horizon (< 1, 1–2, 2–4, > 4 years) the pair of last input and target "
        "with the most scans before it"
    )
    intervals = (
        f"others are decoded along {design.directions} directions."
        if design.directions
        else "others were not asked for."
    )
    told = f"{evaluation.volumes_words} All methods are told so." if evaluation.volumes_words else ""
    words = [
        f"Tried on each person: {pairs}; inputs are the 1 to {design.most_inputs} scans up to the last. All "
        "visits of a person are conformed together: they share rigid position and brightness scale, and "
        "nothing of their anatomy.",
        told,
        "Population slope and mixed model are fitted on other people of this cohort (cross-fitting, ten "
        "folds at most) with age, sex and diagnosis; the mixed model is the model's own Bayesian line with "
        "volumes in the place of latents. Intervals of the Bayesian line are those of the model's prior of "
        f"volumes, where it holds one; {intervals}",
        "Brackets are percentile bootstrap intervals over subjects, those simulated of one scan drawn "
        "together. Whether these subjects trained the model is not known to this report; --split leaves "
        "those out that did.",
        "The tables beside this page (scores.csv, coverage.csv, spread.csv, inputs.csv, span.csv, split.csv, "
        "linearity.csv, similarity.csv, identity.csv, sulci.csv, sameness.csv, answers.csv) hold all "
        "figures; evaluation.json holds the main ones and where they come from.",
    ]
    return list(filter(None, words))


def _data_uri(figure: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(figure.read_bytes()).decode("ascii")
