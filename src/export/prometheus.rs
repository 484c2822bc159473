//! The budget's metrics as Prometheus text.
//!
//! # What it promises
//!
//! - [`render`] gives the text format 0.0.4 (`Content-Type: text/plain; version=0.0.4; charset=utf-8`), the one
//!   that every Prometheus and `promtool check metrics` reads:
//!   <https://prometheus.io/docs/instrumenting/exposition_formats/>.
//! - Names begin with `plimsoll_budget_` and end with their base unit, those of counters with `_total`:
//!   <https://prometheus.io/docs/practices/naming/>.
//! - Lane names may be anything: they are escaped, and no two series are alike.
//!
//! # Limits
//!
//! [`SHOWN_LANES`] lanes have series of their own, with names cut at [`SHOWN_NAME`] bytes; how many were left
//! out is in `plimsoll_budget_unlisted_lanes`. With the 18 reasons and a few more labels that makes at most
//! about 6,000 lines.
//!
//! # Why not OpenMetrics
//!
//! The official client writes OpenMetrics, where the type of a counter is declared for its name without
//! `_total`. The older parser takes that for two metrics, one of them without type and help, and `promtool
//! check metrics` fails. Families are therefore declared here under the names of their samples, and samples of
//! counters are written as those of gauges are: a name, labels, a number.

use crate::budget::metrics::{
    BudgetSnapshot, EndedBy, Histogram, LaneHistograms, LoadSnapshot, MEASURED_LANES,
};
use crate::budget::refusal::Refusal;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

#[cfg(test)]
mod tests;

/// How many lanes have series of their own.
pub const SHOWN_LANES: usize = MEASURED_LANES;

/// How many bytes of a lane's name are shown.
pub const SHOWN_NAME: usize = 120;

/// The text of a snapshot.
///
/// # Errors
///
/// Those of formatting, which writing into memory does not cause.
pub fn render(snapshot: BudgetSnapshot) -> Result<String, fmt::Error> {
    let labels = lane_labels(snapshot.lanes.iter().map(|lane| lane.name.as_str()));
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Budget { snapshot, labels }));
    let mut written = String::new();
    // Without the end mark of OpenMetrics.
    text::encode_registry(&mut written, &registry)?;
    Ok(written)
}

#[derive(Debug)]
struct Budget {
    snapshot: BudgetSnapshot,
    /// Of the lanes that are shown.
    labels: Vec<String>,
}

impl Collector for Budget {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut families = Families(encoder);
        self.load(&mut families)?;
        self.memory(&mut families)?;
        self.events(&mut families)?;
        self.times(&mut families)
    }
}

impl Budget {
    fn load(&self, families: &mut Families) -> fmt::Result {
        let snapshot = &self.snapshot;
        let (load, high) = (snapshot.load, snapshot.metrics.high_water);
        families.gauge("active_calls", "Calls that run.", load.active)?;
        if let Some(limit) = load.limit {
            families.gauge("call_limit", "The most calls that may run at once.", limit)?;
        }
        families.gauge("waiting_calls", "Calls that wait to be let in.", load.waiting)?;
        families.gauge(
            "peak_active_calls",
            "The most calls that ran at once since the metrics were last cleared.",
            high.active,
        )?;
        families.gauge(
            "peak_waiting_calls",
            "The most calls that waited at once since the metrics were last cleared.",
            high.waiting,
        )?;
        let lanes = |value: fn(&LoadSnapshot) -> Option<u32>| {
            self.lanes(move |at| value(&snapshot.lanes[at].load))
        };
        families.gauges(
            "lane_active_calls",
            "Calls that run in the lane.",
            lanes(|load| Some(load.active)),
        )?;
        families.gauges(
            "lane_call_limit",
            "The most calls that may run in the lane at once.",
            lanes(|load| load.limit),
        )?;
        families.gauges(
            "lane_waiting_calls",
            "Calls that wait to be let into the lane.",
            lanes(|load| Some(load.waiting)),
        )?;
        families.gauges(
            "lane_breaker_state",
            "The circuit breaker of the lane: 0 closed, 1 open, 2 half-open.",
            self.lanes(|at| snapshot.lanes[at].breaker.map(|state| state as u32)),
        )?;
        families.gauge(
            "unlisted_lanes",
            "Lanes without series of their own.",
            (snapshot.lanes.len() - self.labels.len()) as u64,
        )
    }

    fn memory(&self, families: &mut Families) -> fmt::Result {
        let memory = self.snapshot.memory;
        if let Some((bytes, age)) = memory.rss {
            families.gauge("resident_memory_bytes", "Resident memory when last read.", bytes)?;
            families.gauge(
                "resident_memory_age_seconds",
                "The time since resident memory was last read.",
                age.as_secs_f64(),
            )?;
        }
        families.gauge(
            "peak_resident_memory_bytes",
            "The most resident memory read since the metrics were last cleared.",
            self.snapshot.metrics.high_water.rss,
        )?;
        if let Some(bytes) = memory.limit {
            families.gauge(
                "memory_limit_bytes",
                "The resident memory above which no call is let in.",
                bytes,
            )?;
        }
        families.gauge(
            "reserved_memory_bytes",
            "What running calls are expected to need beyond what they use.",
            memory.reserved,
        )
    }

    fn events(&self, families: &mut Families) -> fmt::Result {
        let counters = &self.snapshot.metrics.counters;
        families.counters(
            "calls_total",
            "Calls that ended.",
            "outcome",
            [("success", counters.succeeded), ("failure", counters.failed)],
        )?;
        families.counters(
            "releases_total",
            "Slots that came back, by how they did.",
            "by",
            EndedBy::ALL.map(|by| (by.name(), counters.releases(by))),
        )?;
        families.counters(
            "refusals_total",
            "Calls that were not let in, by reason.",
            "reason",
            Refusal::ALL.map(|reason| (reason.name(), counters.refusals(reason))),
        )?;
        let processes = counters.processes;
        families.counters(
            "child_processes_total",
            "Processes of calls that were ended, by what became of them.",
            "result",
            [
                ("signalled", processes.signalled),
                ("already_gone", processes.already_gone),
                ("refused", processes.refused),
                ("cut", processes.cut),
            ],
        )?;
        for (name, help, count) in [
            ("timeout_warnings_total", "Calls warned that their time is over.", counters.warnings),
            ("deadline_ends_total", "Calls ended by their deadline.", counters.ends),
            ("abandoned_calls_total", "Ended calls whose work goes on.", counters.abandoned),
            (
                "unmeasured_calls_total",
                "Calls of lanes without histograms of their own.",
                counters.unmeasured_calls,
            ),
            (
                "overwritten_records_total",
                "Records of calls that made room for later ones.",
                counters.overwritten_records,
            ),
        ] {
            families.single(name, help, MetricType::Counter, count)?;
        }
        Ok(())
    }

    fn times(&self, families: &mut Families) -> fmt::Result {
        let measured = &self.snapshot.metrics.lanes;
        let lanes = |histogram: fn(&LaneHistograms) -> &Histogram| {
            self.lanes(move |at| measured.get(at).map(histogram))
        };
        families.histograms(
            "call_duration_seconds",
            "How long calls ran.",
            lanes(|lane| &lane.duration),
        )?;
        families.histograms(
            "call_wait_seconds",
            "How long calls waited to be let in.",
            lanes(|lane| &lane.waited),
        )
    }

    /// The shown lanes that have a value, with their labels.
    fn lanes<T>(&self, value: impl Fn(usize) -> Option<T>) -> impl Iterator<Item = (&str, T)> {
        let labels = self.labels.iter().enumerate();
        labels.filter_map(move |(at, label)| Some((label.as_str(), value(at)?)))
    }
}

/// Writes families one after the other.
struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: impl EncodeGaugeValue) -> fmt::Result {
        self.single(name, help, MetricType::Gauge, value)
    }

    fn single(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        value: impl EncodeGaugeValue,
    ) -> fmt::Result {
        self.0.encode_descriptor(&full(name), help, None, kind)?.encode_gauge(&value)
    }

    fn gauges<'l>(
        &mut self,
        name: &str,
        help: &str,
        lanes: impl Iterator<Item = (&'l str, u32)>,
    ) -> fmt::Result {
        let samples = lanes.map(|(lane, value)| ([("lane", lane)], value));
        self.labelled(name, help, MetricType::Gauge, samples)
    }

    fn counters<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        counts: [(&str, u64); N],
    ) -> fmt::Result {
        let samples = counts.into_iter().map(|(value, count)| ([(label, value)], count));
        self.labelled(name, help, MetricType::Counter, samples)
    }

    fn labelled<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        samples: impl Iterator<Item = (L, impl EncodeGaugeValue)>,
    ) -> fmt::Result {
        let name = full(name);
        let mut family = self.0.encode_descriptor(&name, help, None, kind)?;
        for (labels, value) in samples {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn histograms<'l>(
        &mut self,
        name: &str,
        help: &str,
        lanes: impl Iterator<Item = (&'l str, &'l Histogram)>,
    ) -> fmt::Result {
        let name = full(name);
        let mut family = self.0.encode_descriptor(&name, help, None, MetricType::Histogram)?;
        for (lane, histogram) in lanes {
            family.encode_family(&[("lane", lane)])?.encode_histogram::<NoLabelSet>(
                histogram.sum_seconds(),
                histogram.count(),
                &histogram.buckets(),
                None,
            )?;
        }
        Ok(())
    }
}

fn full(name: &str) -> String {
    format!("plimsoll_budget_{name}")
}

/// The labels of the lanes that are shown: long names are cut, and where two would then be alike the later
/// one gets its index, for a scrape with two series of the same labels is refused as a whole.
fn lane_labels<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut used = HashSet::new();
    let mut labels = Vec::new();
    for (index, name) in names.take(SHOWN_LANES).enumerate() {
        let ends = name.char_indices().map(|(at, character)| at + character.len_utf8());
        let cut = ends.take_while(|&end| end <= SHOWN_NAME).last().unwrap_or(0);
        let mut label: Cow<str> = Cow::Borrowed(name);
        if cut < name.len() {
            label = Cow::Owned(format!("{}…", &name[..cut]));
        }
        while !used.insert(label.to_string()) {
            label = Cow::Owned(format!("{label}#{index}"));
        }
        labels.push(label.into_owned());
    }
    labels
}
