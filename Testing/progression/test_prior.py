"""What a prior accepts, and that it survives being written down."""

from __future__ import annotations

import numpy as np
import pytest
from progression_priors import ELEMENTS, a_prior_of

from MRExtrapLib.errors import InputError, ModelError
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.prior import Prior, prior_from


@pytest.fixture
def a_prior() -> Prior:
    return a_prior_of()


def test_a_prior_survives_its_tensors(a_prior: Prior) -> None:
    again = prior_from(a_prior.tensors())
    for name, tensor in a_prior.tensors().items():
        np.testing.assert_array_equal(again.tensors()[name], tensor)
    assert again.latent_shape == a_prior.latent_shape


def test_arrays_are_kept_in_single_precision(a_prior: Prior) -> None:
    assert a_prior.factors.dtype == np.float32
    assert a_prior.mean_rate.dtype == np.float32


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("factors", np.zeros((56, ELEMENTS)), "factors has shape"),
        ("factors", np.zeros((1, ELEMENTS + 1)), "factors has shape"),
        ("mean_rate", np.zeros((4, ELEMENTS)), "mean_rate has shape"),
        ("mean_rate", np.full((5, ELEMENTS), np.inf), "not finite"),
        ("residual_variance", np.full(ELEMENTS, -1.0), "not positive"),
        ("noise_variance", np.zeros(ELEMENTS), "not positive"),
        ("age_centre_years", np.nan, "makes no sense"),
        ("curvature_per_year", -0.1, "makes no sense"),
    ],
)
def test_a_prior_that_cannot_be_is_refused(name: str, value: object, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        a_prior_of(**{name: value})


@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_tensors_of_another_version_are_refused(a_prior: Prior, change: str) -> None:
    tensors = a_prior.tensors()
    if change == "missing":
        del tensors["factors"]
    else:
        tensors["colour"] = np.zeros(3)
    with pytest.raises(ModelError, match=change):
        prior_from(tensors)


def test_what_is_not_known_of_a_person_is_taken_as_typical(a_prior: Prior) -> None:
    row = a_prior.row(Covariates(75.0))
    np.testing.assert_allclose(row, [1.0, 3.0, 0.1, 0.3, 0.2], rtol=1e-6)
    np.testing.assert_array_equal(a_prior.row(Covariates(72.0, "F", "CN"))[2:], [-0.5, 0.0, 0.0])


def test_a_diagnosis_that_the_cohort_lacked_is_told() -> None:
    healthy = a_prior_of(typical_covariates=np.array([1.0, 0, 0, 0, 0]))
    assert "nobody with AD" in healthy.unfamiliar(Covariates(70.0, None, "AD"))[0]
    assert healthy.unfamiliar(Covariates(70.0, None, "CN")) == ()
    assert a_prior_of().unfamiliar(Covariates(70.0, None, "AD")) == ()


def test_a_diagnosis_that_is_not_given_is_told_of(a_prior: Prior) -> None:
    (words,) = a_prior.unfamiliar(Covariates(70.0))
    assert "50% cognitively normal, 30% MCI and 20% AD" in words
    indifferent = np.array(a_prior.mean_rate)
    indifferent[3:] = 0.0
    assert a_prior_of(mean_rate=indifferent).unfamiliar(Covariates(70.0)) == ()


def test_what_is_not_known_widens_the_prior_by_as_much_as_such_people_differ(a_prior: Prior) -> None:
    doubting = a_prior.doubting(Covariates(70.0))
    shares, effects = np.array([0.5, 0.3, 0.2]), np.vstack([np.zeros(ELEMENTS), a_prior.mean_rate[3:]])
    among = shares @ np.square(effects) - np.square(shares @ effects)
    among += (0.25 - 0.1**2) * np.square(a_prior.mean_rate[2])
    widened = np.sum(np.square(doubting.factors[len(a_prior.factors) :]), axis=0)
    np.testing.assert_allclose(widened, among, rtol=1e-5)
    assert a_prior.doubting(Covariates(70.0, "F", "CN")) is a_prior


@pytest.mark.parametrize("facts", [{"sex": "X"}, {"diagnosis": "flu"}])
def test_covariates_without_a_column_are_refused(facts: dict[str, str]) -> None:
    with pytest.raises(InputError):
        Covariates(70.0, **facts)
