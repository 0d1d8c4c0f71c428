"""Figures as Prometheus reads them, in its text format or OpenMetrics, whichever it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import (
    Metric as Family,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from service.watch.catalogue import CATALOGUE, Form, Metric
from service.watch.words import Figures, Labels, Spread, Value


def exposed(figures: Figures, accept: str = "") -> tuple[bytes, str]:
    """Return `figures` in the format that the HTTP header `accept` prefers, and its content type.

    The registry is made for this answer alone: nothing is global, and what was not measured is
    left out instead of being 0. Raises `KeyError` for a name that is not in the catalogue.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Measured(figures))
    try:
        encode, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is none, by which it asks for nothing known
        encode, content_type = choose_encoder("")
    return encode(registry), content_type


class _Measured(Collector):
    """Yields the figures of one look as families, in the catalogue's order."""

    def __init__(self, figures: Figures) -> None:
        """Show `figures`."""
        unknown = figures.keys() - {metric.name for metric in CATALOGUE}
        if unknown:
            raise KeyError(f"no metric is called {min(unknown)}")
        self._figures = figures

    def collect(self) -> Iterator[Family]:
        """Yield a family for each metric that was measured."""
        for metric in CATALOGUE:
            found = self._figures.get(metric.name)
            if found:
                yield _family(metric, found)


def _family(metric: Metric, found: dict[Labels, Value]) -> Family:
    made: Family
    if metric.form is Form.HISTOGRAM:
        made = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    elif metric.form is Form.COUNTER:
        made = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    else:
        made = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in sorted(found.items()):
        _add(made, labels, value)
    return made


def _add(family: Family, labels: Labels, value: Value) -> None:
    if isinstance(family, HistogramMetricFamily):
        assert isinstance(value, Spread)  # noqa: S101  the catalogue says so
        bounds = [*map(floatToGoString, value.bounds), "+Inf"]
        buckets = list(zip(bounds, accumulate(value.counts), strict=True))
        family.add_metric(labels, buckets=buckets, sum_value=value.total)
    elif isinstance(family, CounterMetricFamily | GaugeMetricFamily):
        assert not isinstance(value, Spread)  # noqa: S101  the catalogue says so
        family.add_metric(labels, value)
