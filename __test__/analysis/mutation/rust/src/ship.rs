//! Ships, and when they sail.

use crate::cargo::{item, sorted, total_weight, Item, Order};
use crate::tides::{in_words, TideTable};

pub struct Ship {
    name: String,
    capacity: f64,
    hold: Vec<Item>,
}

impl Ship {
    pub fn new(name: &str, capacity: f64) -> Ship {
        Ship { name: name.to_owned(), capacity, hold: Vec::new() }
    }

    pub fn load(&mut self, name: &str, kilograms: f64) -> Result<usize, String> {
        let Some(next) = item(name, kilograms) else {
            return Err(format!("{name} weighs less than nothing"));
        };
        if total_weight(&self.hold) + next.kilograms > self.capacity {
            return Err(format!("no room for {name}"));
        }
        self.hold.push(next);
        Ok(self.hold.len())
    }

    pub fn draught(&self) -> f64 {
        2.0 + total_weight(&self.hold) / self.capacity
    }

    pub fn manifest(&self) -> Vec<String> {
        let items = sorted(&self.hold, Order::HeavyFirst);
        items.iter().map(|each| each.to_string()).collect()
    }
}

pub fn sailing(ship: &Ship, tides: &TideTable, now: u64) -> String {
    let margin = tides.depth(now, ship.draught());
    match tides.next(now) {
        Some((at, _)) if margin < 0.0 => format!("{} waits {}", ship.name, in_words(at - now)),
        _ => format!("{} may leave", ship.name),
    }
}
