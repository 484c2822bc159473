//! The Node addon: data in, data out. No defaults, no policy, no validation beyond types.
