//! Keeps two runs from changing the same app at once: an object beside the app's uploads that only one of them can write.
//!
//! S3 writes an object only where none is, or only over the one that was read
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>). Whoever holds the lock writes it again
//! every few seconds, so whoever finds one looks on for a while: a lock that is not written for [`LEASE`] belongs to a run
//! that is no more. No clock is compared with another.

use std::{fmt, process, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{sync::Mutex, task::JoinHandle};

use crate::{
    apply::Reporter,
    aws::{Deployer, s3::Written},
    deployment::key_prefix,
    error::Error,
};

/// How long a lock is good for without being written again.
pub const LEASE: Duration = Duration::from_secs(45);
/// How often it is written again.
const RENEWAL: Duration = Duration::from_secs(15);
/// How often somebody else's is looked at.
const LOOK: Duration = Duration::from_secs(3);

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// What tells this run from every other.
    pub run: String,
    /// The ARN of whoever runs it.
    pub identity: String,
    /// The machine it runs on.
    pub host: String,
    /// Its process there.
    pub process: u32,
    /// How often it has written the lock.
    pub beat: u64,
}

impl Holder {
    fn of_this_run(deployer: &Deployer, run: String) -> Self {
        Self { run, identity: deployer.identity().to_owned(), host: host(), process: process::id(), beat: 0 }
    }

    /// Whether the run certainly ended without letting go: it was one of this machine, and there is no such process.
    fn is_gone(&self) -> bool {
        !self.host.is_empty() && self.host == host() && !is_running(self.process)
    }
}

/// As it stands in an error.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} (process {})", self.identity, self.host, self.process)
    }
}

/// A name that stays the same until the machine is started again, so that a process of that number is the same one.
fn host() -> String {
    let read = |path| std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    let (name, boot) = (read("/proc/sys/kernel/hostname"), read("/proc/sys/kernel/random/boot_id"));
    match (name.is_empty(), boot.get(..8)) {
        (true, _) | (_, None) => name,
        (false, Some(boot)) => format!("{name}-{boot}"),
    }
}

/// Where nobody can say, a process counts as running.
fn is_running(process: u32) -> bool {
    !std::path::Path::new("/proc/self").exists() || std::path::Path::new(&format!("/proc/{process}")).exists()
}

/// A lock that is held. Dropping it stops writing it; [`Lock::release`] lets the next run begin at once.
#[derive(Debug)]
pub(crate) struct Lock {
    deployer: Deployer,
    bucket: String,
    key: String,
    /// What S3 calls the object as it was written last; `None` once somebody else has written it.
    tag: Arc<Mutex<Option<String>>>,
    renewal: JoinHandle<()>,
}

/// The object that is the lock of an app.
pub(crate) fn key(app: &str) -> String {
    format!("{}lock", key_prefix(app))
}

impl Lock {
    /// Takes the lock of an app.
    pub(crate) async fn take(
        deployer: &Deployer,
        bucket: &str,
        app: &str,
        run: &str,
        reporter: &dyn Reporter,
    ) -> Result<Self, Error> {
        let key = key(app);
        let holder = Holder::of_this_run(deployer, run.to_owned());
        let tag = write_first(deployer, bucket, app, &holder, reporter).await?;
        let tag = Arc::new(Mutex::new(Some(tag)));
        let renewal = tokio::spawn(renew(deployer.clone(), bucket.to_owned(), key.clone(), holder, tag.clone()));
        Ok(Self { deployer: deployer.clone(), bucket: bucket.to_owned(), key, tag, renewal })
    }

    /// Whether nobody else has taken it meanwhile, which happens only to a run that could not write for [`LEASE`].
    pub(crate) async fn check(&self) -> Result<(), Error> {
        match self.tag.lock().await.as_deref() {
            Some(_) => Ok(()),
            None => Err(Error::LockLost { bucket: self.bucket.clone(), key: self.key.clone() }),
        }
    }

    /// Removes the lock, if it is still this run's.
    pub(crate) async fn release(self) -> Result<(), Error> {
        self.renewal.abort();
        let Some(tag) = self.tag.lock().await.take() else { return Ok(()) };
        self.deployer.delete_object_if(&self.bucket, &self.key, &tag).await?;
        Ok(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

fn body(holder: &Holder) -> Vec<u8> {
    serde_json::to_vec(holder).unwrap_or_default()
}

/// Writes the lock where none is, or over one that nobody holds any more.
async fn write_first(
    deployer: &Deployer,
    bucket: &str,
    app: &str,
    holder: &Holder,
    reporter: &dyn Reporter,
) -> Result<String, Error> {
    let key = &key(app);
    let mut seen: Option<(String, Duration)> = None;
    loop {
        if let Written::Done(tag) = deployer.put_object_if(bucket, key, body(holder), None).await? {
            return Ok(tag);
        }
        // Let go between the two calls: once more.
        let Some(found) = deployer.object(bucket, key).await? else { continue };
        let owner = serde_json::from_slice::<Holder>(&found.body).ok();
        // Our own, when the answer to the first write was lost and the call was repeated.
        if owner.as_ref().is_some_and(|owner| owner.run == holder.run) {
            return Ok(found.tag);
        }
        let waited = match &seen {
            Some((tag, waited)) if *tag == found.tag => *waited,
            // Written again while we looked on: that run lives.
            Some(_) => return Err(Error::Locked { app: app.to_owned(), holder: owner.map(|owner| owner.to_string()) }),
            None => {
                let who = owner.as_ref().map(|owner| format!(": {owner}")).unwrap_or_default();
                reporter.note(&format!("`{app}` is locked; looking on whether that run still lives{who}"));
                Duration::ZERO
            }
        };
        if waited > LEASE || owner.as_ref().is_some_and(Holder::is_gone) {
            if let Written::Done(tag) = deployer.put_object_if(bucket, key, body(holder), Some(&found.tag)).await? {
                return Ok(tag);
            }
            // Somebody else was quicker.
            seen = None;
            continue;
        }
        deployer.sleep(LOOK).await;
        seen = Some((found.tag, waited + LOOK));
    }
}

async fn renew(deployer: Deployer, bucket: String, key: String, mut holder: Holder, tag: Arc<Mutex<Option<String>>>) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        let mut held = tag.lock().await;
        let Some(current) = held.as_deref() else { return };
        holder.beat += 1;
        match deployer.put_object_if(&bucket, &key, body(&holder), Some(current)).await {
            Ok(Written::Done(next)) => *held = Some(next),
            Ok(Written::Refused) => {
                // Ours again if only an answer was lost.
                let found = deployer.object(&bucket, &key).await.ok().flatten();
                *held = found
                    .filter(|found| serde_json::from_slice::<Holder>(&found.body).is_ok_and(|owner| owner == holder))
                    .map(|found| found.tag);
            }
            // The network may come back; until the lease is over nobody else may begin.
            Err(_) => {}
        }
    }
}
