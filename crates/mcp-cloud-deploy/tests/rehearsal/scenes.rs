//! What is rehearsed: the commands, each with the way home of whoever ran it.

use std::fmt::Display;

use mcp_cloud_app::Target;
use mcp_cloud_deploy::{
    Error, Plan,
    logs::{LogQuery, server_group},
    rehearsal::matrix::Scene,
    secrets::{Removal, SecretError, SecretOutcome, SecretReference, SecretValue, check_removal},
    status::Health,
};
use mcp_cloud_emulator::aws::Account;
use zeroize::Zeroizing;

use crate::account::Stage;

fn told(things: &[impl Display]) -> Vec<String> {
    things.iter().map(ToString::to_string).collect()
}

/// What a plan would still do.
fn left(plan: &Plan) -> Vec<String> {
    told(&plan.steps)
}

/// What was written although nothing should have been.
pub(crate) fn written(account: &Account) -> Vec<String> {
    let written = account.take_calls().into_iter().filter(|call| call.writes);
    written.map(|call| format!("{}:{} changes something", call.service, call.action)).collect()
}

/// Removes everything, and names what is left on purpose.
pub(crate) async fn destroyed(stage: &Stage, account: &Account) -> Result<Vec<String>, Error> {
    let left = stage.over(account).destroy().await?.applied.left_behind;
    Ok(left.iter().map(|left| format!("{} {}", left.resource_type, left.physical_id)).collect())
}

/// `mcp-cloud deploy`, for the first time or again.
pub(crate) struct Deploys<'a>(pub(crate) &'a Stage, pub(crate) &'static str);

impl Scene for Deploys<'_> {
    type Failure = Error;

    async fn run(&self, account: &Account) -> Result<(), Error> {
        self.0.over(account).deploy(self.1).await.map(drop)
    }

    async fn unfinished(&self, account: &Account) -> Result<Vec<String>, Error> {
        Ok(left(&self.0.over(account).plan(self.1).await?))
    }

    async fn end(&self, account: &Account) -> Result<Vec<String>, Error> {
        destroyed(self.0, account).await
    }
}

/// `mcp-cloud rollback`.
pub(crate) struct GoesBack<'a>(pub(crate) &'a Stage, pub(crate) u64);

impl Scene for GoesBack<'_> {
    type Failure = Error;

    async fn run(&self, account: &Account) -> Result<(), Error> {
        self.0.over(account).rollback(self.1).await.map(drop)
    }

    async fn unfinished(&self, account: &Account) -> Result<Vec<String>, Error> {
        Ok(left(&self.0.over(account).rollback_plan(self.1).await?))
    }

    async fn end(&self, account: &Account) -> Result<Vec<String>, Error> {
        destroyed(self.0, account).await
    }
}

/// `mcp-cloud destroy`.
pub(crate) struct Goes<'a>(pub(crate) &'a Stage);

impl Scene for Goes<'_> {
    type Failure = Error;

    async fn run(&self, account: &Account) -> Result<(), Error> {
        self.0.over(account).destroy().await.map(drop)
    }

    async fn unfinished(&self, account: &Account) -> Result<Vec<String>, Error> {
        Ok(left(&self.0.over(account).destroy_plan().await?))
    }

    async fn end(&self, _: &Account) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

/// What reads and changes nothing: what `status`, `secrets list`, `wait` and `logs` look at.
pub(crate) struct Looks<'a>(pub(crate) &'a Stage);

impl Scene for Looks<'_> {
    type Failure = Error;

    async fn run(&self, account: &Account) -> Result<(), Error> {
        let stage = self.0.over(account);
        let deployer = stage.deployer().await?;
        let observed = stage.settled(&deployer).await?;
        for key in observed.revisions("hello") {
            deployer.revision(observed.bucket.name(), "hello", &key).await?;
        }
        let app = stage.app();
        deployer.list_secrets(&app).await?;
        deployer.status(&app, &observed, Health::Skip).await?;
        deployer.wait_until_deployed("hello", &|_| {}).await?;
        let query = LogQuery::new(vec![server_group(&app, Target::Sam)], 0);
        deployer.read_logs(&query, &mut |_| {}).await
    }

    async fn unfinished(&self, account: &Account) -> Result<Vec<String>, Error> {
        Ok(written(account))
    }

    async fn end(&self, account: &Account) -> Result<Vec<String>, Error> {
        destroyed(self.0, account).await
    }
}

/// The value that secrets are given here; nothing may repeat it.
pub(crate) const VALUE: &str = "open-sesame-7Q";
/// The one before.
pub(crate) const EARLIER: &str = "close-barley-3X";

pub(crate) fn value(text: &str) -> SecretValue {
    SecretValue::from_input(Zeroizing::new(text.as_bytes().to_vec())).expect("it is text")
}

/// What `secrets` does with a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Set,
    Rotate,
    Remove(Removal),
}

/// `mcp-cloud secrets set|rotate|remove`.
pub(crate) struct Keeps<'a>(pub(crate) &'a Stage, pub(crate) Doing);

const VARIABLE: &str = "GITHUB_TOKEN";

impl Keeps<'_> {
    async fn remove(&self, account: &Account, removal: Removal) -> Result<(), Error> {
        let stage = self.0.over(account);
        let deployer = stage.deployer().await?;
        let app = stage.app();
        let Some(record) = deployer.find_secret(&SecretReference::of(&app, VARIABLE)).await? else { return Ok(()) };
        let stack = deployer.observe_stack("hello").await?;
        check_removal(&app.name, &record, stack.as_ref())?;
        deployer.remove_secret(&record, removal).await.map(drop)
    }

    async fn set(&self, account: &Account) -> Result<SecretOutcome, Error> {
        let stage = self.0.over(account);
        let deployer = stage.deployer().await?;
        let app = stage.app();
        let reference = SecretReference::of(&app, VARIABLE);
        let found = deployer.find_secret(&reference).await?;
        Ok(deployer.set_secret(&app, &reference, found.as_ref(), value(VALUE)).await?.outcome)
    }
}

impl Scene for Keeps<'_> {
    type Failure = Error;

    async fn run(&self, account: &Account) -> Result<(), Error> {
        let stage = self.0.over(account);
        match self.1 {
            Doing::Set => self.set(account).await.map(drop),
            Doing::Rotate => {
                let deployer = stage.deployer().await?;
                let app = stage.app();
                let reference = SecretReference::of(&app, VARIABLE);
                deployer.rotate_secret(&app, &reference, value(VALUE)).await.map(drop)
            }
            Doing::Remove(removal) => self.remove(account, removal).await,
        }
    }

    async fn run_again(&self, account: &Account) -> Result<(), Error> {
        match self.run(account).await {
            // The first run did it, and only its answer was lost.
            Err(Error::Secret(SecretError::SameValue { .. })) => Ok(()),
            run => run,
        }
    }

    async fn unfinished(&self, account: &Account) -> Result<Vec<String>, Error> {
        let stage = self.0.over(account);
        let deployer = stage.deployer().await?;
        let found = deployer.find_secret(&SecretReference::of(&stage.app(), VARIABLE)).await?;
        let good = match (self.1, found) {
            (Doing::Remove(Removal::Now), found) => found.is_none(),
            (Doing::Remove(_), found) => found.is_some_and(|record| record.leaves.is_some()),
            (_, None) => false,
            (_, Some(_)) => self.set(account).await? == SecretOutcome::Unchanged,
        };
        Ok(if good { Vec::new() } else { vec!["the secret is not as it should be".to_owned()] })
    }

    async fn end(&self, account: &Account) -> Result<Vec<String>, Error> {
        self.remove(account, Removal::Now).await.map(|()| Vec::new())
    }
}
