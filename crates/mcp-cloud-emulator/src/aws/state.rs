//! What an account holds, and who answers for which service.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    acm,
    calls::Call,
    clock::Time,
    cloudformation::{self, Stack},
    cloudwatch,
    ecr::{self, Ecr},
    ecs::{self, Ecs},
    elb, iam,
    lambda::{self, Function},
    logs::{self, LogGroup},
    misfortune::Misfortunes,
    s3::{self, Bucket},
    scaling::{self, Scaling},
    secrets::{self, Secret},
    sts,
    wire::{Asked, Fault, Reply, Service},
};

/// An account's things. Whatever has no service of its own here is among `things`, as CloudFormation made it.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) account_id: String,
    pub(super) region: String,
    pub(super) clock: Time,
    counter: u64,
    pub(super) calls: Vec<Call>,
    pub(super) misfortunes: Misfortunes,
    pub(super) denied: BTreeSet<String>,
    /// By ARN; those that were deleted too.
    pub(super) stacks: BTreeMap<String, Stack>,
    pub(super) buckets: BTreeMap<String, Bucket>,
    pub(super) functions: BTreeMap<String, Function>,
    pub(super) log_groups: BTreeMap<String, LogGroup>,
    /// By name.
    pub(super) secrets: BTreeMap<String, Secret>,
    /// By type and physical id.
    pub(super) things: BTreeMap<(String, String), Value>,
    /// By ARN.
    pub(super) certificates: BTreeMap<String, Value>,
    pub(super) ecr: Ecr,
    pub(super) ecs: Ecs,
    pub(super) scaling: Scaling,
    /// How many processors of Fargate the account may use.
    pub(super) processors: f64,
    /// By name.
    pub(super) alarm_states: BTreeMap<String, String>,
}

impl State {
    pub(super) fn new(account_id: &str, region: &str) -> Self {
        Self {
            account_id: account_id.to_owned(),
            region: region.to_owned(),
            clock: Time::beginning(),
            counter: 0,
            calls: Vec::new(),
            misfortunes: Misfortunes::default(),
            denied: BTreeSet::new(),
            stacks: BTreeMap::new(),
            buckets: BTreeMap::new(),
            functions: BTreeMap::new(),
            log_groups: BTreeMap::new(),
            secrets: BTreeMap::new(),
            things: BTreeMap::new(),
            certificates: BTreeMap::new(),
            ecr: Ecr::default(),
            ecs: Ecs::default(),
            scaling: Scaling::default(),
            processors: cloudwatch::PROCESSORS,
            alarm_states: BTreeMap::new(),
        }
    }

    pub(super) fn perform(&mut self, asked: &Asked) -> Result<Reply, Fault> {
        self.check_allowed(asked)?;
        match asked.service {
            Service::Acm => acm::answer(self, asked),
            Service::CloudFormation => cloudformation::answer(self, asked),
            Service::CloudWatch => cloudwatch::answer(self, asked),
            Service::Ecr => ecr::answer(self, asked),
            Service::Ecs => ecs::answer(self, asked),
            Service::Elb => elb::answer(self, asked),
            Service::Iam => iam::answer(self, asked),
            Service::Lambda => lambda::answer(self, asked),
            Service::Logs => logs::answer(self, asked),
            Service::Registry => ecr::answer_registry(self, asked),
            Service::S3 => s3::answer(self, asked),
            Service::Scaling => scaling::answer(self, asked),
            Service::SecretsManager => secrets::answer(self, asked),
            Service::Sts => sts::answer(self, asked),
        }
    }

    /// Digits that no other thing has, the same in every run.
    pub(super) fn hex(&mut self, length: usize) -> String {
        self.counter += 1;
        let digest = hex(&Sha256::digest(format!("{}/{}", self.account_id, self.counter)));
        digest.get(..length).unwrap_or(&digest).to_owned()
    }

    /// As hex, in the alphabet of names that AWS makes up.
    pub(super) fn letters(&mut self, length: usize) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        self.counter += 1;
        let digest = Sha256::digest(format!("{}/{}", self.account_id, self.counter));
        let letter =
            |byte: &u8| ALPHABET.get(usize::from(*byte) % ALPHABET.len()).map_or('A', |letter| char::from(*letter));
        digest.iter().take(length).map(letter).collect()
    }

    pub(super) fn uuid(&mut self) -> String {
        let digits = self.hex(32);
        let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
        format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
    }

    pub(super) fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{rest}", self.region, self.account_id)
    }

    /// Whoever asks.
    pub(super) fn identity(&self) -> String {
        format!("arn:aws:iam::{}:user/rehearsal", self.account_id)
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A call that the service does not have here. AWS's words for an action that does not exist.
pub(super) fn unknown(asked: &Asked) -> Fault {
    let action = &asked.action;
    match asked.service {
        Service::CloudFormation | Service::Elb | Service::Iam | Service::Sts => {
            Fault::new(400, "InvalidAction", format!("Could not find operation {action} for version 2010-05-15"))
        }
        Service::Lambda => Fault::new(404, "UnknownOperationException", format!("unknown operation: {action}")),
        Service::Registry => Fault::new(405, "UNSUPPORTED", "The operation is unsupported."),
        Service::S3 => {
            Fault::new(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
        }
        Service::Acm
        | Service::CloudWatch
        | Service::Ecr
        | Service::Ecs
        | Service::Logs
        | Service::Scaling
        | Service::SecretsManager => {
            Fault::new(400, "UnknownOperationException", format!("unknown operation: {action}"))
        }
    }
}
