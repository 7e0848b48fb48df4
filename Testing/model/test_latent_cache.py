"""Laws of kept latents: what is found is what was made, and nothing on disk can make it otherwise."""

from __future__ import annotations

import os
import stat
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from fakes import LinearCodec, fake_voxels

from MRExtrapLib.forecast.keeping import KeepingCodec
from MRExtrapLib.imaging.volume import Voxels
from MRExtrapLib.model.latent_cache import ABANDONED_S, LatentCache, latent_key
from MRExtrapLib.progression.line import Latent

MODEL = "0" * 64
LATENT = np.random.default_rng(0).normal(size=(4, 3, 5, 2)).astype(np.float32)


@dataclass(frozen=True)
class CountingCodec(LinearCodec):
    """Remembers what it encodes."""

    encoded: list[Voxels] = field(default_factory=list)

    def encode(self, voxels: Voxels) -> Latent:
        self.encoded.append(voxels)
        return super().encode(voxels)


@pytest.fixture
def cache(tmp_path: Path) -> LatentCache:
    return LatentCache(tmp_path / "latents")


def keeping(
    cache: LatentCache, model: str = MODEL, precision: str = "cpu, float32"
) -> tuple[CountingCodec, KeepingCodec]:
    codec = CountingCodec()
    return codec, KeepingCodec(codec, cache, model, precision)


def test_a_kept_latent_equals_a_fresh_one_and_is_not_made_again(cache: LatentCache) -> None:
    counting, codec = keeping(cache)
    fresh, kept = codec.encode(fake_voxels(0)), codec.encode(fake_voxels(0))
    np.testing.assert_array_equal(kept, fresh)
    assert kept.dtype == np.float32
    assert len(counting.encoded) == 1
    elsewhere, again = keeping(LatentCache(cache.folder))
    np.testing.assert_array_equal(again.encode(fake_voxels(0)), fresh)
    assert elsewhere.encoded == []


def test_another_scan_model_or_precision_is_another_latent(cache: LatentCache) -> None:
    keeping(cache)[1].encode(fake_voxels(0))
    almost = fake_voxels(0)
    almost[0, 0, 0] = np.nextafter(almost[0, 0, 0], np.float32(np.inf))
    for voxels, model, precision in (
        (almost, MODEL, "cpu, float32"),
        (fake_voxels(0).transpose(0, 2, 1), MODEL, "cpu, float32"),
        (fake_voxels(0), "1" * 64, "cpu, float32"),
        (fake_voxels(0), MODEL, "cpu, bfloat16"),
    ):
        counting, codec = keeping(cache, model, precision)
        codec.encode(voxels)
        assert len(counting.encoded) == 1


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "replaced", "garbage"])
def test_a_damaged_latent_is_made_again_and_rewritten(cache: LatentCache, damage: str) -> None:
    counting, codec = keeping(cache)
    fresh = codec.encode(fake_voxels(0))
    (path,) = cache.folder.iterdir()
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-1] ^= 1
    np.save(path.with_suffix(".npy"), LATENT)
    npy = path.with_suffix(".npy").read_bytes()
    contents = {
        "cut": whole[:-7],
        "flipped": flipped,
        "emptied": b"",
        "replaced": npy,
        "garbage": b"\0" * 999,
    }
    path.write_bytes(bytes(contents[damage]))
    np.testing.assert_array_equal(codec.encode(fake_voxels(0)), fresh)
    assert len(counting.encoded) == 2
    assert path.read_bytes() == whole


def test_the_cache_stays_within_its_bounds_and_drops_what_was_unused_longest(tmp_path: Path) -> None:
    one = LatentCache(tmp_path / "probe")
    one.keep("probe", LATENT)
    cache = LatentCache(tmp_path / "latents", most_bytes=3 * one.size_bytes)
    for age, key in enumerate("abc"):
        cache.keep(key, LATENT)
        used = time.time() - 1000 + age
        os.utime(cache.folder / f"{key}.latent", (used, used))
    assert cache.find("a") is not None
    cache.keep("d", LATENT)
    assert {path.stem for path in cache.folder.iterdir()} == {"a", "c", "d"}
    assert cache.size_bytes <= cache.most_bytes
    assert cache.count == 3


def test_a_latent_larger_than_the_cache_is_not_kept(tmp_path: Path) -> None:
    cache = LatentCache(tmp_path / "latents", most_bytes=10)
    cache.keep("a", LATENT)
    assert cache.count == 0


def test_what_a_killed_writer_left_is_swept_away(cache: LatentCache) -> None:
    cache.keep("a", LATENT)
    young, old = (cache.folder / f".{name}-b.latent" for name in ("0000", "1111"))
    for path in (young, old):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * ABANDONED_S,) * 2)
    cache.keep("c", LATENT)
    assert young.exists()
    assert not old.exists()
    assert cache.count == 2


def test_where_nothing_can_be_written_nothing_is_kept_and_work_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    counting, codec = keeping(LatentCache(tmp_path / "file" / "latents"))
    for _ in range(2):
        codec.encode(fake_voxels(0))
    assert len(counting.encoded) == 2
    assert codec.cache.count == codec.cache.size_bytes == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_latents_are_for_their_owner_alone(cache: LatentCache) -> None:
    cache.keep("a", LATENT)
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700


def test_a_key_is_the_same_in_every_process() -> None:
    assert latent_key(np.zeros((2, 3, 4), np.float32), MODEL, "cpu, float32").startswith("40b0d52e307b6dfd")
