"""What a registration's figures say, at values measured on real scans."""

from __future__ import annotations

import pytest

from MRExtrapLib.imaging.quality import RegistrationQuality


@pytest.mark.parametrize(
    ("what", "quality"),
    [
        ("a head of 20 years", RegistrationQuality(0.76, 0.87)),
        ("a head of 82 years", RegistrationQuality(0.74, 0.93)),
        ("a large stripped brain", RegistrationQuality(0.69, 0.88)),
        ("a noisy second visit", RegistrationQuality(0.71, 0.90, 0.96, 0.06)),
    ],
)
def test_a_real_scan_is_good(what, quality):
    assert quality.is_good, what


@pytest.mark.parametrize(
    ("what", "quality"),
    [
        ("upside down", RegistrationQuality(0.36, 0.84)),
        ("back to front", RegistrationQuality(0.45, 0.88)),
        ("a template upside down", RegistrationQuality(0.51, 0.82)),
        ("another person's scan", RegistrationQuality(0.76, 0.93, 0.75, 0.20)),
    ],
)
def test_what_is_no_match_is_refused(what, quality):
    assert not quality.is_usable, what


@pytest.mark.parametrize(
    ("what", "fair"),
    [
        ("a brain that the template hardly knows", RegistrationQuality(0.58, 0.91)),
        ("large ventricles", RegistrationQuality(0.50, 0.96, 0.80, 0.14)),
        ("ventricles that grew", RegistrationQuality(0.56, 0.93, 0.89, 0.07)),
    ],
)
def test_a_fair_registration_is_used_but_not_called_good(what, fair):
    assert fair.is_usable, what
    assert not fair.is_good, what


def test_the_figures_can_be_read():
    assert str(RegistrationQuality(0.64, 0.85)).startswith("correlation with the template 0.64")
