//! What ships carry.

use std::fmt;

#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub name: String,
    pub kilograms: f64,
    pub fragile: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    LightFirst,
    HeavyFirst,
}

pub fn item(name: &str, kilograms: f64) -> Option<Item> {
    if kilograms < 0.0 {
        return None;
    }
    Some(Item { name: name.to_owned(), kilograms, fragile: false })
}

pub fn total_weight(items: &[Item]) -> f64 {
    let mut total = 0.0;
    for each in items {
        total += each.kilograms;
    }
    total
}

pub fn sorted(items: &[Item], order: Order) -> Vec<Item> {
    let mut sorted = items.to_vec();
    sorted.sort_by(|a, b| a.kilograms.total_cmp(&b.kilograms));
    match order {
        Order::LightFirst => {}
        Order::HeavyFirst => sorted.reverse(),
    }
    sorted
}

impl fmt::Display for Item {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.fragile { " (fragile)" } else { "" };
        write!(formatter, "{:8.1} kg  {}{mark}", self.kilograms, self.name)
    }
}
