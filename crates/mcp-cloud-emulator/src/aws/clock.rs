//! The account's own time: it passes by being asked, and whoever waits says so.

use std::time::Duration;

/// Where time begins, so that every run sees the same: 2026-01-01T00:00:00Z.
const BEGINNING: i64 = 1_767_225_600_000;
const DAY: i64 = 86_400_000;

/// Milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(pub(super) i64);

impl Time {
    pub(super) fn beginning() -> Self {
        Self(BEGINNING)
    }

    pub(super) fn pass(&mut self, duration: Duration) {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        self.0 = self.0.saturating_add(millis);
    }

    /// As CloudFormation and S3 write it: `2026-01-01T00:00:00.000Z`.
    pub(super) fn iso(self) -> String {
        let Civil { year, month, day, hour, minute, second, milli, .. } = self.civil();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }

    /// As Lambda writes it: `2026-01-01T00:00:00.000+0000`.
    pub(super) fn lambda(self) -> String {
        let iso = self.iso();
        format!("{}+0000", iso.trim_end_matches('Z'))
    }

    /// As a header of HTTP says it: `Thu, 01 Jan 2026 00:00:00 GMT`.
    pub(super) fn http(self) -> String {
        const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let Civil { year, month, day, hour, minute, second, weekday, .. } = self.civil();
        let weekday = DAYS.get(weekday).unwrap_or(&"Thu");
        let month = MONTHS.get(month.saturating_sub(1)).unwrap_or(&"Jan");
        format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }

    /// Seconds with a fraction, as the services that speak JSON say it.
    pub(super) fn seconds(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of this millennium fit")]
        let millis = self.0 as f64;
        millis / 1000.0
    }

    /// Days to a date of the Gregorian calendar (<https://howardhinnant.github.io/date_algorithms.html>).
    fn civil(self) -> Civil {
        let days = self.0.div_euclid(DAY);
        let rest = self.0.rem_euclid(DAY);
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        Civil {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: usize::try_from(month).unwrap_or(1),
            day: of_year - (153 * shifted_month + 2) / 5 + 1,
            hour: rest / 3_600_000,
            minute: rest / 60_000 % 60,
            second: rest / 1000 % 60,
            milli: rest % 1000,
            weekday: usize::try_from(days.rem_euclid(7)).unwrap_or(0),
        }
    }
}

struct Civil {
    year: i64,
    month: usize,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    milli: i64,
    weekday: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_written_as_each_service_writes_it() {
        let time = Time(1_709_208_000_123);
        assert_eq!(time.iso(), "2024-02-29T12:00:00.123Z");
        assert_eq!(time.lambda(), "2024-02-29T12:00:00.123+0000");
        assert_eq!(time.http(), "Thu, 29 Feb 2024 12:00:00 GMT");
        assert_eq!(Time::beginning().iso(), "2026-01-01T00:00:00.000Z");
    }
}
