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
        ("upside down", RegistrationQuality(0.41, 0.84, turned_correlation=0.80)),
        ("back to front", RegistrationQuality(0.37, 0.81, turned_correlation=0.58)),
        ("large ventricles back to front", RegistrationQuality(0.26, 0.81, turned_correlation=0.36)),
        ("a template upside down", RegistrationQuality(0.51, 0.82, turned_correlation=0.99)),
        ("another person's scan", RegistrationQuality(0.76, 0.93, 0.75, 0.20)),
    ],
)
def test_what_is_no_match_is_refused(what, quality):
    assert not quality.is_usable, what


@pytest.mark.parametrize(
    ("what", "fair"),
    [
        ("a brain larger than the template's grid", RegistrationQuality(0.57, 0.81, turned_correlation=0.38)),
        ("large ventricles", RegistrationQuality(0.50, 0.87, turned_correlation=0.34)),
    ],
)
def test_a_fair_registration_is_used_but_not_called_good(what, fair):
    assert fair.is_usable, what
    assert not fair.is_good, what


def test_what_is_hardly_like_the_template_any_way_up_is_refused():
    assert not RegistrationQuality(0.30, 0.84, turned_correlation=0.10).is_usable


def test_the_figures_can_be_read():
    assert str(RegistrationQuality(0.64, 0.85)).startswith("correlation with the template 0.64")
