//! Money and quantities without a float: what is added up is exact.

use std::{fmt, iter::Sum, ops};

use serde::{Serialize, Serializer};

/// Parts of a dollar that are told apart. A request to Lambda costs 200,000 of them.
const TRILLION: i128 = 1_000_000_000_000;
const CENT: i128 = TRILLION / 100;
/// Parts of a unit that a quantity tells apart.
const MILLION: u128 = 1_000_000;
/// Decimals of an amount.
const DECIMALS: usize = 12;

/// US dollars, exact to the trillionth. Written to the cent for people, and in full as JSON, as text: a number of JSON is
/// a float to most readers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i128);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Reads a decimal such as `0.0000133334`: not negative, and with at most twelve decimals.
    pub(super) fn from_decimal(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > DECIMALS {
            return None;
        }
        let whole: i128 = whole.parse().ok()?;
        let fraction: i128 = format!("{fraction:0<DECIMALS$}").parse().ok()?;
        whole.checked_mul(TRILLION)?.checked_add(fraction).map(Self)
    }

    /// What a quantity costs when this buys `per` of it, rounded to the nearest trillionth.
    pub(super) fn buys(self, per: u64, quantity: Quantity) -> Self {
        let divisor = i128::from(per.max(1)).saturating_mul(MILLION.cast_signed());
        let product = self.0.saturating_mul(i128::try_from(quantity.0).unwrap_or(i128::MAX));
        Self(product.saturating_add(divisor / 2) / divisor)
    }

    /// This amount `times` over, for each of `each`; nothing where that is 0.
    pub(super) fn scaled(self, times: u64, each: u64) -> Self {
        if each == 0 {
            return Self::ZERO;
        }
        Self(self.0.saturating_mul(i128::from(times)) / i128::from(each))
    }

    /// As a decimal with everything that is known of it, such as `0.0000133334`.
    #[must_use]
    pub fn exact(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, fraction) =
            (self.0.unsigned_abs() / TRILLION.unsigned_abs(), self.0.unsigned_abs() % TRILLION.unsigned_abs());
        let fraction = format!("{fraction:0>DECIMALS$}");
        match fraction.trim_end_matches('0') {
            "" => format!("{sign}{whole}"),
            fraction => format!("{sign}{whole}.{fraction}"),
        }
    }
}

/// To the cent, with two decimals and without a sign of the currency.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = (self.0.unsigned_abs() + CENT.unsigned_abs() / 2) / CENT.unsigned_abs();
        let sign = if self.0 < 0 && cents > 0 { "-" } else { "" };
        f.pad(&format!("{sign}{}.{:0>2}", cents / 100, cents % 100))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.exact())
    }
}

impl ops::Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl ops::Sub for Amount {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, ops::Add::add)
    }
}

/// How much of something, exact to the millionth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(u128);

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    pub(super) fn whole(units: u64) -> Self {
        Self(u128::from(units).saturating_mul(MILLION))
    }

    /// A fraction, rounded to the nearest millionth; nothing where the divisor is 0.
    pub(super) fn ratio(dividend: u128, divisor: u128) -> Self {
        if divisor == 0 {
            return Self::ZERO;
        }
        Self(dividend.saturating_mul(MILLION).saturating_add(divisor / 2) / divisor)
    }

    pub(super) fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// This part of it.
    pub(super) fn part(self, dividend: u128, divisor: u128) -> Self {
        if divisor == 0 {
            return Self::ZERO;
        }
        Self(self.0.saturating_mul(dividend).saturating_add(divisor / 2) / divisor)
    }
}

/// With as many decimals as it has.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / MILLION, format!("{:0>6}", self.0 % MILLION));
        match fraction.trim_end_matches('0') {
            "" => f.pad(&whole.to_string()),
            fraction => f.pad(&format!("{whole}.{fraction}")),
        }
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        Amount::from_decimal(text).unwrap()
    }

    #[test]
    fn decimals_are_read_and_written_without_loss() {
        for text in ["0.0000133334", "0.2", "5", "0.000000000001", "123456789.5"] {
            assert_eq!(amount(text).exact(), text);
        }
        for text in ["", ".5", "-1", "1e3", "0.0000000000001", "1.2.3", "1,5"] {
            assert_eq!(Amount::from_decimal(text), None, "{text}");
        }
    }

    #[test]
    fn cents_are_rounded_to_the_nearest_and_a_negative_one_has_its_sign() {
        assert_eq!(amount("0.004999").to_string(), "0.00");
        assert_eq!(amount("0.005").to_string(), "0.01");
        assert_eq!((Amount::ZERO - amount("1.236")).to_string(), "-1.24");
        assert_eq!((Amount::ZERO - amount("0.001")).to_string(), "0.00");
        assert_eq!((Amount::ZERO - amount("0.001")).exact(), "-0.001");
    }

    #[test]
    fn a_thousand_of_a_thousandth_are_exactly_one() {
        let part = amount("0.0000133334").buys(1, Quantity::ratio(1, 8));
        assert_eq!((0..8).map(|_| part).sum::<Amount>(), amount("0.0000133334").buys(1, Quantity::whole(1)));
        assert_eq!(amount("0.20").buys(1_000_000, Quantity::whole(1)).exact(), "0.0000002");
    }

    #[test]
    fn what_is_beyond_all_bounds_is_no_panic() {
        let huge = Quantity::whole(u64::MAX).part(u128::MAX, 1);
        assert!(amount("5").buys(1, huge) > Amount::ZERO);
        assert_eq!(Quantity::ratio(1, 0), Quantity::ZERO);
        assert_eq!(amount("5").scaled(1, 0), Amount::ZERO);
    }
}
