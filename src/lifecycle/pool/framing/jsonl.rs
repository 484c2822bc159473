//! JSON Lines: one JSON value in UTF-8 a line; blank lines mean nothing (<https://jsonlines.org>).

use super::FramingError;
use super::line::Lines;
use serde_json::value::RawValue;

/// Whether there is nothing but white space, as JSON has it.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

pub(super) fn next(lines: &mut Lines) -> Result<Option<Vec<u8>>, FramingError> {
    while let Some(line) = lines.next()? {
        if !is_blank(&line) {
            check(&line)?;
            return Ok(Some(line));
        }
    }
    Ok(None)
}

/// Whether this is one JSON value.
fn check(line: &[u8]) -> Result<(), FramingError> {
    let text = std::str::from_utf8(line).map_err(|error| FramingError::Json(error.to_string()))?;
    match serde_json::from_str::<&RawValue>(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(FramingError::Json(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::FramingError;
    use super::super::tests::decode_cut_everywhere;
    use crate::lifecycle::pool::settings::Protocol::Jsonl;

    #[test]
    fn each_line_is_a_value_and_blank_ones_are_nothing() {
        let stream = b" {\"a\" : [1]} \n\n \t\r\nnull\r\n-0.5e3\n";
        let lines = decode_cut_everywhere(Jsonl, 100, stream).unwrap();
        let expected: [&[u8]; 3] = [b" {\"a\" : [1]} ", b"null", b"-0.5e3"];
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        for bad in
            [&b"Starting\n"[..], b"{\n", b"1 2\n", b"\"\0\"\n", b"\"\xff\"\n", b"nul\n", b"\0\n"]
        {
            let error = decode_cut_everywhere(Jsonl, 100, bad).unwrap_err();
            assert!(matches!(error, FramingError::Json(_)), "{error}");
        }
    }

    #[test]
    fn a_value_nested_ten_thousand_times_costs_no_stack() {
        let deep = [vec![b'['; 10_000], vec![b']'; 10_000], b"\n".to_vec()].concat();
        let mut decoder = super::super::Decoder::new(Jsonl, 1 << 20);
        decoder.push(&deep);
        assert_eq!(decoder.next_message().unwrap().unwrap().len(), 20_000);
    }
}
