//! Exact numbers: text, JSON and MessagePack give back what they were given, and arithmetic holds at the bounds.

use tapedeck_schemas::number::{Money, Price, Quantity, Ratio};

use crate::known;

macro_rules! comes_back {
    ($ty:ty, $text:expr, $input:expr) => {
        let read = $text.parse::<$ty>();
        if let Ok(number) = read {
            assert!(number.units().abs() <= <$ty>::MAX_UNITS, "{number} is beyond the bound");
            assert_eq!(number.to_string().parse::<$ty>(), Ok(number), "{number}");
            let packed = rmp_serde::to_vec(&number).expect("it is written");
            assert_eq!(rmp_serde::from_slice::<$ty>(&packed).expect("what was written is read"), number);
            let json = serde_json::to_string(&number).expect("it is written");
            assert_eq!(serde_json::from_str::<$ty>(&json).expect("what was written is read"), number);
        }
        if let Ok(number) = rmp_serde::from_slice::<$ty>($input) {
            let packed = rmp_serde::to_vec(&number).expect("it is written");
            let most = known::most_canonical_bytes($input.len());
            assert!(packed.len() <= most, "{number} grew to {}", packed.len());
            assert_eq!(rmp_serde::from_slice::<$ty>(&packed).expect("what was written is read"), number);
        }
        if let Ok(number) = serde_json::from_slice::<$ty>($input) {
            assert_eq!(number.to_string().parse::<$ty>(), Ok(number), "{number}");
        }
    };
}

/// The input is the text of a number, or of two with a blank between them; or one in MessagePack or JSON.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    comes_back!(Price, text, input);
    comes_back!(Quantity, text, input);
    comes_back!(Ratio, text, input);
    comes_back!(Money, text, input);
    if let Some((first, second)) = text.split_once(' ') {
        arithmetic(first, second);
    }
}

fn arithmetic(first: &str, second: &str) {
    let (prices, quantity) = ((first.parse::<Price>(), second.parse::<Price>()), second.parse::<Quantity>());
    if let (Ok(a), Ok(b)) = prices {
        assert_eq!((a + b) - b, if (a + b).units().abs() < Price::MAX_UNITS { a } else { (a + b) - b });
        let (low, high) = (a.min(b), a.max(b));
        assert!((low..=high).contains(&a.mid(b)), "the mid of {a} and {b} is {}", a.mid(b));
        let _ = (Ratio::of(a.units(), b.units()), a.is_multiple_of(b));
        let cut = a.truncate_to(b);
        assert!(!b.is_positive() || (cut.is_multiple_of(b) && cut.abs() <= a.abs()), "{a} cut to {b} is {cut}");
    }
    if let (Ok(price), Ok(quantity)) = (first.parse::<Price>(), quantity) {
        let held = price.saturating_notional(quantity);
        if let Some(exact) = price.notional(quantity) {
            assert_eq!(held, exact);
            let back = exact.per(quantity);
            assert!(quantity.is_zero() || back == Some(price), "{exact} per {quantity} is {back:?}, not {price}");
        }
    }
    if let (Ok(money), Ok(ratio)) = (first.parse::<Money>(), second.parse::<Ratio>()) {
        let (scaled, _) = (money.scaled_by(ratio), (money.to_ratio(), ratio.to_money()));
        assert!(ratio.abs() > Ratio::whole(1) || scaled.abs() <= money.abs(), "{money} by {ratio} is {scaled}");
    }
    if let (Ok(money), Ok(price)) = (first.parse::<Money>(), second.parse::<Price>()) {
        let _ = money.at(price);
    }
}
