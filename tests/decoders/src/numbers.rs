//! Exact numbers: text, JSON and MessagePack round-trip, and arithmetic is correct at the bounds.

use tapedeck_schemas::number::{Money, Price, Quantity, Ratio, Total};

use crate::known;

macro_rules! round_trip {
    ($ty:ty, $text:expr, $input:expr) => {
        let read = $text.parse::<$ty>();
        if let Ok(number) = read {
            assert!(number.units().abs() <= <$ty>::MAX_UNITS, "{number} is beyond the bound");
            assert_eq!(number.to_string().parse::<$ty>(), Ok(number), "{number}");
            let packed = rmp_serde::to_vec(&number).expect("numbers serialize");
            assert_eq!(rmp_serde::from_slice::<$ty>(&packed).expect("a serialized number deserializes"), number);
            let json = serde_json::to_string(&number).expect("numbers serialize");
            assert_eq!(serde_json::from_str::<$ty>(&json).expect("a serialized number deserializes"), number);
        }
        if let Ok(number) = rmp_serde::from_slice::<$ty>($input) {
            let packed = rmp_serde::to_vec(&number).expect("numbers serialize");
            let most = known::most_canonical_bytes($input.len());
            assert!(packed.len() <= most, "{number} grew to {}", packed.len());
            assert_eq!(rmp_serde::from_slice::<$ty>(&packed).expect("a serialized number deserializes"), number);
        }
        if let Ok(number) = serde_json::from_slice::<$ty>($input) {
            assert_eq!(number.to_string().parse::<$ty>(), Ok(number), "{number}");
        }
    };
}

/// The input is the text of one number, or of two separated by a space, or a number in MessagePack or JSON.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    round_trip!(Price, text, input);
    round_trip!(Quantity, text, input);
    round_trip!(Ratio, text, input);
    round_trip!(Money, text, input);
    if let Some((first, second)) = text.split_once(' ') {
        arithmetic(first, second);
    }
}

fn arithmetic(first: &str, second: &str) {
    if let (Ok(a), Ok(b)) = (first.parse::<Price>(), second.parse::<Price>()) {
        assert_eq!((a + b) - b, if (a + b).units().abs() < Price::MAX_UNITS { a } else { (a + b) - b });
        let (low, high) = (a.min(b), a.max(b));
        assert!((low..=high).contains(&a.mid(b)), "the mid of {a} and {b} is {}", a.mid(b));
        let _ = (Ratio::of(a.units(), b.units()), a.is_multiple_of(b));
        let cut = a.truncate_to(b);
        assert!(!b.is_positive() || (cut.is_multiple_of(b) && cut.abs() <= a.abs()), "{a} cut to {b} is {cut}");
    }
    if let (Ok(price), Ok(quantity)) = (first.parse::<Price>(), second.parse::<Quantity>())
        && let Some(exact) = price.notional(quantity)
    {
        assert_eq!(price.saturating_notional(quantity), exact);
        assert_eq!(Total::product(price, quantity).to_money(), Some(exact));
        let back = exact.per(quantity);
        assert!(quantity.is_zero() || back == Some(price), "{exact} per {quantity} is {back:?}, not {price}");
    }
    if let (Ok(money), Ok(ratio)) = (first.parse::<Money>(), second.parse::<Ratio>()) {
        let _ = ratio.to_money();
        let scaled = money.scaled_by(ratio);
        assert!(ratio.abs() > Ratio::whole(1) || scaled.abs() <= money.abs(), "{money} by {ratio} is {scaled}");
    }
    if let (Ok(money), Ok(price)) = (first.parse::<Money>(), second.parse::<Price>()) {
        let _ = money.at(price);
    }
}
