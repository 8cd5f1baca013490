//! A Kubernetes quantity: `500m`, `1.5Gi`, `2e3`.
//!
//! The text is kept as it was written, because the one who reads it in the end is Kubernetes.

use crate::number;
use crate::setting::Setting;

/// A quantity as it was written, and about how much it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// As it was written.
    pub text: String,
    /// The nearest double.
    pub amount: f64,
}

impl Setting for Quantity {
    const KIND: &'static str = "string";
    const ACCEPTED: &'static str = "a Kubernetes quantity, such as 500m or 1.5Gi";

    fn parse(text: &str) -> Option<Self> {
        Some(Self { text: text.to_owned(), amount: amount(text)? })
    }
}

/// About how much a quantity is, by the grammar of Kubernetes: digits with at most one point, and a suffix.
pub fn amount(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let suffix = unsigned.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    let digits = text.strip_suffix(suffix)?;
    if !digits.contains(|letter: char| letter.is_ascii_digit()) {
        return None;
    }
    // What is left to refuse here is a second point.
    let number = number::parse(digits)?;
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1_024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        "Pi" => 1_125_899_906_842_624.0,
        "Ei" => 1_152_921_504_606_846_976.0,
        _ => power_of_ten(suffix)?,
    };
    let amount = number * factor;
    amount.is_finite().then_some(amount)
}

/// What `e3` or `E-2` multiplies by.
fn power_of_ten(suffix: &str) -> Option<f64> {
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    number::power(exponent.as_bytes()).map(|power| number::scaled(1.0, power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        for (text, value) in [
            ("5", Some(5.0)),
            ("+5", Some(5.0)),
            ("-5", Some(-5.0)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("100m", Some(0.1)),
            ("1.5k", Some(1500.0)),
            ("2Ki", Some(2048.0)),
            ("1E", Some(1e18)),
            ("1e3", Some(1000.0)),
            ("1E+3", Some(1000.0)),
            ("25e-1", Some(2.5)),
            ("0", Some(0.0)),
            ("", None),
            (".", None),
            ("m", None),
            ("-", None),
            ("1.2.3", None),
            ("--1", None),
            ("1 Gi", None),
            ("1ki", None),
            ("1K", None),
            ("1e", None),
            ("1e9999", None),
            ("NaN", None),
            ("inf", None),
            ("0x10", None),
        ] {
            assert_eq!(amount(text), value, "{text:?}");
        }
    }
}
