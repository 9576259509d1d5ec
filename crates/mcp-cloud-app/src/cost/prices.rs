//! The table of prices that is part of the program, and what a quantity costs by it.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

use super::amount::{Amount, Quantity};

/// The region whose price is taken where a region's own is not in the table.
pub const FALLBACK_REGION: &str = "us-east-1";
/// Where a price stands that is the same in all regions.
const EVERYWHERE: &str = "everywhere";

#[expect(clippy::expect_used, reason = "the table is part of the program, and a test reads every figure of it")]
static TABLE: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(include_str!("prices.toml")).expect("the table of prices can be read"));

/// What is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Item {
    /// Invocations of a function.
    LambdaRequests,
    /// Time of a function, on Arm.
    LambdaArm,
    /// Time of a function, on x86.
    LambdaX86,
    /// Instances of a function that are kept warm, on Arm.
    LambdaProvisionedArm,
    /// Instances of a function that are kept warm, on x86.
    LambdaProvisionedX86,
    /// Time of a function on instances that are kept warm, on Arm.
    LambdaProvisionedDurationArm,
    /// Time of a function on instances that are kept warm, on x86.
    LambdaProvisionedDurationX86,
    /// What a function streams beyond the first 6 MB of a reply.
    LambdaStreamed,
    /// What is sent to the internet.
    TransferOut,
    /// Requests to an HTTP API.
    HttpApi,
    /// Requests to a REST API.
    RestApi,
    /// Hours of a load balancer.
    LoadBalancer,
    /// What a load balancer carries.
    LoadBalancerUnits,
    /// Hours of an address on the internet.
    PublicIpv4,
    /// Processors of Fargate, on Arm.
    FargateCpuArm,
    /// Processors of Fargate, on x86.
    FargateCpuX86,
    /// Memory of Fargate, on Arm.
    FargateMemoryArm,
    /// Memory of Fargate, on x86.
    FargateMemoryX86,
    /// Hours of an endpoint of AWS in a zone of a VPC.
    InterfaceEndpoint,
    /// Hours of a NAT gateway.
    NatGateway,
    /// Logs as they come.
    LogsIngested,
    /// Logs that are kept.
    LogsStored,
    /// Metrics that alarms look at.
    AlarmMetrics,
    /// A web application firewall.
    Firewall,
    /// Its rules.
    FirewallRules,
    /// What it looks at.
    FirewallRequests,
    /// Secrets that are kept.
    Secrets,
    /// Secrets that are read.
    SecretCalls,
    /// What is read from a table.
    TableReads,
    /// What is written to a table.
    TableWrites,
    /// What a table holds.
    TableStorage,
    /// What a table can be brought back from.
    TableBackup,
    /// Archives of code.
    Archives,
    /// Images.
    Images,
}

impl Item {
    /// Every one of them.
    pub const ALL: [Self; 34] = [
        Self::LambdaRequests,
        Self::LambdaArm,
        Self::LambdaX86,
        Self::LambdaProvisionedArm,
        Self::LambdaProvisionedX86,
        Self::LambdaProvisionedDurationArm,
        Self::LambdaProvisionedDurationX86,
        Self::LambdaStreamed,
        Self::TransferOut,
        Self::HttpApi,
        Self::RestApi,
        Self::LoadBalancer,
        Self::LoadBalancerUnits,
        Self::PublicIpv4,
        Self::FargateCpuArm,
        Self::FargateCpuX86,
        Self::FargateMemoryArm,
        Self::FargateMemoryX86,
        Self::InterfaceEndpoint,
        Self::NatGateway,
        Self::LogsIngested,
        Self::LogsStored,
        Self::AlarmMetrics,
        Self::Firewall,
        Self::FirewallRules,
        Self::FirewallRequests,
        Self::Secrets,
        Self::SecretCalls,
        Self::TableReads,
        Self::TableWrites,
        Self::TableStorage,
        Self::TableBackup,
        Self::Archives,
        Self::Images,
    ];

    /// As the table spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LambdaRequests => "lambda-requests",
            Self::LambdaArm => "lambda-arm64",
            Self::LambdaX86 => "lambda-x86_64",
            Self::LambdaProvisionedArm => "lambda-provisioned-arm64",
            Self::LambdaProvisionedX86 => "lambda-provisioned-x86_64",
            Self::LambdaProvisionedDurationArm => "lambda-provisioned-duration-arm64",
            Self::LambdaProvisionedDurationX86 => "lambda-provisioned-duration-x86_64",
            Self::LambdaStreamed => "lambda-streamed",
            Self::TransferOut => "transfer-out",
            Self::HttpApi => "http-api",
            Self::RestApi => "rest-api",
            Self::LoadBalancer => "load-balancer",
            Self::LoadBalancerUnits => "load-balancer-units",
            Self::PublicIpv4 => "public-ipv4",
            Self::FargateCpuArm => "fargate-cpu-arm64",
            Self::FargateCpuX86 => "fargate-cpu-x86_64",
            Self::FargateMemoryArm => "fargate-memory-arm64",
            Self::FargateMemoryX86 => "fargate-memory-x86_64",
            Self::InterfaceEndpoint => "interface-endpoint",
            Self::NatGateway => "nat-gateway",
            Self::LogsIngested => "logs-ingested",
            Self::LogsStored => "logs-stored",
            Self::AlarmMetrics => "alarm-metrics",
            Self::Firewall => "firewall",
            Self::FirewallRules => "firewall-rules",
            Self::FirewallRequests => "firewall-requests",
            Self::Secrets => "secrets",
            Self::SecretCalls => "secret-calls",
            Self::TableReads => "table-reads",
            Self::TableWrites => "table-writes",
            Self::TableStorage => "table-storage",
            Self::TableBackup => "table-backup",
            Self::Archives => "archives",
            Self::Images => "images",
        }
    }
}

/// The day on which the table was put together, as `2026-11-21`.
#[must_use]
pub fn date() -> &'static str {
    &TABLE.date
}

/// How many days the table is old, `today` being the number of days since 1970-01-01; 0 for one of tomorrow.
#[must_use]
pub fn age_in_days(today: u64) -> u64 {
    days_since_1970(date()).map_or(0, |written| today.saturating_sub(written))
}

/// The days from 1970-01-01 to a date such as `2026-11-21`, by the calendar that is counted backwards for ever
/// (<https://howardhinnant.github.io/date_algorithms.html#days_from_civil>).
fn days_since_1970(date: &str) -> Option<u64> {
    let mut parts = date.split('-').map(str::parse::<u64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    if year < 1970 || !(1..=12).contains(&month) || day == 0 {
        return None;
    }
    // A year that begins in March has its leap day at its end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).checked_sub(719_468)
}

/// The regions for which the table has at least one price of its own.
#[must_use]
pub fn regions() -> Vec<&'static str> {
    let mut regions: Vec<_> = TABLE
        .prices
        .values()
        .flat_map(|price| price.regions.keys())
        .map(String::as_str)
        .filter(|region| *region != EVERYWHERE)
        .collect();
    regions.sort_unstable();
    regions.dedup();
    regions
}

/// The price of something in a region, or in [`FALLBACK_REGION`] where the table does not know the region's own.
pub(super) fn price(item: Item, region: &str) -> Option<Price> {
    let entry = TABLE.prices.get(item.as_str())?;
    let found = [region, EVERYWHERE, FALLBACK_REGION]
        .into_iter()
        .find_map(|place| entry.regions.get(place).map(|tiers| (place, tiers)));
    let (place, tiers) = found?;
    let of_other_region = place == FALLBACK_REGION && region != FALLBACK_REGION;
    Some(Price { entry, tiers, of_other_region })
}

/// What a figure says, and the day of the record it is from.
pub(super) type Figure = (String, Option<&'static str>);

/// Every figure of an item, region by region: what it says, and the day of the record it is from.
pub(super) fn figures(item: Item) -> Vec<(&'static str, Vec<Figure>)> {
    let Some(entry) = TABLE.prices.get(item.as_str()) else { return Vec::new() };
    let figure = |tier: &'static Tier| {
        let mut text = tier.usd.exact();
        if tier.per > 1 {
            text.push_str(&format!(" for {}", tier.per));
        }
        text.push_str(&format!(" {}", entry.unit));
        if let Some(end) = tier.up_to {
            text.push_str(&format!(" up to {end}"));
        }
        (text, tier.seen.as_deref())
    };
    entry.regions.iter().map(|(region, tiers)| (region.as_str(), tiers.iter().map(figure).collect())).collect()
}

/// What something costs somewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Price {
    entry: &'static Entry,
    tiers: &'static [Tier],
    /// Whether it is the price of [`FALLBACK_REGION`], although another one was asked for.
    pub(super) of_other_region: bool,
}

impl Price {
    pub(super) fn unit(self) -> &'static str {
        &self.entry.unit
    }

    /// The page of AWS that says it.
    pub(super) fn source(self) -> &'static str {
        &self.entry.source
    }

    /// What AWS's free tier leaves out each month.
    pub(super) fn free(self) -> Quantity {
        self.entry.free.map(Quantity::whole).unwrap_or_default()
    }

    /// The price of the first tier: so much for so many.
    pub(super) fn first(self) -> (Amount, u64) {
        self.tiers.first().map(|tier| (tier.usd, tier.per)).unwrap_or_default()
    }

    /// The day of the oldest figure that `quantity` is counted by; absent where one of them has none.
    pub(super) fn seen(self, quantity: Quantity) -> Option<&'static str> {
        self.reached(quantity).map(|(tier, _)| tier.seen.as_deref()).min().flatten()
    }

    /// What a quantity costs, each part of it by its tier.
    pub(super) fn of(self, quantity: Quantity) -> Amount {
        self.reached(quantity).map(|(tier, part)| tier.usd.buys(tier.per, part)).sum()
    }

    /// The tiers that a quantity reaches into, with its part in each; the first one always.
    fn reached(self, quantity: Quantity) -> impl Iterator<Item = (&'static Tier, Quantity)> {
        let mut below = Quantity::ZERO;
        self.tiers.iter().enumerate().map_while(move |(index, tier)| {
            let rest = quantity.less(below);
            if index > 0 && rest == Quantity::ZERO {
                return None;
            }
            let size = tier.up_to.map_or(rest, |end| Quantity::whole(end).less(below));
            let part = rest.min(size);
            below = below.plus(part);
            Some((tier, part))
        })
    }
}

#[derive(Debug, Deserialize)]
struct Table {
    date: String,
    #[serde(rename = "list")]
    _list: String,
    #[serde(flatten)]
    prices: BTreeMap<String, Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    unit: String,
    source: String,
    #[serde(default, deserialize_with = "count")]
    free: Option<u64>,
    #[serde(flatten)]
    regions: BTreeMap<String, Vec<Tier>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tier {
    #[serde(deserialize_with = "decimal")]
    usd: Amount,
    #[serde(default = "one")]
    per: u64,
    #[serde(default, deserialize_with = "count")]
    up_to: Option<u64>,
    seen: Option<String>,
}

fn one() -> u64 {
    1
}

fn decimal<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Amount, D::Error> {
    let text = String::deserialize(from)?;
    Amount::from_decimal(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no amount")))
}

fn count<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    String::deserialize(from)?.parse().map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn table_has_every_item_and_no_other() {
        let items: BTreeSet<_> = Item::ALL.into_iter().map(Item::as_str).collect();
        assert_eq!(items.len(), Item::ALL.len(), "no two have the same name");
        assert_eq!(TABLE.prices.keys().map(String::as_str).collect::<BTreeSet<_>>(), items);
    }

    #[test]
    fn every_price_can_be_had_in_every_region_and_says_where_it_is_from() {
        for item in Item::ALL {
            for region in regions().into_iter().chain(["mx-central-1"]) {
                let price = price(item, region).unwrap();
                assert!(price.first().0 > Amount::ZERO && price.first().1 > 0, "{item:?} in {region}");
                assert!(price.source().starts_with("https://aws.amazon.com/"), "{item:?}");
            }
        }
        for region in ["us-east-1", "eu-central-1", "eu-west-1", "us-west-2", "ap-northeast-1", "ap-southeast-1"] {
            assert!(regions().contains(&region), "{region}");
        }
    }

    #[test]
    fn tiers_grow_and_only_the_last_has_no_end() {
        for (name, entry) in &TABLE.prices {
            for (region, tiers) in &entry.regions {
                let ends: Vec<_> = tiers.iter().map(|tier| tier.up_to).collect();
                let (last, others) = ends.split_last().unwrap();
                assert_eq!(*last, None, "{name} in {region}");
                assert!(others.iter().all(Option::is_some) && others.is_sorted(), "{name} in {region}");
            }
        }
    }

    #[test]
    fn dates_are_dates_and_none_is_after_the_table() {
        let is_date = |text: &str| regex_lite::Regex::new(r"^20\d\d-[01]\d-[0-3]\d$").unwrap().is_match(text);
        assert!(is_date(date()));
        for tier in TABLE.prices.values().flat_map(|entry| entry.regions.values().flatten()) {
            let Some(seen) = &tier.seen else { continue };
            assert!(is_date(seen) && seen.as_str() <= date(), "{seen}");
        }
    }

    #[test]
    fn days_are_counted_over_leap_years() {
        for (date, days) in [("1970-01-01", 0), ("2000-02-29", 11_016), ("2000-03-01", 11_017), ("2026-11-21", 20_778)]
        {
            assert_eq!(days_since_1970(date), Some(days), "{date}");
        }
        assert_eq!((days_since_1970("soon"), days_since_1970("1969-12-31")), (None, None));
        assert_eq!((age_in_days(0), age_in_days(days_since_1970(date()).unwrap() + 3)), (0, 3));
    }

    #[test]
    fn each_part_of_a_quantity_costs_what_its_tier_does() {
        // Of 60,000 GB from us-east-1: 10,240 at 0.09, 40,960 at 0.085, and 8,800 at 0.07.
        let price = price(Item::TransferOut, "us-east-1").unwrap();
        assert_eq!(price.of(Quantity::whole(60_000)).exact(), "5019.2");
        assert_eq!(price.of(Quantity::ZERO), Amount::ZERO);
    }

    #[test]
    fn region_that_is_not_known_has_the_price_of_another_and_says_so() {
        assert!(price(Item::HttpApi, "eu-west-1").unwrap().of_other_region);
        assert!(!price(Item::HttpApi, "ap-northeast-1").unwrap().of_other_region);
        assert!(!price(Item::HttpApi, "us-east-1").unwrap().of_other_region);
        assert!(!price(Item::Secrets, "eu-west-1").unwrap().of_other_region, "it is the same everywhere");
    }
}
