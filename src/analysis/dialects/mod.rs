//! The registry of dialects: one file a tool or a family of tools that print alike.

use super::dialect::Spec;
use super::kind::Kind;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::sync::LazyLock;

mod builds;
mod formatters;
mod linters;
mod location;
mod packages;
mod phrases;
mod runtimes;
mod services;
mod systems;
mod tests;
mod typecheckers;
mod version_control;
mod xml;

/// Every dialect. Of two that would find the same, the more particular stands first.
static SPECS: LazyLock<Vec<&'static Spec>> = LazyLock::new(|| {
    let families = [
        linters::SPECS,
        formatters::SPECS,
        typecheckers::SPECS,
        tests::SPECS,
        builds::SPECS,
        packages::SPECS,
        version_control::SPECS,
        services::SPECS,
        runtimes::SPECS,
        systems::SPECS,
    ];
    families.concat()
});

/// All markers, and for each of them the dialect it belongs to.
struct Markers {
    automaton: AhoCorasick,
    owners: Vec<usize>,
}

static MARKERS: LazyLock<Option<Markers>> = LazyLock::new(|| {
    let (mut texts, mut owners) = (Vec::new(), Vec::new());
    for (index, spec) in SPECS.iter().enumerate() {
        for marker in spec.markers {
            texts.push(*marker);
            owners.push(index);
        }
    }
    let automaton = AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .match_kind(MatchKind::Standard)
        .build(texts)
        .ok()?;
    Some(Markers { automaton, owners })
});

/// The dialects with a marker in this text, in the registry's order.
pub fn marked(text: &str) -> Vec<&'static Spec> {
    let Some(markers) = &*MARKERS else { return SPECS.clone() };
    let mut seen = vec![false; SPECS.len()];
    let mut unseen = SPECS.len();
    for found in markers.automaton.find_overlapping_iter(text) {
        let owner = markers.owners[found.pattern().as_usize()];
        if !std::mem::replace(&mut seen[owner], true) {
            unseen -= 1;
            if unseen == 0 {
                break;
            }
        }
    }
    SPECS.iter().zip(seen).filter_map(|(spec, seen)| seen.then_some(*spec)).collect()
}

/// The kind of a message that is the whole text, by its words.
pub(super) fn kind_of_message(message: &str) -> Option<Kind> {
    runtimes::kind_of_lone_message(message)
}

/// Every marker of every dialect, to make texts of that wake them.
#[cfg(test)]
pub(super) fn all_markers() -> Vec<&'static str> {
    SPECS.iter().flat_map(|spec| spec.markers).copied().collect()
}

/// Every dialect, to be read with past what it recognises.
#[cfg(test)]
pub(super) fn all() -> &'static [&'static Spec] {
    &SPECS
}

#[cfg(test)]
mod registry_tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_dialect_has_markers() {
        let mut names: Vec<&str> = SPECS.iter().map(|spec| spec.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SPECS.len());
        for spec in SPECS.iter() {
            assert!(
                !spec.markers.is_empty() && spec.markers.iter().all(|marker| marker.len() >= 3),
                "{}",
                spec.name
            );
        }
        assert!(MARKERS.is_some());
    }
}
