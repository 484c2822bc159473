//! The calls that run, each under a number that is never given twice.
//!
//! A number is the index of a place in the table and the generation of that place, so releasing a call a
//! second time, or one of another manager, finds nothing. Numbers stay below 2^52: JavaScript holds them
//! exactly. At most [`MOST_CALLS`] run at once; a place's generation comes round after 2^32 calls in it.

use std::fmt;

const INDEX_BITS: u32 = 20;
/// More calls than this never run at once in one manager.
pub const MOST_CALLS: usize = 1 << INDEX_BITS;

/// The number of a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey(u64);

impl CallKey {
    fn new(index: usize, generation: u32) -> CallKey {
        CallKey(u64::from(generation) << INDEX_BITS | index as u64)
    }

    /// The key that was told as a number.
    #[must_use]
    pub fn from_number(number: u64) -> CallKey {
        CallKey(number)
    }

    /// The key as a number below 2^52.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    fn index(self) -> usize {
        (self.0 & (MOST_CALLS as u64 - 1)) as usize
    }

    fn generation(self) -> u64 {
        self.0 >> INDEX_BITS
    }
}

impl fmt::Debug for CallKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "call {}", self.0)
    }
}

#[derive(Debug)]
struct Place<C> {
    generation: u32,
    call: Option<C>,
}

/// See the module.
#[derive(Debug)]
pub struct CallTable<C> {
    places: Vec<Place<C>>,
    free: Vec<u32>,
}

impl<C> Default for CallTable<C> {
    fn default() -> Self {
        CallTable { places: Vec::new(), free: Vec::new() }
    }
}

impl<C> CallTable<C> {
    /// How many calls run.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Whether none runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives a call its number; hands it back when [`MOST_CALLS`] run.
    pub fn insert(&mut self, call: C) -> Result<CallKey, C> {
        let index = match self.free.pop() {
            Some(index) => index as usize,
            None if self.places.len() == MOST_CALLS => return Err(call),
            None => {
                self.places.push(Place { generation: 0, call: None });
                self.places.len() - 1
            }
        };
        let place = &mut self.places[index];
        place.generation = place.generation.wrapping_add(1).max(1);
        place.call = Some(call);
        Ok(CallKey::new(index, place.generation))
    }

    fn place(&self, key: CallKey) -> Option<&Place<C>> {
        let place = self.places.get(key.index())?;
        (u64::from(place.generation) == key.generation()).then_some(place)
    }

    /// The call of a number, if it runs.
    #[must_use]
    pub fn get(&self, key: CallKey) -> Option<&C> {
        self.place(key)?.call.as_ref()
    }

    /// The call of a number, if it runs, to be changed.
    pub fn get_mut(&mut self, key: CallKey) -> Option<&mut C> {
        self.place(key)?;
        self.places[key.index()].call.as_mut()
    }

    /// Ends a call; `None` when it had ended, or never was.
    pub fn remove(&mut self, key: CallKey) -> Option<C> {
        self.place(key)?;
        let call = self.places[key.index()].call.take()?;
        self.free.push(key.index() as u32);
        Some(call)
    }

    /// Every call that runs.
    pub fn iter(&self) -> impl Iterator<Item = (CallKey, &C)> {
        self.places.iter().enumerate().filter_map(|(index, place)| {
            Some((CallKey::new(index, place.generation), place.call.as_ref()?))
        })
    }

    /// Every call that runs, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut C> {
        self.places.iter_mut().filter_map(|place| place.call.as_mut())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_ends_once() {
        let mut table = CallTable::default();
        let key = table.insert("one").unwrap();
        assert_eq!(table.get(key), Some(&"one"));
        assert_eq!(table.remove(key), Some("one"));
        assert_eq!((table.remove(key), table.get(key), table.len()), (None, None, 0));
    }

    #[test]
    fn a_place_used_again_does_not_answer_to_its_old_number() {
        let mut table = CallTable::default();
        let first = table.insert(1).unwrap();
        table.remove(first);
        let second = table.insert(2).unwrap();
        assert_ne!(first, second);
        assert_eq!(table.get_mut(first), None);
        assert_eq!((table.remove(first), table.get(second)), (None, Some(&2)));
    }

    #[test]
    fn numbers_that_were_never_given_find_nothing() {
        let mut table = CallTable::default();
        table.insert(1).unwrap();
        for number in [0, 1, u64::MAX, 1 << 52, 7 << INDEX_BITS | 99] {
            assert_eq!(table.remove(CallKey::from_number(number)), None, "{number}");
        }
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn generations_come_round_without_a_number_zero() {
        let mut table = CallTable::default();
        let key = table.insert(1).unwrap();
        table.remove(key);
        table.places[0].generation = u32::MAX;
        let key = table.insert(2).unwrap();
        assert_eq!(key.number(), 1 << INDEX_BITS);
        let largest = CallKey::new(MOST_CALLS - 1, u32::MAX).number();
        assert!(largest < 1 << 52);
    }

    #[test]
    fn as_many_as_may_run_and_no_more() {
        let mut table = CallTable::default();
        for call in 0..MOST_CALLS {
            table.insert(call).unwrap();
        }
        assert_eq!(table.insert(7), Err(7));
        assert_eq!((table.len(), table.iter().count()), (MOST_CALLS, MOST_CALLS));
    }
}
