"""Descriptors of a sample of photos → the pose bank: circle, number of poses, poses and ring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mirage.config import BackboneConfig, PosesConfig
from mirage.core.contracts import FloatArray, IntArray
from mirage.core.errors import MirageError
from mirage.features import kmeans
from mirage.poses.anchors import check_anchors, place_anchors
from mirage.poses.bank import PoseBank, join_circle
from mirage.poses.circle.clock import Clock, fit_clock
from mirage.poses.circle.discovery import Circle, discover_circle
from mirage.poses.circle.reader import ARC, CircleReader, CurveReader, fit_reader
from mirage.poses.circle.search import Photos
from mirage.poses.circle.second_look import look_again
from mirage.poses.clusters import fit_mirrored_poses, fit_poses, pair_mirrored, softness_of
from mirage.poses.description.described import Sampled
from mirage.poses.description.descriptor import LayoutEncoder
from mirage.poses.ring import ring_from_distances, ring_from_plane
from mirage.poses.stability import CountChoice, choose_count

# Of the circle joined to the descriptor, whose own length is about 1: large enough that poses are
# arcs of the circle and not kinds of object, small enough that unsure views still tell.
_CIRCLE_RADIUS = 6.0
_FULL_CIRCLE = 0.5  # a curve that closes less than this is an arc
_REFITS = 3  # of the curve, to halves of the photos, that must agree on poses
_LOOKS = 2  # at photos that may be on the wrong half of the circle
_SPREADS = 6.0  # median deviations beyond the median distance that make a photo an outlier


def fit_bank(
    sample: Sampled, backbone: BackboneConfig, encoder: LayoutEncoder, config: PosesConfig
) -> PoseBank:
    """Fit circle, poses and ring to n photos.

    Raises:
        MirageError: there are fewer photos than poses, or `poses.anchors` cannot be.
    """
    erased = sample.erased()
    circle = discover_circle(erased.photos, erased.mirrored, config.seed, config.discoveries)
    sample, encoder, circle = _with_colour(sample, encoder, circle)
    sampled, mirrored = sample.photos, sample.mirrored
    span, clock = (0.0, 360.0), None
    if circle is not None and circle.closure.score < _FULL_CIRCLE:
        opened = circle.reader.opened(*circle.closure.span)
        circle, span = replace(circle, reader=opened), (0.0, ARC)
    elif circle is not None:
        timed, clock = _timed(circle.reader, sample, config.seed)
        circle = replace(circle, reader=timed)
    is_full = circle is not None and span == (0.0, 360.0)
    points = _points(sampled, mirrored if is_full else None, circle)
    there = _points(mirrored, sampled if is_full else None, circle)
    choice = _choose(points, sampled, mirrored, circle, config)
    count = choice.chosen
    how = {"restarts": config.restarts, "seed": config.seed, "max_points": config.sample}
    if is_full:
        centroids, mirror = fit_mirrored_poses(points, there, count, **how)
    else:
        centroids = fit_poses(points, count, **how)
        mirror = pair_mirrored(points, there, centroids)
    if circle is None:
        gaps = np.linalg.norm(centroids[:, None] - centroids[None, :], axis=2)
        ring = ring_from_distances(gaps)
        outlier_score = kmeans.assign(sampled, centroids)[1]
    else:
        ring = ring_from_plane(centroids[:, -2:], circle.score, span)
        outlier_score = circle.reader.outlier_score(sampled)
    bank = PoseBank(
        backbone=backbone,
        encoder=encoder,
        circle=None if circle is None else circle.reader,
        centroids=centroids,
        circle_weight=_CIRCLE_RADIUS,
        softness=softness_of(points, centroids),
        topk=min(config.topk, count),
        ring=ring,
        mirror=mirror,
        parents=_parents(points, centroids, config),
        outlier_limit=_outlier_limit(outlier_score),
        choice=choice,
        timing_error=None if clock is None else clock.uncertainty,
        object_sides=sample.object_sides,
    )
    if not config.anchors:
        return bank
    anchored = _anchored(bank, sample, config.anchored)
    if clock is None:
        return anchored
    known = clock.given(list(config.anchored.values()))
    return replace(anchored, timing_error=known.uncertainty)


def _with_colour(
    sample: Sampled, encoder: LayoutEncoder, circle: Circle | None
) -> tuple[Sampled, LayoutEncoder, Circle | None]:
    """What goes on once circles were sought in photos without their colours.

    Where one was found, its curves read descriptors as they are. Else colour stays erased: poses
    would be colours.
    """
    if sample.eraser is None:
        return sample, encoder, circle
    if circle is None:
        basis = (encoder.basis @ sample.eraser).astype(np.float32)
        return sample.erased(), replace(encoder, basis=basis), None
    return sample, encoder, replace(circle, reader=circle.reader.after(sample.eraser))


def _anchored(bank: PoseBank, sample: Sampled, anchors: Mapping[int, float]) -> PoseBank:
    """The bank with poses at the azimuths that a person gave them.

    Poses keep their numbers and photos their poses: only azimuths change.

    Raises:
        MirageError: the anchors contradict one another, or are more than an arc can have.
    """
    check_anchors(anchors, bank.num_poses)
    if not bank.is_round:
        if len(anchors) > 1:
            raise MirageError(
                "these photos do not go all round, so that only one pose can be given an azimuth",
                where="configuration key poses.anchors",
                todo="leave all but one out",
            )
        ((pose, azimuth),) = anchors.items()
        return bank.turned(azimuth - float(bank.ring.azimuth[pose]))
    offset, direction, timing = place_anchors(bank.ring.azimuth, anchors)
    bank = bank.reoriented(offset, direction)
    if timing is None:
        return bank
    bank = bank.retimed(timing)
    assert bank.circle is not None
    read = bank.circle.azimuths(sample.photos, sample.mirrored)
    points = join_circle(sample.photos, read, bank.circle_weight)
    return replace(bank, softness=softness_of(points, bank.centroids))


def _timed(reader: CircleReader, sample: Sampled, seed: int) -> tuple[CircleReader, Clock]:
    """The circle in degrees, and how well they are known.

    The curve is fitted once more where it is timed, and timed again: a series of few harmonics is
    smooth in true degrees, and where the circle was stretched it had too few for its narrow part.
    """
    photos, mirrored = sample.photos, sample.mirrored
    reader = reader.retimed(fit_clock(reader.azimuths(photos, mirrored), sample.outline).timing)
    erased = sample.erased()
    search = Photos(erased.photos, erased.mirrored, seed)
    azimuth = search.refit(reader.azimuths(photos, mirrored)).azimuth
    main = _fit_reader(sample, azimuth, seed)
    reading = main.azimuths(photos)

    def as_main(other: CurveReader) -> CurveReader:
        return _fit_reader(sample, other.timed_as(reading, photos).azimuths(photos), seed)

    members = tuple(map(as_main, reader.members[1:]))
    reader = CircleReader((main, *members), tuple(map(as_main, reader.dissenters)))
    clock = fit_clock(reader.azimuths(photos, mirrored), sample.outline)
    return reader.retimed(clock.timing), clock


def _fit_reader(sample: Sampled, azimuth: FloatArray, seed: int) -> CurveReader:
    """The curve through photos at about [n] degrees, with the noise of their copies.

    Photos that it leaves on the wrong half are looked at again, and it is fitted anew.
    """

    def fit(azimuth: FloatArray) -> CurveReader:
        copies = None if sample.copies is None else sample.copies.at(azimuth)
        return fit_reader(sample.photos, sample.mirrored, azimuth, copies)

    reader = fit(azimuth)
    for look in range(_LOOKS):
        read = CircleReader((reader,)).azimuths(sample.photos, sample.mirrored)
        photos, mirrored = reader.whitened(sample.photos), reader.whitened(sample.mirrored)
        reader = fit(look_again(photos, mirrored, read, seed + look))
    return reader


def _outlier_limit(scores: FloatArray) -> float:
    """What the score of a photo must exceed to be an outlier among photos with scores [n]."""
    middle = float(np.median(scores))
    return middle + _SPREADS * float(np.median(np.abs(scores - middle)))


def _points(
    descriptors: FloatArray, mirrored: FloatArray | None, circle: Circle | None
) -> FloatArray:
    """[n, E] what poses are clusters of; mirror images are read, too, where they are given."""
    azimuth = None if circle is None else circle.reader.azimuths(descriptors, mirrored)
    return join_circle(descriptors, azimuth, _CIRCLE_RADIUS)


def _choose(
    points: FloatArray,
    sampled: FloatArray,
    mirrored: FloatArray,
    circle: Circle | None,
    config: PosesConfig,
) -> CountChoice:
    if config.count != "auto":
        count = config.counts[-1]
        return CountChoice(count, f"{count} poses, as asked for", ())
    if circle is None:
        return choose_count([points] * _REFITS, config.seed, config.sample)
    azimuth = circle.reader.azimuths(sampled)
    readings = []
    for index in range(_REFITS):
        random = np.random.default_rng([config.seed, index])
        half = np.sort(random.permutation(len(sampled))[: max(len(sampled) // 2, 1)])
        curve = fit_reader(sampled[half], mirrored[half], azimuth[half])
        readings.append(join_circle(sampled, curve.azimuths(sampled), _CIRCLE_RADIUS))
    return choose_count(readings, config.seed, config.sample)


def _parents(points: FloatArray, centroids: FloatArray, config: PosesConfig) -> IntArray | None:
    """[K] the coarse pose of each pose, where two levels were asked for.

    A coarse pose is a union of poses: the coarse cluster that most of a pose's photos are in.
    """
    if len(config.counts) < 2:
        return None
    coarse = kmeans.fit(
        points,
        config.counts[0],
        seed=config.seed,
        restarts=config.restarts,
        max_points=config.sample,
    ).centroids
    fine, _ = kmeans.assign(points, centroids)
    shared = np.zeros((len(centroids), len(coarse)))
    np.add.at(shared, (fine, kmeans.assign(points, coarse)[0]), 1.0)
    return shared.argmax(axis=1)
