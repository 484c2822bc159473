//! Compressed files: writing and reading them as streams, in constant memory.

pub mod decode;
pub mod encode;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952), read by `zcat`.
    Gzip,
    /// Zstandard (RFC 8878), read by `zstdcat`.
    Zstd,
}

impl Compression {
    /// What is put behind the plain name.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        }
    }
}
