//! Scopes that end with the call they are registered with.
//!
//! A scope is a number here: what is in it, processes and temporary files, is known to whoever implements
//! [`Scopes`]. At the deadline of a call its scopes are ended by a helper, as its processes are, so that it happens
//! on time while JavaScript is blocked. At most [`super::call::MOST_SCOPES`] a call.

use super::call::{Holder, MOST_SCOPES};
use super::calls::CallKey;
use super::ending::Unregistered;
use super::manager::Manager;

/// Who ends scopes.
pub trait Scopes: Send + Sync {
    /// Ends what is in a scope at once and waits, for a bounded time, until it is gone. Returns how many
    /// processes that were. A scope that has ended already has none.
    fn end(&self, scope: u32) -> u32;
}

/// Where there are no scopes outside JavaScript.
pub struct NoScopes;

impl Scopes for NoScopes {
    fn end(&self, _: u32) -> u32 {
        0
    }
}

impl Manager {
    /// Has a scope end when the call's time is over.
    ///
    /// # Errors
    ///
    /// `NotRunning`, `TooMany`.
    pub fn register_scope(
        &self,
        holder: &Holder,
        key: CallKey,
        scope: u32,
    ) -> Result<(), Unregistered> {
        let mut state = self.state();
        let call = state.calls.get_mut(key);
        let Some(call) = call.filter(|call| call.holder.id == holder.id && !call.is_over()) else {
            return Err(Unregistered::NotRunning);
        };
        if call.scopes.contains(&scope) {
            return Ok(());
        }
        if call.scopes.len() >= MOST_SCOPES {
            return Err(Unregistered::TooMany);
        }
        call.scopes.push(scope);
        Ok(())
    }

    /// Forgets a scope that has ended.
    pub fn unregister_scope(&self, holder: &Holder, key: CallKey, scope: u32) {
        let mut state = self.state();
        if let Some(call) = state.calls.get_mut(key).filter(|call| call.holder.id == holder.id) {
            call.scopes.retain(|registered| *registered != scope);
        }
    }
}
