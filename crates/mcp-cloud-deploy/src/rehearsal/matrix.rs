//! Fails each call of a run in turn, in each way in which calls fail, and says what came of it.

use std::{fmt, future::Future};

use mcp_cloud_emulator::aws::{Account, Call, Inventory, Lasting, Misfortune, Moment};

/// What is rehearsed: a run on an account, and how whoever started it gets on after it failed.
///
/// Everything is asked of several accounts, one after another; nothing may be carried from one to the next.
pub trait Scene {
    /// What is told of a run that does not come to its end.
    type Failure: fmt::Display + fmt::Debug;

    /// Runs what is rehearsed. A call of it fails.
    fn run(&self, account: &Account) -> impl Future<Output = Result<(), Self::Failure>>;

    /// Runs what leads home from wherever the failure left things; nothing fails any more.
    fn run_again(&self, account: &Account) -> impl Future<Output = Result<(), Self::Failure>> {
        self.run(account)
    }

    /// Says what is still to be done after that, a sentence each; nothing when it is home.
    fn unfinished(&self, account: &Account) -> impl Future<Output = Result<Vec<String>, Self::Failure>>;

    /// Removes everything, as far as it can be removed; returns what is left on purpose, as an inventory names it.
    fn end(&self, account: &Account) -> impl Future<Output = Result<Vec<String>, Self::Failure>>;
}

/// What came of a rehearsal.
#[derive(Debug)]
pub struct Rehearsal<F> {
    /// The calls of a run in which nothing fails.
    pub calls: Vec<Call>,
    /// One for each of these calls and each misfortune.
    pub cases: Vec<Case<F>>,
}

impl<F> Rehearsal<F> {
    /// The cases that did not come to a good end.
    pub fn failed(&self) -> impl Iterator<Item = &Case<F>> {
        self.cases.iter().filter(|case| !case.defects.is_empty())
    }
}

/// A run in which something went wrong at one call.
#[derive(Debug)]
pub struct Case<F> {
    /// What went wrong.
    pub misfortune: Misfortune,
    /// The number of the call, from 1.
    pub number: usize,
    /// The call; absent when the run ended before it, because calls that go out together come in any order.
    pub call: Option<Call>,
    /// What the run ended in; absent when it came to its end nevertheless.
    pub error: Option<F>,
    /// What should not be; nothing when it came to a good end.
    pub defects: Vec<Defect<F>>,
}

/// As it stands in a list: `s3:PutObject, call 9, AccessDenied`.
impl<F> fmt::Display for Case<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(call) = &self.call {
            write!(f, "{}:{}, ", call.service, call.action)?;
        }
        write!(f, "call {}, {:?}", self.number, self.misfortune)
    }
}

/// What should not come of a run that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Defect<F> {
    /// The next run does not come to its end.
    #[error("the next run fails: {0}")]
    NextRun(F),
    /// After the next run there is still something to do.
    #[error("the next run leaves undone: {}", .0.join("; "))]
    Unfinished(Vec<String>),
    /// What is there cannot be removed.
    #[error("its removal fails: {0}")]
    Removal(F),
    /// Something is left that should be gone, or is other than it should be.
    #[error("it leaves behind: {}", .0.join("; "))]
    Orphaned(Vec<String>),
    /// The account does not know a call, so nothing is proved.
    #[error("calls that are not rehearsed: {}", .0.join(", "))]
    NotRehearsed(Vec<String>),
}

/// Rehearses a scene from where an account is: once undisturbed, then once for each of its calls and each misfortune.
///
/// The account itself stays as it is. A misfortune lasts until the run has ended, so that repeating the call does not help.
/// `report` hears how many cases are done, and how many there are.
///
/// # Errors
///
/// That of the undisturbed run, when it does not come to its end.
pub async fn matrix<S: Scene>(
    scene: &S,
    before: &Account,
    misfortunes: &[Misfortune],
    report: &(dyn Fn(usize, usize) + Sync),
) -> Result<Rehearsal<S::Failure>, S::Failure> {
    matrix_of(scene, before, &|_| true, misfortunes, report).await
}

/// The same, and only calls that are `wanted` are struck.
///
/// # Errors
///
/// As [`matrix`].
pub async fn matrix_of<S: Scene>(
    scene: &S,
    before: &Account,
    wanted: &(dyn Fn(&Call) -> bool + Sync),
    misfortunes: &[Misfortune],
    report: &(dyn Fn(usize, usize) + Sync),
) -> Result<Rehearsal<S::Failure>, S::Failure> {
    let undisturbed = before.fork();
    scene.run(&undisturbed).await?;
    let calls = undisturbed.take_calls();
    let home = undisturbed.inventory();
    scene.end(&undisturbed).await?;
    let known = Known { home, remains: undisturbed.inventory() };
    let struck: Vec<_> = calls.iter().filter(|call| wanted(call)).map(|call| call.number).collect();
    let of = struck.len() * misfortunes.len();
    let mut cases = Vec::with_capacity(of);
    for misfortune in misfortunes {
        for number in &struck {
            cases.push(case(scene, before.fork(), *misfortune, *number, &known).await);
            report(cases.len(), of);
        }
    }
    Ok(Rehearsal { calls, cases })
}

/// What is known from the undisturbed run.
struct Known {
    /// What there is when it has come to its end.
    home: Inventory,
    /// What is left when everything was removed then.
    remains: Inventory,
}

async fn case<S: Scene>(
    scene: &S,
    account: Account,
    misfortune: Misfortune,
    number: usize,
    known: &Known,
) -> Case<S::Failure> {
    account.strike(Moment::Call(number), misfortune, Lasting::Forever);
    let error = scene.run(&account).await.err();
    let call = account.calls().into_iter().find(|call| call.number == number);
    account.heal();
    let mut defects = Vec::new();
    match scene.run_again(&account).await {
        Ok(()) => match scene.unfinished(&account).await {
            Ok(unfinished) if unfinished.is_empty() => {}
            Ok(unfinished) => defects.push(Defect::Unfinished(unfinished)),
            Err(error) => defects.push(Defect::NextRun(error)),
        },
        Err(error) => defects.push(Defect::NextRun(error)),
    }
    // The same things were removed after the undisturbed run, and what was left of them is known.
    if account.inventory() != known.home {
        defects.extend(removed(scene, &account, &known.remains).await);
    }
    let unknown = account.unknown_calls();
    if !unknown.is_empty() {
        let names = unknown.iter().map(|call| format!("{}:{}", call.service, call.action)).collect();
        defects.push(Defect::NotRehearsed(names));
    }
    Case { misfortune, number, call, error, defects }
}

/// Removes everything, and says what is wrong then.
async fn removed<S: Scene>(scene: &S, account: &Account, remains: &Inventory) -> Vec<Defect<S::Failure>> {
    let mut defects = Vec::new();
    let left = scene.end(account).await.unwrap_or_else(|error| {
        defects.push(Defect::Removal(error));
        Vec::new()
    });
    let inventory = account.inventory();
    let mut orphans = inventory.without(remains);
    orphans.extend(inventory.changed(remains));
    orphans.retain(|orphan| !left.iter().any(|left| left == orphan));
    if !orphans.is_empty() {
        defects.push(Defect::Orphaned(orphans.into_iter().map(str::to_owned).collect()));
    }
    defects
}
