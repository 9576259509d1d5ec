//! How an estimate is made, as a page of Markdown.

use std::fmt::Write as _;

use super::{
    prices::{self, FALLBACK_REGION, Item},
    usage::{Usage, assumptions},
};

const HEAD: &str = "\
<!-- Made of crates/mcp-cloud-app/src/cost; a test keeps it current. -->

# What a server costs

`mcp-cloud cost` estimates what a server costs each month, without asking anybody: from what its template makes, from how it
is called, and from a table of prices that is part of the program. It says what is fixed and what grows with the requests,
and what the same server would cost on other targets of AWS. Prices of Cloud Run and Azure are not in the table, so for
these targets it says so and estimates nothing.

```sh
mcp-cloud cost --requests 1000000 --duration 120ms
mcp-cloud cost --target ecs --region eu-central-1 --output json
```

Sums are exact: amounts are counted in trillionths of a dollar, quantities in millionths, and nothing is a float. In JSON an
amount is a text for the same reason. The free tier of AWS is left aside unless `--free-tier` asks for it, because an account
has it once, whatever else runs there. Tax is never part of it, nor are savings plans and support.

## What is counted

| | |
|---|---|
| Function | invocations, time in GB-seconds with the start of new instances, instances kept warm by their hours, streams beyond 6 MB a reply |
| Service of ECS | processors and memory of the least number of tasks by their hours, their addresses on the internet |
| In front | requests to an HTTP API or a REST API; hours, capacity units and addresses of a load balancer; the firewall, its rules and requests |
| Around | secrets and, where the server reads them itself, calls; the table, its backup, reads and writes; endpoints of AWS in a VPC; metrics that alarms look at |
| Always | logs as they come and while they are kept, what is sent to the internet, archives or images |

The load balancer of ECS Express Mode is shared by up to 25 services; here one service pays all of it. Tasks beyond the least
number, which scaling may add, are not counted, and neither are traces of X-Ray and the metrics of Container Insights: an
estimate names those of them that a server has.

## What is assumed

Options of `mcp-cloud cost` say something else about the first seven.

| | | |
|---|---|---|
";

/// The page about estimates as Markdown: what is counted, every assumption and every price with its source.
#[must_use]
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    for assumption in assumptions(&Usage::default()) {
        let _ = writeln!(
            page,
            "| {} | {} {} | {} |",
            assumption.name, assumption.value, assumption.unit, assumption.meaning
        );
    }
    let _ = write!(
        page,
        "\n## Prices\n\nThe table is of {}. AWS computes its price pages in the browser, and its Price List is too large to be \
         asked each time. Each figure is\nfrom a public record that quotes one of them; the day is that of the record, and `?` \
         where it has none. A region that a\nprice is not known for has that of {FALLBACK_REGION}, and the estimate says so \
         line by line.\n\n| Price of | Region | US dollars | Read |\n|---|---|---|---|\n",
        prices::date()
    );
    for item in Item::ALL {
        for (region, figures) in prices::figures(item) {
            let read = figures.iter().map(|(_, seen)| seen.unwrap_or("?")).collect::<Vec<_>>();
            let texts: Vec<_> = figures.iter().map(|(text, _)| text.as_str()).collect();
            let source = prices::price(item, region).map_or("", super::prices::Price::source);
            let _ = writeln!(
                page,
                "| [{}]({source}) | {region} | {} | {} |",
                item.as_str(),
                texts.join("; "),
                read.join("; ")
            );
        }
    }
    page
}
