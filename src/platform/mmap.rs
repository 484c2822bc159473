//! A file mapped into memory, shared with every process that maps the same file.
//!
//! Bytes go in and out by copy, so that no Rust reference ever covers memory another process may
//! change. Who may touch which byte at a time is the affair of the caller's protocol (a head that is
//! published with release order after the bytes before it were written); what a stranger does to the
//! file is caught by the caller's checksums. One thing is not caught: a file that is cut shorter
//! while it is mapped kills the process with SIGBUS. Map only files nobody else has a reason to cut.

#![allow(unsafe_code)] // the fence: memory maps have no safe interface

use memmap2::{MmapOptions, MmapRaw};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// A shared, writable mapping of the start of a file.
#[derive(Debug)]
pub struct SharedMapping {
    map: MmapRaw,
}

impl SharedMapping {
    /// Maps the first `length` bytes of `file`, which must be at least that long.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the file is shorter (touching the rest would be a
    /// SIGBUS); whatever `mmap` gives.
    pub fn new(file: &File, length: usize) -> io::Result<Self> {
        if file.metadata()?.len() < length as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(SharedMapping { map: MmapOptions::new().len(length).map_raw(file)? })
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether nothing is mapped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.len() == 0
    }

    /// Makes every page present and writable now, so that no later store pays for a page fault. A
    /// no-op where the system cannot (`MADV_POPULATE_WRITE` is Linux 5.14 and later).
    pub fn populate(&self) {
        #[cfg(target_os = "linux")]
        {
            // SAFETY: the range is exactly this mapping, and populating changes no byte of it.
            let populated = unsafe {
                rustix::mm::madvise(
                    self.map.as_mut_ptr().cast(),
                    self.map.len(),
                    rustix::mm::Advice::LinuxPopulateWrite,
                )
            };
            // An older kernel refuses: the pages are then faulted in one by one, as ever.
            populated.ok();
        }
    }

    /// Writes the mapping's dirty pages to the device (`msync(MS_SYNC)`).
    ///
    /// # Errors
    /// Whatever `msync` gives.
    pub fn sync(&self) -> io::Result<()> {
        self.map.flush()
    }

    fn pointer_to(&self, range: &Range<usize>) -> *mut u8 {
        assert!(range.start <= range.end && range.end <= self.map.len(), "range outside mapping");
        // SAFETY: the range was just checked to lie inside the mapping.
        unsafe { self.map.as_mut_ptr().add(range.start) }
    }

    /// The address of a range, for a callee that writes into it.
    ///
    /// Valid while the mapping lives. Using it is as unsafe as any raw pointer.
    ///
    /// # Panics
    /// When the range is not inside the mapping.
    #[must_use]
    pub fn pointer(&self, range: Range<usize>) -> *mut u8 {
        self.pointer_to(&range)
    }

    /// The word at `offset`, for atomic access.
    ///
    /// # Panics
    /// When `offset` is not a multiple of 8 or outside the mapping.
    #[must_use]
    pub fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8), "a word is aligned to 8 bytes");
        let pointer = self.pointer_to(&(offset..offset + 8));
        // SAFETY: in bounds, aligned (mappings start at a page), valid as long as `self` is borrowed;
        // every access to this word goes through an atomic.
        unsafe { AtomicU64::from_ptr(pointer.cast()) }
    }

    /// The half word at `offset`, for atomic access.
    ///
    /// # Panics
    /// When `offset` is not a multiple of 4 or outside the mapping.
    #[must_use]
    pub fn half_word(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4), "a half word is aligned to 4 bytes");
        let pointer = self.pointer_to(&(offset..offset + 4));
        // SAFETY: as for `word`; no half word is also accessed as a part of a word.
        unsafe { AtomicU32::from_ptr(pointer.cast()) }
    }

    /// Copies `bytes` into the mapping.
    ///
    /// # Panics
    /// When they do not fit at `offset`.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        let pointer = self.pointer_to(&(offset..offset + bytes.len()));
        // SAFETY: the destination was checked to be inside the mapping; a slice of ours cannot overlap
        // it, since no reference to the mapping's bytes is ever given out.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), pointer, bytes.len()) }
    }

    /// Copies a range of the mapping to the end of `out`.
    ///
    /// # Panics
    /// When the range is not inside the mapping.
    pub fn read(&self, range: Range<usize>, out: &mut Vec<u8>) {
        let length = range.len();
        let pointer = self.pointer_to(&range);
        out.reserve(length);
        // SAFETY: the source is inside the mapping, the destination was just reserved, and the bytes
        // are initialised before the length says so.
        unsafe {
            std::ptr::copy_nonoverlapping(pointer, out.as_mut_ptr().add(out.len()), length);
            out.set_len(out.len() + length);
        }
    }

    /// Copies `N` bytes out of the mapping.
    ///
    /// # Panics
    /// When they are not inside the mapping.
    #[must_use]
    pub fn array<const N: usize>(&self, offset: usize) -> [u8; N] {
        let pointer = self.pointer_to(&(offset..offset + N));
        let mut array = [0; N];
        // SAFETY: source checked to be inside the mapping, destination is a local of the same length.
        unsafe { std::ptr::copy_nonoverlapping(pointer, array.as_mut_ptr(), N) }
        array
    }

    /// Feeds a range of the mapping to a CRC-32.
    ///
    /// # Panics
    /// When the range is not inside the mapping.
    pub fn checksum(&self, range: Range<usize>, hasher: &mut crc32fast::Hasher) {
        let pointer = self.pointer_to(&range);
        // SAFETY: inside the mapping; the slice ends with this statement, and the caller's protocol
        // keeps other threads of this process from writing the range meanwhile. A write by another
        // process changes the checksum and nothing else.
        hasher.update(unsafe { std::slice::from_raw_parts(pointer, range.len()) });
    }
}

// SAFETY: the mapping is plain memory without thread affinity; all shared access is by copy or atomic.
unsafe impl Send for SharedMapping {}
// SAFETY: as above.
unsafe impl Sync for SharedMapping {}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    /// What Node does with the address it is given.
    pub(crate) fn copy_to(address: *mut u8, bytes: &[u8]) {
        // SAFETY: tests pass the address of a reservation at least as long as `bytes`.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), address, bytes.len()) }
    }

    #[test]
    fn two_mappings_of_one_file_see_the_same_bytes() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(8192).unwrap();
        let (one, other) =
            (SharedMapping::new(&file, 8192).unwrap(), SharedMapping::new(&file, 8192).unwrap());
        one.populate();
        one.write(100, b"water line");
        one.word(64).store(7, Ordering::Release);
        assert_eq!(&other.array::<10>(100), b"water line");
        assert_eq!(other.word(64).load(Ordering::Acquire), 7);
    }

    #[test]
    fn a_file_too_short_is_not_mapped() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(100).unwrap();
        let error = SharedMapping::new(&file, 4096).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
