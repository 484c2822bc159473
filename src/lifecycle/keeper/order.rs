//! The order: what a keeper is to run, as bytes in an anonymous file.
//!
//! ```text
//! magic "PLIMORD1"   leftovers u8   strings, each: length u32, bytes
//!                    program, directory ("" none), ledger ("" none),
//!                    count u32, arguments...   count u32, environment ("NAME=value")...
//! ```
//!
//! All numbers little endian. Nothing in it holds a NUL. At most [`MOST_BYTES`] bytes: what is larger no
//! system would execute (`execve(2)`: a quarter of the stack limit, 6 MiB at most on Linux).

/// Most bytes of an order.
pub const MOST_BYTES: usize = 64 * 1024 * 1024;

const MAGIC: &[u8; 8] = b"PLIMORD1";

/// What becomes of processes that a command leaves behind when it ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Leftovers {
    /// They are ended: TERM, the grace, KILL.
    #[default]
    End,
    /// They go on until the owner wants them ended, or dies.
    Keep,
}

/// What to run, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order {
    /// A path, or a name to be looked up in the `PATH` of `environment`. Empty: the keeper runs nothing and only
    /// sweeps the ledger when the owner is dead.
    pub program: Vec<u8>,
    /// Without the program's own name.
    pub arguments: Vec<Vec<u8>>,
    /// `NAME=value`, all there is.
    pub environment: Vec<Vec<u8>>,
    /// Where it runs; the owner's working directory when empty.
    pub directory: Vec<u8>,
    /// The ledger of the owner, swept when it dies; empty without one.
    pub ledger: Vec<u8>,
    /// See [`Leftovers`].
    pub leftovers: Leftovers,
}

impl Order {
    /// As bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(u8::from(self.leftovers == Leftovers::Keep));
        for text in [&self.program, &self.directory, &self.ledger] {
            push(&mut bytes, text);
        }
        for list in [&self.arguments, &self.environment] {
            push_length(&mut bytes, list.len());
            list.iter().for_each(|text| push(&mut bytes, text));
        }
        bytes
    }

    /// From bytes; `None` for what [`Order::encode`] does not write.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Order> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let (&leftovers, behind) = rest.split_first()?;
        rest = behind;
        let leftovers = match leftovers {
            0 => Leftovers::End,
            1 => Leftovers::Keep,
            _ => return None,
        };
        let program = take(&mut rest)?;
        let directory = take(&mut rest)?;
        let ledger = take(&mut rest)?;
        let arguments = take_list(&mut rest)?;
        let environment = take_list(&mut rest)?;
        let order = Order { program, arguments, environment, directory, ledger, leftovers };
        rest.is_empty().then_some(order)
    }
}

fn push_length(bytes: &mut Vec<u8>, length: usize) {
    // Orders are bounded far below 4 GiB before they are encoded.
    bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn push(bytes: &mut Vec<u8>, text: &[u8]) {
    push_length(bytes, text.len());
    bytes.extend_from_slice(text);
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    let (length, behind) = rest.split_first_chunk::<4>()?;
    *rest = behind;
    Some(u32::from_le_bytes(*length) as usize)
}

fn take(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let length = take_length(rest)?;
    let (text, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    (!text.contains(&0)).then(|| text.to_vec())
}

fn take_list(rest: &mut &[u8]) -> Option<Vec<Vec<u8>>> {
    let count = take_length(rest)?;
    let mut list = Vec::new();
    for _ in 0..count {
        list.push(take(rest)?);
    }
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        Order {
            program: b"sh".to_vec(),
            arguments: vec![b"-c".to_vec(), Vec::new(), b"\xff\n".to_vec()],
            environment: vec![b"A=1".to_vec()],
            directory: b"/tmp".to_vec(),
            ledger: Vec::new(),
            leftovers: Leftovers::Keep,
        }
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        for order in [order(), Order::default()] {
            assert_eq!(Order::decode(&order.encode()), Some(order));
        }
    }

    #[test]
    fn what_is_cut_foreign_or_longer_is_no_order() {
        let whole = order().encode();
        for end in 0..whole.len() {
            assert_eq!(Order::decode(&whole[..end]), None, "{end}");
        }
        assert_eq!(Order::decode(&[whole.as_slice(), b"x"].concat()), None);
        let nul = Order { program: b"a\0b".to_vec(), ..order() };
        assert_eq!(Order::decode(&nul.encode()), None);
    }
}
