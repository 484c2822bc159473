//! A harbour: cargo, tides and ships.

pub mod cargo;
pub mod ship;
pub mod tides;
