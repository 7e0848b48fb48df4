"""The files of an evaluation: tables, the main figures as JSON, pictures, and a page to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from MRExtrapLib.evaluation.doses import dose_rows, span_rows
from MRExtrapLib.evaluation.evaluation import Evaluation
from MRExtrapLib.evaluation.figures import draw_evaluation
from MRExtrapLib.evaluation.findings import findings
from MRExtrapLib.evaluation.intervals import coverage_rows, spread_rows
from MRExtrapLib.evaluation.page import write_page
from MRExtrapLib.evaluation.scoring import DRAWS, SEED, score
from MRExtrapLib.evaluation.tables import (
    answer_rows,
    bow_rows,
    identity_rows,
    linearity_rows,
    sameness_rows,
    score_cells,
    score_rows,
    similarity_rows,
    split_rows,
    sulcal_rows,
    write_csv,
)
from MRExtrapLib.forecast.provenance import Json, result_record, write_record


def write_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Everything that an evaluation tells, into an existing folder; earlier files of it are replaced."""
    write_csv(folder / "answers.csv", answer_rows(evaluation.answers))
    scores = score_rows(evaluation)
    write_csv(folder / "scores.csv", scores)
    write_csv(folder / "coverage.csv", coverage_rows(scores))
    write_csv(folder / "spread.csv", spread_rows(evaluation))
    write_csv(folder / "inputs.csv", dose_rows(evaluation))
    write_csv(folder / "span.csv", span_rows(evaluation))
    write_csv(folder / "split.csv", split_rows(evaluation))
    write_csv(folder / "similarity.csv", similarity_rows(evaluation))
    write_csv(folder / "linearity.csv", linearity_rows(evaluation))
    write_csv(folder / "linearity_people.csv", bow_rows(evaluation.bows))
    write_csv(folder / "identity.csv", identity_rows(evaluation))
    write_csv(folder / "sulci.csv", sulcal_rows(evaluation))
    write_csv(folder / "sameness.csv", sameness_rows(evaluation))
    write_csv(folder / "left_out.csv", [asdict(one) for one in evaluation.failures])
    figures = draw_evaluation(evaluation, folder)
    write_page(evaluation, figures, folder / "report.html")
    write_record(evaluation_record(evaluation), folder / "evaluation.json")


def evaluation_record(evaluation: Evaluation) -> Mapping[str, Json]:
    """What evaluation.json holds: where it comes from, and the score of every method with all scans known."""
    scores: dict[str, dict[str, Json]] = {}
    for (method, region), found in evaluation.fullest.items():
        scores.setdefault(str(region), {})[str(method)] = score_cells(score(found))
    return result_record("evaluation", evaluation.identity) | {
        "cohort": evaluation.cohort,
        "design": asdict(evaluation.design),
        "people": [one.participant for one in evaluation.people],
        "scans": sum(len(one.ages_years) for one in evaluation.people),
        "is_judged_by_truth": evaluation.has_truth,
        "left_out": [asdict(one) for one in evaluation.failures],
        "warnings": list(evaluation.warnings),
        "volumes_are": evaluation.volumes_words,
        "findings": findings(evaluation),
        "scores": scores,
        "identity": identity_rows(evaluation),
        "sulci": sulcal_rows(evaluation),
        "sameness": sameness_rows(evaluation),
        "linearity": linearity_rows(evaluation),
        "bootstrap": {
            "draws": DRAWS,
            "seed": SEED,
            "over": "subjects; people simulated of one scan are drawn together",
            "level": 0.95,
        },
    }
