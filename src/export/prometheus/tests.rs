use super::*;
use crate::budget::metrics::{
    BreakerGauge, CallRecord, LaneSnapshot, MemorySnapshot, Metrics, UPPER_BOUNDS,
};
use std::collections::BTreeMap;
use std::time::Duration;

const HOSTILE: [&str; 9] = [
    "tool_call",
    "__proto__",
    "two\nlines",
    "\"quoted\"",
    "back\\slash\\n",
    "} 1\n# EOF\n",
    "\r\u{0}\u{7f}\u{2028}",
    "日本語 \u{1F6A2}",
    "",
];

fn call(lane: u32, ms: u64) -> CallRecord {
    CallRecord {
        call: 1,
        task: "t".into(),
        lane,
        duration: Duration::from_millis(ms),
        success: ms < 1000,
        error_type: None,
        rss_start: 0,
        rss_end: 0,
        rss_peak: 4096,
        rss_age: Duration::ZERO,
        heap_start: 0,
        heap_end: 0,
        concurrent_start: 3,
        concurrent_end: 1,
        timeout_reached: false,
        ended_by: EndedBy::Release,
        waited: Duration::from_micros(1),
        wall_ms: 0,
    }
}

fn lane(name: &str) -> LaneSnapshot {
    LaneSnapshot {
        name: name.to_owned(),
        load: LoadSnapshot { active: 2, limit: Some(8), waiting: 1 },
        breaker: Some(BreakerGauge::HalfOpen),
    }
}

fn full_snapshot() -> BudgetSnapshot {
    let mut metrics = Metrics::new();
    for at in 0..HOSTILE.len() as u32 {
        metrics.record(call(at, 20));
        metrics.record(call(at, 500_000));
    }
    metrics.count_refusal(Refusal::Memory);
    metrics.observe_waiting(7);
    BudgetSnapshot {
        load: LoadSnapshot { active: 5, limit: Some(32), waiting: 4 },
        lanes: HOSTILE.iter().map(|name| lane(name)).collect(),
        memory: MemorySnapshot {
            rss: Some((123_456_789, Duration::from_millis(12))),
            limit: Some(512 << 20),
            reserved: 1 << 20,
        },
        metrics: metrics.snapshot(),
    }
}

/// A reader of the text format, written from its specification and sharing nothing with the writer: the
/// types by name, and the values by name and labels. Panics on anything the format does not allow.
fn parse(text: &str) -> (BTreeMap<String, String>, BTreeMap<String, f64>) {
    let (mut types, mut samples) = (BTreeMap::new(), BTreeMap::new());
    let mut family = String::new();
    assert!(text.ends_with('\n'));
    for line in text.strip_suffix('\n').unwrap().split('\n') {
        if let Some(help) = line.strip_prefix("# HELP ") {
            family = help.split_once(' ').unwrap().0.to_owned();
            assert!(!types.contains_key(&family), "{line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, family, "help goes before type");
            assert!(matches!(kind, "counter" | "gauge" | "histogram"), "{line}");
            types.insert(name.to_owned(), kind.to_owned());
        } else {
            let end = line.find(['{', ' ']).unwrap();
            let name = &line[..end];
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{line}");
            let stem = match types[&family].as_str() {
                "histogram" => {
                    ["_bucket", "_sum", "_count"].iter().find_map(|s| name.strip_suffix(s))
                }
                _ => Some(name),
            };
            assert_eq!(stem, Some(family.as_str()), "samples stand below their family");
            let (labels, rest) = labels(&line[end..]);
            let value = match rest.strip_prefix(' ').unwrap() {
                "+Inf" => f64::INFINITY,
                number => number.parse().unwrap(),
            };
            let series = format!("{name}{labels:?}");
            assert_eq!(samples.insert(series.clone(), value), None, "twice: {series}");
        }
    }
    (types, samples)
}

fn labels(text: &str) -> (BTreeMap<String, String>, &str) {
    let mut found = BTreeMap::new();
    let Some(mut rest) = text.strip_prefix('{') else { return (found, text) };
    loop {
        let (name, value) = rest.split_once("=\"").unwrap();
        let mut text = String::new();
        let mut characters = value.char_indices();
        let end = loop {
            match characters.next().unwrap() {
                (at, '"') => break at,
                (_, '\\') => text.push(match characters.next().unwrap().1 {
                    'n' => '\n',
                    escaped @ ('\\' | '"') => escaped,
                    other => panic!("\\{other}"),
                }),
                (_, character) => text.push(character),
            }
        };
        assert_eq!(found.insert(name.to_owned(), text), None);
        rest = &value[end + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (found, rest.strip_prefix('}').unwrap()),
        }
    }
}

fn series(name: &str, labels: &[(&str, &str)]) -> String {
    let labels: BTreeMap<&str, &str> = labels.iter().copied().collect();
    format!("plimsoll_budget_{name}{labels:?}")
}

#[test]
fn every_value_of_a_snapshot_is_in_the_text() {
    let text = render(full_snapshot()).unwrap();
    let (types, samples) = parse(&text);
    for (name, labels, value) in [
        ("active_calls", &[][..], 5.0),
        ("call_limit", &[], 32.0),
        ("waiting_calls", &[], 4.0),
        ("peak_active_calls", &[], 3.0),
        ("peak_waiting_calls", &[], 7.0),
        ("unlisted_lanes", &[], 0.0),
        ("lane_active_calls", &[("lane", "__proto__")], 2.0),
        ("lane_call_limit", &[("lane", "two\nlines")], 8.0),
        ("lane_waiting_calls", &[("lane", "\"quoted\"")], 1.0),
        ("lane_breaker_state", &[("lane", "back\\slash\\n")], 2.0),
        ("resident_memory_bytes", &[], 123_456_789.0),
        ("resident_memory_age_seconds", &[], 0.012),
        ("peak_resident_memory_bytes", &[], 4096.0),
        ("memory_limit_bytes", &[], 536_870_912.0),
        ("reserved_memory_bytes", &[], 1_048_576.0),
        ("calls_total", &[("outcome", "success")], 9.0),
        ("calls_total", &[("outcome", "failure")], 9.0),
        ("releases_total", &[("by", "release")], 18.0),
        ("releases_total", &[("by", "worker_end")], 0.0),
        ("refusals_total", &[("reason", "memory")], 1.0),
        ("refusals_total", &[("reason", "closed")], 0.0),
        ("child_processes_total", &[("result", "cut")], 0.0),
        ("overwritten_records_total", &[], 0.0),
        ("call_duration_seconds_count", &[("lane", "} 1\n# EOF\n")], 2.0),
        ("call_duration_seconds_sum", &[("lane", "")], 500.02),
        ("call_duration_seconds_bucket", &[("lane", ""), ("le", "0.01")], 0.0),
        ("call_duration_seconds_bucket", &[("lane", ""), ("le", "0.025")], 1.0),
        ("call_duration_seconds_bucket", &[("lane", ""), ("le", "450.0")], 1.0),
        ("call_duration_seconds_bucket", &[("lane", ""), ("le", "+Inf")], 2.0),
        ("call_wait_seconds_bucket", &[("lane", "日本語 \u{1F6A2}"), ("le", "0.001")], 2.0),
    ] {
        assert_eq!(samples.get(&series(name, labels)), Some(&value), "{name} {labels:?}\n{text}");
    }
    assert!(types.keys().all(|name| name.starts_with("plimsoll_budget_")));
    for (name, kind) in &types {
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
    }
    let buckets = samples.keys().filter(|key| key.contains("call_wait_seconds_bucket")).count();
    assert_eq!(buckets, HOSTILE.len() * (UPPER_BOUNDS.len() + 1));
    assert!(!text.contains("# EOF\n# ") && !text.contains("# UNIT"));
}

#[test]
fn what_is_unknown_is_left_out_and_never_shown_as_zero() {
    let mut snapshot = BudgetSnapshot::default();
    snapshot.lanes.push(LaneSnapshot { name: "unlimited".into(), ..LaneSnapshot::default() });
    let (types, samples) = parse(&render(snapshot).unwrap());
    for name in ["resident_memory_bytes", "memory_limit_bytes", "call_limit"] {
        assert!(!types.contains_key(&full(name)), "{name}");
    }
    let lane = [("lane", "unlimited")];
    assert_eq!(samples.get(&series("lane_active_calls", &lane)), Some(&0.0));
    assert_eq!(samples.get(&series("lane_call_limit", &lane)), None);
    assert_eq!(samples.get(&series("lane_breaker_state", &lane)), None);
    assert_eq!(samples.get(&series("call_duration_seconds_count", &lane)), None);
}

#[test]
fn many_lanes_with_long_and_like_names_give_a_bounded_text_without_doubles() {
    let long = "é".repeat(50_000);
    let mut names: Vec<String> = (0..SHOWN_LANES + 40).map(|at| format!("{long}{at}")).collect();
    // What the second and the third would be called otherwise.
    names[1] = format!("{}…#2", "é".repeat(60));
    names[3] = format!("{}…", "é".repeat(60));
    let snapshot = BudgetSnapshot {
        lanes: names.iter().map(|name| lane(name)).collect(),
        ..BudgetSnapshot::default()
    };
    let text = render(snapshot).unwrap();
    let (_, samples) = parse(&text);
    assert_eq!(samples.get(&series("unlisted_lanes", &[])), Some(&40.0));
    let shown = samples.keys().filter(|key| key.contains("lane_active_calls")).count();
    assert_eq!(shown, SHOWN_LANES);
    assert!(text.len() < 200_000, "{}", text.len());
}

/// `promtool` (Debian's `prometheus`) reads the text and finds nothing to complain of; it is asked where it is
/// installed, or at `PLIMSOLL_PROMTOOL`.
#[test]
fn promtool_accepts_the_text() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let promtool = std::env::var_os("PLIMSOLL_PROMTOOL").unwrap_or_else(|| "promtool".into());
    for (what, snapshot) in [("full", full_snapshot()), ("empty", BudgetSnapshot::default())] {
        let text = render(snapshot).unwrap();
        let child = Command::new(&promtool)
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                println!("skipped: no promtool here; install Debian's prometheus package");
                return;
            }
            Err(error) => panic!("{error}"),
        };
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success() && said.is_empty(), "{what}: {said}\n{text}");
    }
}
