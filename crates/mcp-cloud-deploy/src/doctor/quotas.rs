//! Whether the account has room for the function
//! (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>), or for the tasks of the service
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html>).

use std::sync::Arc;

use aws_sdk_lambda::types::{AccountLimit, AccountUsage};
use mcp_cloud_app::{App, Target};

use super::{Finding, Group, chain, now};
use crate::{
    aws::{
        Deployer,
        cloudwatch::{Capacity, Processors},
    },
    error::AwsError,
    observe::Stack,
};

/// What Lambda keeps back for functions that reserve nothing
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html>).
const UNRESERVED: i64 = 100;
/// What a function's code may weigh unpacked: less room than that, and the next deployment may be refused.
const LARGEST_CODE: i64 = 250 * MEGABYTE;
const MEGABYTE: i64 = 1024 * 1024;
/// What one processor of Fargate is in units of ECS.
const UNITS: f64 = 1024.0;
/// While a service is deployed, there are the old tasks and as many new ones.
const DURING_DEPLOYMENT: f64 = 2.0;

/// What the account has, and what this function takes of it already.
#[derive(Debug, Clone, Copy)]
struct Account {
    concurrency: i64,
    unreserved: i64,
    /// Reserved for this function.
    reserved: i64,
    code_limit: i64,
    code_used: i64,
}

pub(super) async fn findings(
    app: Arc<App>,
    target: Target,
    deployer: Arc<Deployer>,
    deployed: Option<Arc<Stack>>,
) -> Vec<Finding> {
    if target == Target::Ecs {
        return of_fargate(&app, &deployer, deployed.is_some()).await;
    }
    match account(&app, &deployer).await {
        Ok(account) => vec![concurrency(&app, account), code(account)],
        Err(error) => vec![Group::Quotas.ask("what the account has left").skip(chain(&error))],
    }
}

/// Asks for each kind of machine that the tasks may run on.
async fn of_fargate(app: &App, deployer: &Deployer, is_deployed: bool) -> Vec<Finding> {
    let kinds = [(Capacity::OnDemand, app.ecs.spot_percent < 100), (Capacity::Spot, app.ecs.spot_percent > 0)];
    let mut findings = Vec::new();
    for (capacity, _) in kinds.into_iter().filter(|(_, wanted)| *wanted) {
        let question = Group::Quotas.ask(match capacity {
            Capacity::OnDemand => "processors of Fargate",
            Capacity::Spot => "processors of Fargate Spot",
        });
        findings.push(match deployer.processors(capacity, now(deployer)).await {
            Ok(Some(found)) => processors(question, app, capacity, found, is_deployed),
            Ok(None) => {
                question.skip("the account used none within the last hours, and only then AWS says how many it may")
            }
            Err(error) => question.skip(chain(&error)),
        });
    }
    findings
}

/// Whether as many tasks can run as the file says, and be deployed. What runs already is among what is used.
fn processors(
    question: super::Question,
    app: &App,
    capacity: Capacity,
    Processors { used, quota }: Processors,
    is_deployed: bool,
) -> Finding {
    let all = format!("{used} of {quota} vCPU used");
    let at_most = f64::from(app.ecs.maximum) * f64::from(app.ecs.cpu) / UNITS;
    let wanted = at_most * DURING_DEPLOYMENT;
    let left = if is_deployed { quota } else { quota - used };
    if wanted <= left {
        return question.ok(all);
    }
    let code = match capacity {
        Capacity::OnDemand => "L-3032A538",
        Capacity::Spot => "L-36FBB829",
    };
    question.ng(
        format!("{all}; `scaling.maximum` asks for {at_most}, and for {wanted} while it is deployed"),
        format!(
            "lower `scaling.maximum`, or ask for more: `aws service-quotas request-service-quota-increase --service-code \
             fargate --quota-code {code} --desired-value {}`",
            (quota + wanted - left).ceil()
        ),
    )
}

async fn account(app: &App, deployer: &Deployer) -> Result<Account, AwsError> {
    let settings = deployer.lambda.get_account_settings().send().await;
    let settings = settings.map_err(|error| AwsError::new("read the account's settings of Lambda", error))?;
    let limit = settings.account_limit();
    let concurrency = limit.map(AccountLimit::concurrent_executions).unwrap_or_default();
    let unreserved = limit.and_then(AccountLimit::unreserved_concurrent_executions).unwrap_or(concurrency);
    let reserved = match app.lambda.reserved {
        Some(_) => reserved(&app.name, deployer).await?,
        None => 0,
    };
    Ok(Account {
        concurrency: concurrency.into(),
        unreserved: unreserved.into(),
        reserved,
        code_limit: limit.map(AccountLimit::total_code_size).unwrap_or_default(),
        code_used: settings.account_usage().map(AccountUsage::total_code_size).unwrap_or_default(),
    })
}

async fn reserved(function: &str, deployer: &Deployer) -> Result<i64, AwsError> {
    let found = deployer.lambda.get_function_concurrency().function_name(function).send().await;
    match found.map_err(|error| AwsError::new(format!("read what is reserved for `{function}`"), error)) {
        Ok(found) => Ok(found.reserved_concurrent_executions().unwrap_or_default().into()),
        Err(error) if error.is("ResourceNotFoundException") => Ok(0),
        Err(error) => Err(error),
    }
}

/// Whether as much can be reserved or kept warm as the file says. What is kept warm counts within what is reserved.
fn concurrency(app: &App, account: Account) -> Finding {
    let question = Group::Quotas.ask("invocations at a time");
    let Account { concurrency, unreserved, reserved, .. } = account;
    let all = format!("{concurrency} in this account, {unreserved} of them not reserved");
    let wanted = app.lambda.reserved.map_or(i64::from(app.lambda.provisioned), i64::from);
    let free = (unreserved + reserved - UNRESERVED).max(0);
    if wanted <= free || wanted == 0 {
        return question.ok(all);
    }
    let key = if app.lambda.reserved.is_some() { "scaling.maximum" } else { "scaling.minimum" };
    question.ng(
        format!("{all}; `{key}` asks for {wanted}, and {free} can be had, because {UNRESERVED} stay for all others"),
        format!(
            "lower `{key}`, or ask for more: `aws service-quotas request-service-quota-increase --service-code lambda \
             --quota-code L-B99A9384 --desired-value {}`",
            concurrency + wanted - free
        ),
    )
}

fn code(account: Account) -> Finding {
    let question = Group::Quotas.ask("room for code");
    let Account { code_limit, code_used, .. } = account;
    let used = format!("{} of {} MB used", code_used / MEGABYTE, code_limit / MEGABYTE);
    if code_limit - code_used >= LARGEST_CODE {
        return question.ok(used);
    }
    question.ng(used, "delete functions and old versions that nobody calls any more".to_owned())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::doctor::Verdict;

    fn app(scaling: &str) -> App {
        let directory = tempfile::tempdir().expect("a folder can be made");
        let text = format!("name = \"hello\"\nbuild.image = \"hello:1\"\n[scaling]\n{scaling}\n");
        fs::write(directory.path().join("mcp-cloud.toml"), text).expect("the file is written");
        App::load(Path::new(directory.path())).expect("the file can be used")
    }

    const ACCOUNT: Account =
        Account { concurrency: 1000, unreserved: 110, reserved: 0, code_limit: 75_000 * MEGABYTE, code_used: 0 };

    #[test]
    fn what_lambda_keeps_back_for_others_cannot_be_reserved() {
        assert_eq!(concurrency(&app(""), ACCOUNT).verdict, Verdict::Ok);
        assert_eq!(concurrency(&app("maximum = 10"), ACCOUNT).verdict, Verdict::Ok);
        let finding = concurrency(&app("maximum = 11"), ACCOUNT);
        assert_eq!(finding.verdict, Verdict::Ng);
        assert!(finding.answer.contains("asks for 11, and 10 can be had"), "{finding:?}");
        assert!(finding.hint.is_some_and(|hint| hint.contains("--desired-value 1001")));
    }

    #[test]
    fn what_is_reserved_already_is_not_asked_for_again() {
        let account = Account { unreserved: 100, reserved: 11, ..ACCOUNT };
        assert_eq!(concurrency(&app("maximum = 11"), account).verdict, Verdict::Ok);
    }

    #[test]
    fn tasks_of_a_deployment_have_to_fit_into_what_the_account_may() {
        let app = app("maximum = 4");
        // Four tasks of a quarter of a processor, and four more.
        let of = |used: f64, quota: f64, is_deployed: bool| {
            let question = Group::Quotas.ask("processors");
            processors(question, &app, Capacity::OnDemand, Processors { used, quota }, is_deployed)
        };
        assert_eq!(app.ecs.cpu, 256);
        assert_eq!(of(1.5, 6.0, false).answer, "1.5 of 6 vCPU used");
        assert_eq!(of(4.0, 6.0, false).verdict, Verdict::Ok);
        let full = of(4.25, 6.0, false);
        assert_eq!(full.verdict, Verdict::Ng);
        assert!(full.hint.is_some_and(|hint| hint.ends_with("--quota-code L-3032A538 --desired-value 7`")));
        assert_eq!(of(4.25, 6.0, true).verdict, Verdict::Ok, "its own tasks are among those that are used");
        assert_eq!(of(0.0, 1.75, true).verdict, Verdict::Ng);
    }

    #[test]
    fn room_for_one_more_function_is_enough() {
        let used = |used: i64| code(Account { code_used: ACCOUNT.code_limit - used, ..ACCOUNT }).verdict;
        assert_eq!((used(LARGEST_CODE), used(LARGEST_CODE - 1)), (Verdict::Ok, Verdict::Ng));
    }
}
