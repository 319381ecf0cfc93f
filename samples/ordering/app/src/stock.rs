//! What is there to be ordered. In memory: each task of each version has a stock of its own.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::{LARGEST_QUANTITY, Line};

/// Items and how many of each are left.
pub type Amounts = BTreeMap<String, u32>;

/// The stock.
#[derive(Debug)]
pub(crate) struct Stock {
    left: Mutex<Amounts>,
}

/// Why a reservation is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unavailable {
    #[error("`quantity` is `{0}`: allowed is a whole number from 1 to {LARGEST_QUANTITY}")]
    Quantity(u32),
    #[error("`item` is `{0}`: there is no such item")]
    Item(String),
    #[error("`{item}` is sold out: {left} left, {wanted} wanted")]
    SoldOut { item: String, left: u32, wanted: u32 },
}

impl Stock {
    pub(crate) fn new(left: Amounts) -> Self {
        Self { left: Mutex::new(left) }
    }

    /// Takes what the line says, all of it or nothing; how many of the item are left then.
    pub(crate) fn reserve(&self, line: &Line) -> Result<u32, Unavailable> {
        if !(1..=LARGEST_QUANTITY).contains(&line.quantity) {
            return Err(Unavailable::Quantity(line.quantity));
        }
        let mut amounts = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let left = amounts.get_mut(&line.item).ok_or_else(|| Unavailable::Item(line.item.clone()))?;
        let sold_out = || Unavailable::SoldOut { item: line.item.clone(), left: *left, wanted: line.quantity };
        *left = left.checked_sub(line.quantity).ok_or_else(sold_out)?;
        Ok(*left)
    }

    /// Everything that is left.
    pub(crate) fn left(&self) -> Amounts {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stock() -> Stock {
        Stock::new([("tea".to_owned(), 3), ("cup".to_owned(), 0)].into())
    }

    fn line(item: &str, quantity: u32) -> Line {
        Line { item: item.to_owned(), quantity }
    }

    #[test]
    fn what_is_reserved_is_gone() {
        let stock = stock();
        assert_eq!(stock.reserve(&line("tea", 1)), Ok(2));
        assert_eq!(stock.reserve(&line("tea", 2)), Ok(0));
        assert_eq!(stock.left()["tea"], 0);
    }

    #[test]
    fn more_than_is_left_is_sold_out_and_takes_nothing() {
        let stock = stock();
        let sold_out = |item: &str, left, wanted| Unavailable::SoldOut { item: item.to_owned(), left, wanted };
        assert_eq!(stock.reserve(&line("tea", 4)), Err(sold_out("tea", 3, 4)));
        assert_eq!(stock.reserve(&line("cup", 1)), Err(sold_out("cup", 0, 1)));
        assert_eq!(stock.left()["tea"], 3);
    }

    #[test]
    fn nothing_and_too_much_and_the_unknown_are_refused_by_name() {
        let refused = |item, quantity| stock().reserve(&line(item, quantity)).map_err(|why| why.to_string());
        let quantity = |value| Err(format!("`quantity` is `{value}`: allowed is a whole number from 1 to 1000"));
        assert_eq!(refused("tea", 0), quantity(0));
        assert_eq!(refused("tea", 1001), quantity(1001));
        assert_eq!(refused("coal", 1), Err("`item` is `coal`: there is no such item".to_owned()));
    }

    #[test]
    fn of_many_at_once_no_more_succeed_than_there_are_pieces() {
        let stock = Stock::new([("tea".to_owned(), 50)].into());
        let reserved: usize = std::thread::scope(|scope| {
            let buyers: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..10).filter(|_| stock.reserve(&line("tea", 1)).is_ok()).count()))
                .collect();
            buyers.into_iter().map(|buyer| buyer.join().unwrap_or_default()).sum()
        });
        assert_eq!((reserved, stock.left()["tea"]), (50, 0));
    }
}
