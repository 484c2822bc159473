//! The store of telemetry entries.

use super::super::handles;
use crate::telemetry::handle::{Handle, Stored};
use crate::telemetry::level::Level;
use crate::telemetry::ring::Encoding;
use napi::sys;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// Strings of at least this many UTF-16 units cross as UTF-16: from here on the copy is cheaper for the
/// JavaScript thread whatever the string holds (measured: 1.3 µs against 2.0 for 50,000 Latin-1
/// characters, 1.7 against 63 for as many Chinese ones), and the writer's thread does the rest.
const UTF16_FROM: usize = 8192;
/// The bit of the target that says that the text may hold error records.
const ERROR_RECORDS: u32 = 4;
/// What `telemetryStore` returns when it failed itself.
const FAULT: u32 = 6;

/// `telemetryStore(target: number, json: string, length: number): number | undefined`
///
/// `target` is the handle's number times 8, plus the level (0 to 3), plus 4 when the text may hold error
/// records; `length` is `json.length`. Returns `undefined` when the entry is in the ring, else a
/// [`Stored`] or [`FAULT`]. Few arguments and no result: each costs some ten nanoseconds.
pub(super) unsafe extern "C" fn store(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let outcome = catch_unwind(AssertUnwindSafe(|| store_arguments(env, info))).unwrap_or(FAULT);
    let mut result = ptr::null_mut();
    if outcome != Stored::InRing as u32 {
        // SAFETY: `env` is the environment of the call running now. On failure `result` stays null,
        // which Node takes as `undefined`; making a small number does not fail.
        unsafe { sys::napi_create_uint32(env, outcome, &raw mut result) };
    }
    result
}

fn store_arguments(env: sys::napi_env, info: sys::napi_callback_info) -> u32 {
    let mut arguments = [ptr::null_mut(); 3];
    let mut count = arguments.len();
    let (mut target, mut length) = (0, 0);
    // SAFETY: `env` and `info` are those of the call running now; the array has the stated length, and
    // missing arguments are filled with `undefined`, which the reads below refuse.
    let read = unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &raw mut count,
            arguments.as_mut_ptr(),
            ptr::null_mut(),
            ptr::null_mut(),
        ) == sys::Status::napi_ok
            && sys::napi_get_value_uint32(env, arguments[0], &raw mut target)
                == sys::Status::napi_ok
            && sys::napi_get_value_uint32(env, arguments[2], &raw mut length)
                == sys::Status::napi_ok
    };
    let level = Level::from_byte((target & 3) as u8);
    let (Some(level), true) = (level, read) else { return FAULT };
    let text = Text { env, value: arguments[1], length: length as usize };
    let error_records = target & ERROR_RECORDS != 0;
    let stored = handles::with(target >> 3, |handle| text.store(handle, level, error_records));
    stored.unwrap_or(Stored::Closed) as u32
}

/// A JavaScript string of a call that is running.
struct Text {
    env: sys::napi_env,
    value: sys::napi_value,
    length: usize,
}

impl Text {
    fn store(&self, handle: &Handle, level: Level, error_records: bool) -> Stored {
        if self.length >= UTF16_FROM {
            // Node writes a terminating zero unit behind the text.
            let longest = (self.length + 1) * 2;
            let stored =
                handle.store(longest, level, Encoding::Utf16, error_records, |to| self.utf16(to));
            return if stored == Stored::Full { handle.refuse(level) } else { stored };
        }
        let utf8 = |longest| {
            handle.store(longest, level, Encoding::Utf8, error_records, |to| self.utf8(to, longest))
        };
        match utf8(self.length * 3 + 1) {
            Stored::Full | Stored::TooLarge => {
                match self.utf8_length().map(|length| utf8(length + 1)) {
                    Some(Stored::Full) => handle.refuse(level),
                    stored => stored.unwrap_or(Stored::NotFilled),
                }
            }
            stored => stored,
        }
    }

    fn utf8(&self, to: *mut u8, longest: usize) -> Option<usize> {
        let mut written = 0;
        // SAFETY: `to` is the start of a reservation of `longest` bytes that nobody else touches, and
        // Node writes no more than that, terminating zero included.
        let status = unsafe {
            sys::napi_get_value_string_utf8(
                self.env,
                self.value,
                to.cast(),
                longest,
                &raw mut written,
            )
        };
        (status == sys::Status::napi_ok).then_some(written)
    }

    fn utf8_length(&self) -> Option<usize> {
        let mut length = 0;
        // SAFETY: without a buffer Node only counts.
        let status = unsafe {
            sys::napi_get_value_string_utf8(
                self.env,
                self.value,
                ptr::null_mut(),
                0,
                &raw mut length,
            )
        };
        (status == sys::Status::napi_ok).then_some(length)
    }

    fn utf16(&self, to: *mut u8) -> Option<usize> {
        let mut written = 0;
        // SAFETY: as in `utf8`: the reservation has room for `length + 1` units; payloads start at a
        // multiple of 8 in a page-aligned mapping, so the cast is aligned.
        let status = unsafe {
            sys::napi_get_value_string_utf16(
                self.env,
                self.value,
                to.cast(),
                self.length + 1,
                &raw mut written,
            )
        };
        (status == sys::Status::napi_ok).then_some(written * 2)
    }
}
