//! Lengths of time as a person types them.

use std::time::Duration;

/// Reads a number and its unit. A number alone could mean anything.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|character: char| !character.is_ascii_digit());
    let number: u64 = digits.parse().map_err(|_| "it begins with a whole number, as in `10m`".to_owned())?;
    let seconds = match text.strip_prefix(digits).unwrap_or_default() {
        "s" => Some(number),
        "m" => number.checked_mul(60),
        "h" => number.checked_mul(60 * 60),
        _ => return Err("it ends in `s`, `m` or `h`, as in `10m`".to_owned()),
    };
    seconds.map(Duration::from_secs).ok_or_else(|| "nobody waits that long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_has_a_whole_number_and_a_unit() {
        let seconds = |text| parse(text).map(|time| time.as_secs()).ok();
        assert_eq!((seconds("90s"), seconds("10m"), seconds("2h")), (Some(90), Some(600), Some(7200)));
        for wrong in
            ["", "10", "m", "-1m", "1.5h", "10 m", "1h30m", "99999999999999999999s", "18446744073709551615h", "10µ"]
        {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
