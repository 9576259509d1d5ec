//! How a server is used, and everything else that an estimate has to assume.

/// Hours of a month, as AWS itself counts.
pub const HOURS_PER_MONTH: u64 = 730;
/// Days of a month.
pub(super) const DAYS_PER_MONTH: u128 = 30;
/// Minutes of a week.
pub(super) const MINUTES_PER_WEEK: u32 = 7 * 24 * 60;
/// Bytes of a line in the access logs of a gateway.
pub(super) const ACCESS_LOG_BYTES: u64 = 512;
/// What a task on Fargate Spot costs of the price, in percent. AWS promises no more than "up to 70 % off"
/// (<https://aws.amazon.com/fargate/pricing/>), and changes it with demand.
pub(super) const SPOT_PERCENT: u128 = 30;

/// How a server is used in a month. What is not known is assumed: see [`assumptions`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Requests in a month.
    pub requests: u64,
    /// How long one takes, in milliseconds.
    pub duration_milliseconds: u64,
    /// How large a reply is, in kB.
    pub reply_kilobytes: u64,
    /// Share of the replies that are long streams, in percent.
    pub streamed_percent: u8,
    /// How long such a stream lasts, in milliseconds.
    pub stream_milliseconds: u64,
    /// How large such a stream is, in kB.
    pub stream_kilobytes: u64,
    /// What is logged about a request, in kB.
    pub log_kilobytes: u64,
    /// Requests of a thousand that wait for a new instance.
    pub cold_starts_per_thousand: u64,
    /// How long a new instance takes to start, in milliseconds.
    pub cold_start_milliseconds: u64,
    /// Units that a request reads from the store, where there is one.
    pub table_reads: u64,
    /// Units that a request writes to the store, where there is one.
    pub table_writes: u64,
    /// What the store holds, in MB.
    pub table_megabytes: u64,
    /// Code that is kept, in MB: archives of this and earlier versions, or layers of images.
    pub code_megabytes: u64,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            requests: 100_000,
            duration_milliseconds: 100,
            reply_kilobytes: 4,
            streamed_percent: 0,
            stream_milliseconds: 10_000,
            stream_kilobytes: 100,
            log_kilobytes: 1,
            cold_starts_per_thousand: 10,
            cold_start_milliseconds: 100,
            table_reads: 1,
            table_writes: 1,
            table_megabytes: 100,
            code_megabytes: 100,
        }
    }
}

impl Usage {
    /// Milliseconds of all requests together.
    pub(super) fn total_milliseconds(&self) -> u128 {
        self.mixed(self.duration_milliseconds, self.stream_milliseconds)
    }

    /// kB of all replies together.
    pub(super) fn total_kilobytes(&self) -> u128 {
        self.mixed(self.reply_kilobytes, self.stream_kilobytes)
    }

    pub(super) fn cold_starts(&self) -> u128 {
        u128::from(self.requests).saturating_mul(self.cold_starts_per_thousand.into()) / 1000
    }

    fn mixed(&self, plain: u64, streamed: u64) -> u128 {
        let percent = u128::from(self.streamed_percent.min(100));
        let both = (100 - percent).saturating_mul(plain.into()).saturating_add(percent.saturating_mul(streamed.into()));
        u128::from(self.requests).saturating_mul(both) / 100
    }
}

/// Something an estimate takes for granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assumption {
    /// What it is about, such as `requests`.
    pub name: &'static str,
    /// How much; the default where [`Usage`] can say something else.
    pub value: u64,
    /// Of what.
    pub unit: &'static str,
    /// Why, or what follows from it.
    pub meaning: &'static str,
}

/// Every number that an estimate for this usage takes for granted.
#[must_use]
pub fn assumptions(usage: &Usage) -> Vec<Assumption> {
    let number = |name, value, unit, meaning| Assumption { name, value, unit, meaning };
    vec![
        number("requests", usage.requests, "a month", "requests that reach the server"),
        number("duration", usage.duration_milliseconds, "ms", "how long the server works on one"),
        number("reply", usage.reply_kilobytes, "kB", "how large a reply is"),
        number("streamed", usage.streamed_percent.into(), "%", "share of the replies that are long streams"),
        number("stream duration", usage.stream_milliseconds, "ms", "how long such a stream lasts"),
        number("stream", usage.stream_kilobytes, "kB", "how large such a stream is"),
        number("logs", usage.log_kilobytes, "kB", "what is logged about a request, kept uncompressed"),
        number("cold starts", usage.cold_starts_per_thousand, "of 1000", "requests that start a new instance"),
        number("cold start", usage.cold_start_milliseconds, "ms", "how long that takes; it is paid for"),
        number("table reads", usage.table_reads, "a request", "read units of the store, where there is one"),
        number("table writes", usage.table_writes, "a request", "write units of the store, where there is one"),
        number("table", usage.table_megabytes, "MB", "what the store holds, and its backup"),
        number("code", usage.code_megabytes, "MB", "archives or images of this and earlier versions"),
        number("month", HOURS_PER_MONTH, "h", "hours of a month, as AWS counts"),
        number("access logs", ACCESS_LOG_BYTES, "bytes", "a line in the access logs of an HTTP API"),
        number("Fargate Spot", 30, "% of the price", "AWS promises up to 70 % off, and changes it with demand"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_count_by_their_share() {
        let usage = Usage { requests: 200, streamed_percent: 25, duration_milliseconds: 100, ..Usage::default() };
        assert_eq!(usage.total_milliseconds(), 150 * 100 + 50 * 10_000);
        assert_eq!(Usage { streamed_percent: 200, ..usage }.total_milliseconds(), 200 * 10_000);
    }

    #[test]
    fn no_usage_is_too_much_to_count() {
        let most = u64::MAX;
        let usage =
            Usage { requests: most, duration_milliseconds: most, stream_milliseconds: most, ..Usage::default() };
        assert!(usage.total_milliseconds() > 0);
    }
}
