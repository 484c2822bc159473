//! Names of the files around one log.
//!
//! For a log `state/policy.jsonl` all of these live in `state/`:
//!
//! | File | Name |
//! |---|---|
//! | the log | `policy.jsonl` |
//! | an archive | `policy.2026-01-31T12-00-00-000Z.jsonl`, then `….jsonl.gz` or `….jsonl.zst` |
//! | the lock | `.policy.jsonl.lock` |
//! | a ring | `.policy.jsonl.<16 hex>.ring` |
//! | an archive being compressed | `.<archive>.tmp` |
//!
//! An archive's name begins with the log's base: its file name without a final `.jsonl`.

use crate::compression::Compression;
use std::path::{Path, PathBuf};

/// An archive of a log, as its file name tells it. Orders by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArchiveName {
    /// When it was rotated, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// The file's name, without its directory, with any compression suffix.
    pub file_name: String,
}

impl ArchiveName {
    /// How the file is compressed, by its suffix.
    #[must_use]
    pub fn compression(&self) -> Compression {
        if self.file_name.ends_with(".gz") {
            Compression::Gzip
        } else if self.file_name.ends_with(".zst") {
            Compression::Zstd
        } else {
            Compression::None
        }
    }
}

/// The names around one log. Two handles log to the same file exactly when these are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogPaths {
    directory: PathBuf,
    file_name: String,
}

impl LogPaths {
    /// The names around the log `file_name` in `directory`.
    #[must_use]
    pub fn new(directory: PathBuf, file_name: String) -> Self {
        LogPaths { directory, file_name }
    }

    /// The directory everything lives in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The log's own file name.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.directory.join(&self.file_name)
    }

    /// The lock under which the log is appended to and rotated.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.directory.join(format!(".{}.lock", self.file_name))
    }

    /// The ring of the handle `id`.
    #[must_use]
    pub fn ring(&self, id: u64) -> PathBuf {
        self.directory.join(format!(".{}.{id:016x}.ring", self.file_name))
    }

    /// The id in the name of one of this log's rings; `None` for any other name.
    #[must_use]
    pub fn parse_ring(&self, name: &str) -> Option<u64> {
        let (log, id) = split_ring_name(name)?;
        (log == self.file_name).then_some(id)
    }

    /// The plain (not yet compressed) archive rotated at `time_ms`.
    #[must_use]
    pub fn archive(&self, time_ms: i64) -> PathBuf {
        self.directory.join(format!("{}.{}.jsonl", self.base(), iso_file_time(time_ms)))
    }

    /// Reads the name of one of this log's archives; `None` for any other name.
    #[must_use]
    pub fn parse_archive(&self, name: &str) -> Option<ArchiveName> {
        let stem = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
        let time = stem.strip_suffix(".jsonl")?.strip_prefix(self.base())?.strip_prefix('.')?;
        let time_ms = parse_iso_file_time(time)?;
        Some(ArchiveName { time_ms, file_name: name.to_owned() })
    }

    /// The name a file has while `archive` (a file name) is being compressed into it.
    #[must_use]
    pub fn temporary(&self, archive: &str) -> PathBuf {
        self.directory.join(format!(".{archive}.tmp"))
    }

    fn base(&self) -> &str {
        match self.file_name.strip_suffix(".jsonl") {
            Some(base) if !base.is_empty() => base,
            _ => &self.file_name,
        }
    }
}

/// Splits the name of any log's ring into the log's file name and the ring's id.
#[must_use]
pub fn split_ring_name(name: &str) -> Option<(&str, u64)> {
    let (log, id) = name.strip_prefix('.')?.strip_suffix(".ring")?.rsplit_once('.')?;
    let canonical = id.len() == 16 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if log.is_empty() || !canonical {
        return None;
    }
    u64::from_str_radix(id, 16).ok().map(|id| (log, id))
}

/// `2026-01-31T12-00-00-000Z`: the ISO 8601 time in UTC with `:` and `.` replaced by `-`, as
/// `Date.prototype.toISOString` gives it for the years 0 to 9999 (times beyond are clamped).
#[must_use]
pub fn iso_file_time(time_ms: i64) -> String {
    let time_ms = time_ms.clamp(FIRST_MS, LAST_MS);
    let days = time_ms.div_euclid(DAY_MS);
    let in_day = time_ms.rem_euclid(DAY_MS);
    let (year, month, day) = civil_from_days(days);
    let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
    let (second, milli) = (in_day / 1000 % 60, in_day % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}-{milli:03}Z")
}

/// Reads what [`iso_file_time`] writes; `None` for anything else.
#[must_use]
pub fn parse_iso_file_time(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 24 {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let time_ms = days_from_civil(number(0, 4)?, number(5, 7)?, number(8, 10)?)
        .checked_mul(DAY_MS)?
        + number(11, 13)? * 3_600_000
        + number(14, 16)? * 60_000
        + number(17, 19)? * 1000
        + number(20, 23)?;
    // Writing it again checks every separator and range at once.
    (iso_file_time(time_ms) == text).then_some(time_ms)
}

const DAY_MS: i64 = 86_400_000;
/// 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z.
const FIRST_MS: i64 = -62_167_219_200_000;
const LAST_MS: i64 = 253_402_300_799_999;

/// Days since 1970-01-01 to year, month, day of the proleptic Gregorian calendar, by counting years
/// from 1 March so that the leap day is the last of its year.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The inverse of [`civil_from_days`].
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy() -> LogPaths {
        LogPaths::new(PathBuf::from("state"), "policy.jsonl".to_owned())
    }

    #[test]
    fn an_archive_is_named_after_the_base_and_the_time() {
        assert_eq!(
            policy().archive(1_761_220_800_123),
            Path::new("state/policy.2025-10-23T12-00-00-123Z.jsonl")
        );
    }

    #[test]
    fn only_names_of_this_log_are_its_archives() {
        let gz = policy().parse_archive("policy.2025-10-23T12-00-00-123Z.jsonl.gz").unwrap();
        assert_eq!((gz.time_ms, gz.compression()), (1_761_220_800_123, Compression::Gzip));
        for other in [
            "policy.jsonl",
            "policy.2025-10-23T12:00:00.123Z.jsonl",
            "policy.2025-13-23T12-00-00-123Z.jsonl",
            "policy.2025-10-23T12-00-00-123Z.jsonl.bak",
            "policy2.2025-10-23T12-00-00-123Z.jsonl",
            ".policy.2025-10-23T12-00-00-123Z.jsonl.gz.tmp",
        ] {
            assert_eq!(policy().parse_archive(other), None, "{other}");
        }
    }

    #[test]
    fn a_ring_belongs_to_exactly_one_log() {
        let name = ".policy.jsonl.00000000000000ff.ring";
        assert_eq!(policy().parse_ring(name), Some(255));
        assert_eq!(policy().ring(255), Path::new("state").join(name));
        assert_eq!(policy().parse_ring(".other.policy.jsonl.00000000000000ff.ring"), None);
        assert_eq!(policy().parse_ring(".policy.jsonl.00000000000000FF.ring"), None);
        assert_eq!(policy().parse_ring(".policy.jsonl.ff.ring"), None);
    }

    proptest! {
        #[test]
        fn a_file_time_reads_back(time_ms in FIRST_MS..=LAST_MS) {
            prop_assert_eq!(parse_iso_file_time(&iso_file_time(time_ms)), Some(time_ms));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,30}") {
            prop_assert!(parse_iso_file_time(&text).is_none_or(|time| iso_file_time(time) == text));
        }
    }
}
