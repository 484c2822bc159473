//! What JavaScript names by a small number.
//!
//! A table belongs to the thread that runs the environment, so looking something up takes no lock, and a
//! worker cannot reach what another made. Numbers are used again after [`Numbered::release`]; the facade
//! forgets them first.

/// See the module.
pub(super) struct Numbered<T>(Vec<Option<T>>);

impl<T> Numbered<T> {
    pub(super) const fn new() -> Numbered<T> {
        Numbered(Vec::new())
    }

    /// Gives something a number.
    pub(super) fn insert(&mut self, item: T) -> u32 {
        let free = self.0.iter().position(Option::is_none).unwrap_or_else(|| {
            self.0.push(None);
            self.0.len() - 1
        });
        self.0[free] = Some(item);
        u32::try_from(free).unwrap_or(u32::MAX)
    }

    /// What has a number.
    pub(super) fn get(&self, number: u32) -> Option<&T> {
        self.0.get(number as usize)?.as_ref()
    }

    /// Forgets a number.
    pub(super) fn release(&mut self, number: u32) -> Option<T> {
        self.0.get_mut(number as usize)?.take()
    }

    /// Forgets every number.
    pub(super) fn release_all(&mut self) -> Vec<T> {
        std::mem::take(&mut self.0).into_iter().flatten().collect()
    }
}
