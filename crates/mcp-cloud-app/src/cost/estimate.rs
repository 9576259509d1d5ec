//! Footprint and usage → what is paid each month, line by line.

use serde::Serialize;

use super::{
    amount::{Amount, Quantity},
    footprint::{Footprint, FunctionFootprint, Gateway, LoadBalancerFootprint, Storage, TaskFootprint},
    prices::{self, FALLBACK_REGION, Item},
    usage::{ACCESS_LOG_BYTES, DAYS_PER_MONTH, HOURS_PER_MONTH, MINUTES_PER_WEEK, SPOT_PERCENT, Usage},
};

const MILLION: u64 = 1_000_000;
const BYTES_PER_GB: u128 = 1024 * 1024 * 1024;
const KB_PER_GB: u128 = 1024 * 1024;
const MB_PER_GB: u128 = 1024;
/// kB of each reply that Lambda streams without asking for money.
const STREAMED_FREE_KB: u64 = 6 * 1024;
const MILLISECONDS_PER_HOUR: u128 = 3_600_000;
/// What one unit of a load balancer carries
/// (<https://aws.amazon.com/elasticloadbalancing/pricing/>): new connections in an hour, open connections, MB in an hour
/// to tasks, and to functions.
const UNIT_CONNECTIONS_PER_HOUR: u128 = 25 * 3600;
const UNIT_OPEN_CONNECTIONS: u128 = 3000;
const UNIT_MB_TO_TASKS: u128 = 1000;
const UNIT_MB_TO_FUNCTIONS: u128 = 400;

/// Whether AWS's free tier is taken off. An account has it once, whatever else runs there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FreeTier {
    /// Everything is paid for.
    #[default]
    Ignored,
    /// What AWS gives for nothing each month, and for ever, is.
    Counted,
}

/// Whether something costs the same however often the server is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It does.
    Fixed,
    /// It grows with the requests.
    Variable,
}

/// One thing that is paid for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Line {
    /// The name of its price in the table.
    pub item: &'static str,
    /// What it is, for people.
    pub what: &'static str,
    /// How much of it in a month.
    pub quantity: Quantity,
    /// Of what, such as `GB-seconds`.
    pub unit: &'static str,
    /// What `per` of it cost, in the first tier.
    pub usd: Amount,
    /// How many cost that.
    pub per: u64,
    /// What it costs in a month.
    pub monthly_usd: Amount,
    /// Whether that depends on the requests.
    pub kind: Kind,
    /// The region that the price is of: [`FALLBACK_REGION`] where the table does not know the right one.
    pub region: String,
    /// The page of AWS that says the price.
    pub source: &'static str,
    /// The day of the oldest figure behind it, where it is known.
    pub seen: Option<&'static str>,
}

/// What a server costs in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// The region that was asked for.
    pub region: String,
    /// What is paid for, what matters most first.
    pub lines: Vec<Line>,
    /// What is paid for, too, and not counted.
    pub not_counted: Vec<String>,
    requests: u64,
}

impl Estimate {
    /// The sum.
    #[must_use]
    pub fn total(&self) -> Amount {
        self.lines.iter().map(|line| line.monthly_usd).sum()
    }

    /// What is paid without any request.
    #[must_use]
    pub fn fixed(&self) -> Amount {
        self.of(Kind::Fixed)
    }

    /// What the requests cost.
    #[must_use]
    pub fn variable(&self) -> Amount {
        self.of(Kind::Variable)
    }

    /// What a million requests more would cost at the same price each; nothing is known where there are none.
    #[must_use]
    pub fn per_million_requests(&self) -> Amount {
        self.variable().scaled(MILLION, self.requests)
    }

    /// What is counted by the prices of [`FALLBACK_REGION`], because the table does not know the region's own.
    #[must_use]
    pub fn of_other_region(&self) -> Vec<&Line> {
        self.lines.iter().filter(|line| line.region != self.region).collect()
    }

    /// The day of the oldest figure behind the sum, as far as days are known.
    #[must_use]
    pub fn oldest_figure(&self) -> Option<&'static str> {
        self.lines.iter().filter_map(|line| line.seen).min()
    }

    /// What changes between two estimates, line by line; nothing is there before the first deployment, or after the last.
    #[must_use]
    pub fn difference(before: Option<&Self>, after: Option<&Self>) -> Difference {
        let lines = |estimate: Option<&Self>| estimate.map(|estimate| estimate.lines.clone()).unwrap_or_default();
        let total = |estimate: Option<&Self>| estimate.map(Self::total).unwrap_or_default();
        let (old, new) = (lines(before), lines(after));
        let cost = |lines: &[Line], what: &str| -> Amount {
            lines.iter().filter(|line| line.what == what).map(|line| line.monthly_usd).sum()
        };
        let mut changes: Vec<Change> = Vec::new();
        for line in new.iter().chain(&old) {
            let change = Change { what: line.what, before: cost(&old, line.what), after: cost(&new, line.what) };
            if change.before != change.after && !changes.contains(&change) {
                changes.push(change);
            }
        }
        Difference { before: total(before), after: total(after), changes }
    }

    fn of(&self, kind: Kind) -> Amount {
        self.lines.iter().filter(|line| line.kind == kind).map(|line| line.monthly_usd).sum()
    }
}

/// What changes between two estimates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// The sum before.
    pub before: Amount,
    /// The sum after.
    pub after: Amount,
    /// What has another cost than before.
    pub changes: Vec<Change>,
}

impl Difference {
    /// How much more is paid; negative when it is less.
    #[must_use]
    pub fn more(&self) -> Amount {
        self.after - self.before
    }
}

/// Something that has another cost than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// What it is.
    pub what: &'static str,
    /// What it cost.
    pub before: Amount,
    /// What it will cost.
    pub after: Amount,
}

/// Estimates what a footprint costs in a month. Equal input gives equal output, to the trillionth of a dollar.
#[must_use]
pub fn estimate(footprint: &Footprint, usage: &Usage, region: &str, free_tier: FreeTier) -> Estimate {
    let mut bill = Bill { usage, region, free_tier, lines: Vec::new() };
    if let Some(function) = &footprint.function {
        bill.function(function);
    }
    if let Some(tasks) = &footprint.tasks {
        bill.tasks(tasks);
    }
    match footprint.gateway {
        Some(Gateway::HttpApi) => bill.requests(Item::HttpApi, "requests to the HTTP API"),
        Some(Gateway::RestApi) => bill.requests(Item::RestApi, "requests to the REST API"),
        None => {}
    }
    if let Some(load_balancer) = &footprint.load_balancer {
        bill.load_balancer(load_balancer);
    }
    if let Some(rules) = footprint.firewall_rules {
        bill.fixed(Item::Firewall, "the firewall", Quantity::whole(1));
        bill.fixed(Item::FirewallRules, "rules of the firewall", Quantity::whole(rules.into()));
        bill.requests(Item::FirewallRequests, "requests through the firewall");
    }
    bill.surroundings(footprint);
    bill.logs(footprint);
    let mut lines = bill.lines;
    // What costs the same stays in the order in which it was added.
    lines.sort_by_key(|line| std::cmp::Reverse(line.monthly_usd));
    Estimate {
        region: region.to_owned(),
        lines,
        not_counted: footprint.not_counted.iter().cloned().collect(),
        requests: usage.requests,
    }
}

struct Bill<'a> {
    usage: &'a Usage,
    region: &'a str,
    free_tier: FreeTier,
    lines: Vec<Line>,
}

impl Bill<'_> {
    fn function(&mut self, function: &FunctionFootprint) {
        let arm = function.architecture == "arm64";
        let of = |on_arm, on_x86| if arm { on_arm } else { on_x86 };
        self.requests(Item::LambdaRequests, "invocations of the function");
        let memory = u128::from(function.memory_mb);
        let starting = self.usage.cold_starts().saturating_mul(self.usage.cold_start_milliseconds.into());
        let gb_seconds = |milliseconds: u128| Quantity::ratio(milliseconds.saturating_mul(memory), 1000 * MB_PER_GB);
        if function.provisioned > 0 {
            // Instances that are there already serve, and nobody waits for them.
            let item = of(Item::LambdaProvisionedDurationArm, Item::LambdaProvisionedDurationX86);
            self.variable(item, "time of the function", gb_seconds(self.usage.total_milliseconds()));
            let warm =
                gb_seconds(MILLISECONDS_PER_HOUR * u128::from(HOURS_PER_MONTH) * u128::from(function.provisioned));
            let warm = warm.part(function.provisioned_minutes_per_week.into(), MINUTES_PER_WEEK.into());
            self.fixed(of(Item::LambdaProvisionedArm, Item::LambdaProvisionedX86), "instances kept warm", warm);
        } else {
            let milliseconds = self.usage.total_milliseconds().saturating_add(starting);
            self.variable(of(Item::LambdaArm, Item::LambdaX86), "time of the function", gb_seconds(milliseconds));
        }
        let beyond = self.usage.stream_kilobytes.saturating_sub(STREAMED_FREE_KB);
        if function.streams && beyond > 0 {
            let streams = u128::from(self.usage.requests).saturating_mul(self.usage.streamed_percent.min(100).into());
            let gb = Quantity::ratio(streams.saturating_mul(beyond.into()), 100 * KB_PER_GB);
            self.variable(Item::LambdaStreamed, "streams beyond 6 MB", gb);
        }
    }

    fn tasks(&mut self, tasks: &TaskFootprint) {
        let (processor, memory) = if tasks.architecture == "arm64" {
            (Item::FargateCpuArm, Item::FargateMemoryArm)
        } else {
            (Item::FargateCpuX86, Item::FargateMemoryX86)
        };
        let hours = Quantity::whole(HOURS_PER_MONTH.saturating_mul(tasks.minimum.into()))
            .part(tasks.minutes_per_week.into(), MINUTES_PER_WEEK.into());
        // What runs on Spot counts as the part of an hour that it costs.
        let spot = u128::from(tasks.spot_percent.min(100));
        let paid = hours.part((100 - spot) * 100 + spot * SPOT_PERCENT, 100 * 100);
        self.fixed(processor, "processors of the tasks", paid.part(tasks.cpu_units.into(), 1024));
        self.fixed(memory, "memory of the tasks", paid.part(tasks.memory_mb.into(), MB_PER_GB));
        if tasks.public_address {
            self.fixed(Item::PublicIpv4, "addresses of the tasks", hours);
        }
    }

    fn load_balancer(&mut self, load_balancer: &LoadBalancerFootprint) {
        let hours = Quantity::whole(HOURS_PER_MONTH);
        self.fixed(Item::LoadBalancer, "the load balancer", hours);
        // Each request may come on a connection of its own, and stays open while it is served; what is carried most of
        // is what is paid.
        let requests = u128::from(self.usage.requests);
        let connections = Quantity::ratio(requests, UNIT_CONNECTIONS_PER_HOUR);
        let open = Quantity::ratio(self.usage.total_milliseconds(), MILLISECONDS_PER_HOUR * UNIT_OPEN_CONNECTIONS);
        let unit = if load_balancer.invokes_function { UNIT_MB_TO_FUNCTIONS } else { UNIT_MB_TO_TASKS };
        let carried = Quantity::ratio(self.usage.total_kilobytes(), 1000 * unit);
        let units = connections.max(open).max(carried);
        self.variable(Item::LoadBalancerUnits, "what the load balancer carries", units);
        if load_balancer.public_addresses > 0 {
            let addresses = hours.part(load_balancer.public_addresses.into(), 1);
            self.fixed(Item::PublicIpv4, "addresses of the load balancer", addresses);
        }
    }

    /// What stands around the server: secrets, store, network, alarms, code.
    fn surroundings(&mut self, footprint: &Footprint) {
        let usage = self.usage;
        if footprint.secrets > 0 {
            self.fixed(Item::Secrets, "secrets", Quantity::whole(footprint.secrets.into()));
            if footprint.secrets_read_at_start {
                let calls = usage.cold_starts().saturating_mul(footprint.secrets.into());
                self.variable(Item::SecretCalls, "secrets that are read", Quantity::ratio(calls, 1));
            }
        }
        if footprint.tables > 0 {
            let of_requests = |units: u64| Quantity::ratio(u128::from(usage.requests).saturating_mul(units.into()), 1);
            self.variable(Item::TableReads, "what is read from the table", of_requests(usage.table_reads));
            self.variable(Item::TableWrites, "what is written to the table", of_requests(usage.table_writes));
            let held = Quantity::ratio(usage.table_megabytes.into(), MB_PER_GB);
            self.fixed(Item::TableStorage, "what the table holds", held);
            self.fixed(Item::TableBackup, "the backup of the table", held);
        }
        let hours = |number: u32| Quantity::whole(HOURS_PER_MONTH).part(number.into(), 1);
        if footprint.interface_endpoints > 0 {
            self.fixed(Item::InterfaceEndpoint, "endpoints of AWS in the VPC", hours(footprint.interface_endpoints));
        }
        if footprint.nat_gateways > 0 {
            self.fixed(Item::NatGateway, "NAT gateways", hours(footprint.nat_gateways));
        }
        if footprint.alarm_metrics > 0 {
            self.fixed(Item::AlarmMetrics, "metrics of the alarms", Quantity::whole(footprint.alarm_metrics.into()));
        }
        let code = Quantity::ratio(usage.code_megabytes.into(), MB_PER_GB);
        match footprint.storage {
            Storage::Archives => self.fixed(Item::Archives, "archives of the code", code),
            Storage::Images => self.fixed(Item::Images, "images of the server", code),
        }
        let sent = Quantity::ratio(usage.total_kilobytes(), KB_PER_GB);
        self.variable(Item::TransferOut, "replies to the internet", sent);
    }

    fn logs(&mut self, footprint: &Footprint) {
        let requests = u128::from(self.usage.requests);
        let access = if footprint.gateway == Some(Gateway::HttpApi) { ACCESS_LOG_BYTES } else { 0 };
        let bytes = u128::from(self.usage.log_kilobytes).saturating_mul(1024).saturating_add(access.into());
        let ingested = Quantity::ratio(requests.saturating_mul(bytes), BYTES_PER_GB);
        self.variable(Item::LogsIngested, "logs as they come", ingested);
        let stored = ingested.part(footprint.log_retention_days.into(), DAYS_PER_MONTH);
        self.variable(Item::LogsStored, "logs that are kept", stored);
    }

    fn requests(&mut self, item: Item, what: &'static str) {
        self.variable(item, what, Quantity::whole(self.usage.requests));
    }

    fn fixed(&mut self, item: Item, what: &'static str, quantity: Quantity) {
        self.add(item, what, quantity, Kind::Fixed);
    }

    fn variable(&mut self, item: Item, what: &'static str, quantity: Quantity) {
        self.add(item, what, quantity, Kind::Variable);
    }

    fn add(&mut self, item: Item, what: &'static str, quantity: Quantity, kind: Kind) {
        // The table has every item; a test holds it to that.
        let Some(price) = prices::price(item, self.region) else { return };
        let paid = match self.free_tier {
            FreeTier::Ignored => quantity,
            FreeTier::Counted => quantity.less(price.free()),
        };
        let (usd, per) = price.first();
        self.lines.push(Line {
            item: item.as_str(),
            what,
            quantity,
            unit: price.unit(),
            usd,
            per,
            monthly_usd: price.of(paid),
            kind,
            region: if price.of_other_region { FALLBACK_REGION } else { self.region }.to_owned(),
            source: price.source(),
            seen: price.seen(paid),
        });
    }
}
