//! The orders that were placed. In memory: each task of each version knows its own.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::Line;

/// Orders that are kept; the oldest is forgotten for one more.
const KEPT: usize = 10_000;

/// A placed order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Order {
    pub id: String,
    #[serde(flatten)]
    pub line: Line,
}

/// The orders of one task.
#[derive(Debug)]
pub(super) struct Book {
    version: String,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    placed: u64,
    latest: VecDeque<Order>,
}

impl Book {
    /// An empty book of a version, which every ID begins with.
    pub(super) fn new(version: &str) -> Self {
        Self { version: version.to_owned(), entries: Mutex::default() }
    }

    pub(super) fn enter(&self, line: Line) -> Order {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.placed += 1;
        let order = Order { id: format!("{}-{}", self.version, entries.placed), line };
        if entries.latest.len() == KEPT {
            entries.latest.pop_front();
        }
        entries.latest.push_back(order.clone());
        order
    }

    pub(super) fn find(&self, id: &str) -> Option<Order> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.latest.iter().find(|order| order.id == id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(quantity: u32) -> Line {
        Line { item: "tea".to_owned(), quantity }
    }

    #[test]
    fn an_order_is_found_by_its_id() {
        let book = Book::new("v1");
        let (first, second) = (book.enter(line(1)), book.enter(line(2)));
        assert_eq!((first.id.as_str(), second.id.as_str()), ("v1-1", "v1-2"));
        assert_eq!(book.find("v1-2"), Some(second));
        assert_eq!(book.find("v2-1"), None);
    }

    #[test]
    fn the_oldest_is_forgotten_when_the_book_is_full() {
        let book = Book::new("v1");
        for _ in 0..=KEPT {
            book.enter(line(1));
        }
        assert_eq!(book.find("v1-1"), None);
        assert!(book.find("v1-2").is_some());
        assert!(book.find(&format!("v1-{}", KEPT + 1)).is_some());
    }
}
