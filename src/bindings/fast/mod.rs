//! The hot path, in raw Node-API: a `#[napi]` function costs ten times the ring it would feed.
//!
//! Fenced like `platform/`: every `unsafe` block says why it is sound. A callback of Node's may not
//! unwind, so each catches its own panics.

mod budget;
mod telemetry;

pub(super) use budget::Numbers;
use napi::{Env, Result, sys};
use std::ffi::CStr;
use std::ptr;

/// Adds the raw functions to the addon's exports.
pub(super) fn register(env: &Env, exports: sys::napi_value) -> Result<()> {
    let functions: [(&CStr, sys::napi_callback); 3] = [
        (c"telemetryStore", Some(telemetry::store)),
        (c"budgetAcquire", Some(budget::acquire)),
        (c"budgetRelease", Some(budget::release)),
    ];
    for (name, callback) in functions {
        let mut function = ptr::null_mut();
        // SAFETY: `env` and `exports` are those of the registration running now, the name is a C string of
        // the stated length, and no callback unwinds.
        let status = unsafe {
            sys::napi_create_function(
                env.raw(),
                name.as_ptr(),
                name.count_bytes() as isize,
                callback,
                ptr::null_mut(),
                &raw mut function,
            )
        };
        napi::check_status!(status)?;
        // SAFETY: as above; `function` was just made.
        let status =
            unsafe { sys::napi_set_named_property(env.raw(), exports, name.as_ptr(), function) };
        napi::check_status!(status)?;
    }
    Ok(())
}

/// Lets a threadsafe function hold the event loop open, or no longer.
pub(super) fn hold_loop(
    env: &Env,
    function: sys::napi_threadsafe_function,
    hold: bool,
) -> Result<()> {
    // SAFETY: the caller has the function alive, and this is the thread of its environment.
    let status = unsafe {
        if hold {
            sys::napi_ref_threadsafe_function(env.raw(), function)
        } else {
            sys::napi_unref_threadsafe_function(env.raw(), function)
        }
    };
    napi::check_status!(status)
}

/// The arguments of the call running now.
struct Arguments<const N: usize> {
    env: sys::napi_env,
    values: [sys::napi_value; N],
}

impl<const N: usize> Arguments<N> {
    /// Takes them; missing ones are `undefined`.
    ///
    /// # Safety
    ///
    /// `env` and `info` are those of the call running now.
    unsafe fn of(env: sys::napi_env, info: sys::napi_callback_info) -> Option<Arguments<N>> {
        let mut values = [ptr::null_mut(); N];
        let mut count = N;
        // SAFETY: as the caller promises; the array has the stated length.
        let status = unsafe {
            sys::napi_get_cb_info(
                env,
                info,
                &raw mut count,
                values.as_mut_ptr(),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        (status == sys::Status::napi_ok).then_some(Arguments { env, values })
    }

    /// A number; `None` for what is none.
    fn number(&self, index: usize) -> Option<f64> {
        let mut number = 0.0;
        // SAFETY: the environment is that of the call running now, which the value belongs to.
        let status =
            unsafe { sys::napi_get_value_double(self.env, self.values[index], &raw mut number) };
        (status == sys::Status::napi_ok).then_some(number)
    }

    /// A whole number from 0; what is none is an arbitrary one.
    fn integer(&self, index: usize) -> Option<u32> {
        let mut number = 0;
        // SAFETY: as in `number`.
        let status =
            unsafe { sys::napi_get_value_uint32(self.env, self.values[index], &raw mut number) };
        (status == sys::Status::napi_ok).then_some(number)
    }

    /// Works with a text as UTF-8; `None` for what is none.
    fn text<R>(&self, index: usize, work: impl FnOnce(&str) -> R) -> Option<R> {
        let mut short = [0_u8; 256];
        let length = self.copy(index, &mut short)?;
        // A full buffer may have cut the text.
        if length + 4 < short.len() {
            return Some(work(&String::from_utf8_lossy(&short[..length])));
        }
        self.string(index).map(|long| work(&long))
    }

    /// A text; `None` for what is none.
    fn string(&self, index: usize) -> Option<String> {
        let mut length = 0;
        // SAFETY: as in `number`; without a buffer Node only counts.
        let status = unsafe {
            sys::napi_get_value_string_utf8(
                self.env,
                self.values[index],
                ptr::null_mut(),
                0,
                &raw mut length,
            )
        };
        if status != sys::Status::napi_ok {
            return None;
        }
        let mut bytes = vec![0; length + 1];
        let length = self.copy(index, &mut bytes)?;
        bytes.truncate(length);
        Some(
            String::from_utf8(bytes)
                .unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned()),
        )
    }

    fn copy(&self, index: usize, to: &mut [u8]) -> Option<usize> {
        let mut length = 0;
        // SAFETY: as in `number`; Node writes no more than the buffer has, terminating zero included.
        let status = unsafe {
            sys::napi_get_value_string_utf8(
                self.env,
                self.values[index],
                to.as_mut_ptr().cast(),
                to.len(),
                &raw mut length,
            )
        };
        (status == sys::Status::napi_ok).then_some(length)
    }

    /// A number as the result of the call.
    fn result(env: sys::napi_env, number: f64) -> sys::napi_value {
        let mut result = ptr::null_mut();
        // SAFETY: `env` is the environment of the call running now. On failure `result` stays null, which
        // Node takes as `undefined`; making a number does not fail.
        unsafe { sys::napi_create_double(env, number, &raw mut result) };
        result
    }
}
