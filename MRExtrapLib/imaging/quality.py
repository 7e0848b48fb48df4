"""How far a registration may be believed."""

from __future__ import annotations

from dataclasses import dataclass

WORST_CORRELATION = 0.35
GOOD_CORRELATION = 0.5
WORST_OVERLAP = 0.75
GOOD_OVERLAP = 0.85
WORST_VISIT_CORRELATION = 0.6
GOOD_VISIT_CORRELATION = 0.8
GOOD_RESIDUAL_MM = 0.5


@dataclass(frozen=True)
class RegistrationQuality:
    """Figures of one scan's registration.

    Attributes:
        template_correlation: with the template, inside either brain; 1 is identical.
        template_overlap: Dice of the two brains.
        visit_correlation: with the mean of the person's other scans; 1 when there is no other.
        residual_mm: how far the last round of the within-person registration still moved the brain.
    """

    template_correlation: float
    template_overlap: float
    visit_correlation: float = 1.0
    residual_mm: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether the scan lies on the template, and on the other visits, beyond doubt."""
        return (
            self.is_usable
            and self.template_correlation >= GOOD_CORRELATION
            and self.template_overlap >= GOOD_OVERLAP
            and self.visit_correlation >= GOOD_VISIT_CORRELATION
            and self.residual_mm <= GOOD_RESIDUAL_MM
        )

    @property
    def is_usable(self) -> bool:
        """Whether the scan is a brain, the right way up, and of the same person as the others."""
        return (
            self.template_correlation >= WORST_CORRELATION
            and self.template_overlap >= WORST_OVERLAP
            and self.visit_correlation >= WORST_VISIT_CORRELATION
        )

    def __str__(self) -> str:
        return (
            f"correlation with the template {self.template_correlation:.2f}, overlap "
            f"{self.template_overlap:.2f}, correlation with the other scans {self.visit_correlation:.2f}, "
            f"residual {self.residual_mm:.2f} mm"
        )
