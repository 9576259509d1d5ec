//! What goes wrong, when, and for how long; each in the words of the service that it strikes.

use std::collections::BTreeMap;

use super::{
    state::State,
    wire::{Asked, Fault, Service},
};

/// Something that goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Misfortune {
    /// Too many calls: the service's own code and status.
    Throttled,
    /// The credentials are over; with [`Lasting::Forever`] for every call from then on.
    ExpiredToken,
    /// The identity may not do this.
    AccessDenied,
    /// The service has an internal error.
    Unavailable,
    /// The connection breaks, and the call never arrives.
    NoAnswer,
    /// The call has its effect, and its answer is lost.
    AnswerLost,
}

impl Misfortune {
    /// Each of them.
    pub const ALL: [Self; 6] =
        [Self::Throttled, Self::ExpiredToken, Self::AccessDenied, Self::Unavailable, Self::NoAnswer, Self::AnswerLost];
}

/// When a misfortune begins. Counted from 1, from the last [`take_calls`](super::Account::take_calls) on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Moment {
    /// At the call of this number.
    Call(usize),
    /// When this action is called for the nth time since the misfortune was announced.
    Nth {
        /// The name in the API: `PutObject`.
        action: String,
        /// Which time.
        nth: usize,
    },
}

impl Moment {
    /// When this action is called for the nth time from now on.
    #[must_use]
    pub fn nth(action: &str, nth: usize) -> Self {
        Self::Nth { action: action.to_owned(), nth }
    }
}

/// For how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// For this many calls: of the same action; where the credentials or the network are concerned, of any.
    Times(u32),
    /// Until [`heal`](super::Account::heal).
    Forever,
}

/// Something that goes wrong with a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StackMisfortune {
    /// Resources of a type cannot be made, changed or removed, with this reason, this many times. A rollback that would
    /// change them back is not concerned.
    ResourceFails {
        /// The type: `AWS::Lambda::Function`.
        resource_type: String,
        /// When.
        when: When,
        /// What the resource's handler says.
        reason: String,
        /// How often.
        times: u32,
    },
    /// The next rollbacks of an update fail at their first resource.
    UpdateRollbackFails {
        /// How often.
        times: u32,
    },
    /// The next deletions of resources of a type fail.
    DeleteFails {
        /// The type: `AWS::Logs::LogGroup`.
        resource_type: String,
        /// How often.
        times: u32,
    },
    /// A deployment that the circuit breaker has ended is taken for complete, as CloudFormation did for years.
    BreakerGoesUnseen {
        /// How often.
        times: u32,
    },
    /// A role that was just made is not known to Lambda yet: the next functions are refused.
    IamDelay {
        /// How often.
        times: u32,
    },
}

/// Which operation on a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is removed.
    Delete,
}

/// How a call is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Struck {
    Refused(Misfortune),
    NoAnswer,
    AnswerLost,
}

#[derive(Debug, Clone)]
struct Trouble {
    moment: Moment,
    misfortune: Misfortune,
    lasting: Lasting,
    /// The calls of its action so far.
    seen: usize,
    /// Whom it struck first, and how often it did.
    struck: Option<(Service, String)>,
    count: u32,
}

impl Trouble {
    fn strikes(&mut self, number: usize, asked: &Asked) -> bool {
        if let Moment::Nth { action, .. } = &self.moment
            && *action == asked.action
        {
            self.seen += 1;
        }
        let fits = match &self.struck {
            Some((service, action)) => {
                matches!(self.misfortune, Misfortune::ExpiredToken | Misfortune::NoAnswer)
                    || (*service, action) == (asked.service, &asked.action)
            }
            None => match &self.moment {
                Moment::Call(at) => *at == number,
                Moment::Nth { action, nth } => *action == asked.action && *nth == self.seen,
            },
        };
        let left = match self.lasting {
            Lasting::Times(times) => self.count < times,
            Lasting::Forever => true,
        };
        if fits && left {
            self.struck.get_or_insert_with(|| (asked.service, asked.action.clone()));
            self.count = self.count.saturating_add(1);
        }
        fits && left
    }
}

/// Everything that is to go wrong.
#[derive(Debug, Clone, Default)]
pub(super) struct Misfortunes {
    troubles: Vec<Trouble>,
    of_stacks: Vec<StackMisfortune>,
}

impl Misfortunes {
    pub(super) fn add(&mut self, moment: Moment, misfortune: Misfortune, lasting: Lasting) {
        self.troubles.push(Trouble { moment, misfortune, lasting, seen: 0, struck: None, count: 0 });
    }

    pub(super) fn add_to_stacks(&mut self, misfortune: StackMisfortune) {
        self.of_stacks.push(misfortune);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn strike(&mut self, number: usize, asked: &Asked) -> Option<Struck> {
        // Each of them counts its calls, so none may be left out.
        let striking: Vec<_> = self
            .troubles
            .iter_mut()
            .filter_map(|trouble| trouble.strikes(number, asked).then_some(trouble.misfortune))
            .collect();
        striking.first().map(|misfortune| match misfortune {
            Misfortune::NoAnswer => Struck::NoAnswer,
            Misfortune::AnswerLost => Struck::AnswerLost,
            other => Struck::Refused(*other),
        })
    }

    /// The reason why an operation on a resource fails now.
    pub(super) fn of_resource(&mut self, kind: &str, on: When) -> Option<String> {
        self.of_stacks.iter_mut().find_map(|misfortune| match misfortune {
            StackMisfortune::ResourceFails { resource_type, when, reason, times }
                if resource_type == kind && *when == on && *times > 0 =>
            {
                *times -= 1;
                Some(reason.clone())
            }
            StackMisfortune::DeleteFails { resource_type, times }
                if resource_type == kind && on == When::Delete && *times > 0 =>
            {
                *times -= 1;
                Some(format!(
                    "Resource handler returned message: \"Internal Failure\" (HandlerErrorCode: InternalFailure, type \
                     {kind})"
                ))
            }
            StackMisfortune::IamDelay { times }
                if kind == "AWS::Lambda::Function" && on == When::Create && *times > 0 =>
            {
                *times -= 1;
                Some(super::cloudformation::handler_says(
                    "The role defined for the function cannot be assumed by Lambda.",
                    "Lambda",
                    400,
                    "InvalidRequest",
                ))
            }
            _ => None,
        })
    }

    /// Whether it is overlooked now that the circuit breaker has ended a deployment.
    pub(super) fn of_breaker(&mut self) -> bool {
        self.of_stacks.iter_mut().any(|misfortune| match misfortune {
            StackMisfortune::BreakerGoesUnseen { times } if *times > 0 => {
                *times -= 1;
                true
            }
            _ => false,
        })
    }

    /// Whether a rollback of an update fails now.
    pub(super) fn of_rollback(&mut self) -> bool {
        self.of_stacks.iter_mut().any(|misfortune| match misfortune {
            StackMisfortune::UpdateRollbackFails { times } if *times > 0 => {
                *times -= 1;
                true
            }
            _ => false,
        })
    }
}

impl State {
    /// A misfortune in the words of the service that it strikes.
    pub(super) fn refusal(&self, misfortune: Misfortune, asked: &Asked) -> Fault {
        use Service::{
            Acm, CloudFormation, CloudWatch, Ecr, Ecs, Elb, Iam, Lambda, Logs, Registry, S3, Scaling, SecretsManager,
            Sts,
        };
        let service = asked.service;
        let over = "The security token included in the request is expired";
        let failure = "The request processing has failed because of an unknown error, exception or failure.";
        match (misfortune, service) {
            (Misfortune::Throttled, Registry) => Fault::new(429, "TOOMANYREQUESTS", "Rate exceeded"),
            (Misfortune::ExpiredToken, Registry) => {
                let message = "Your authorization token has expired. Reauthenticate and try again.";
                Fault::new(403, "DENIED", message)
            }
            (Misfortune::Unavailable, Registry) => Fault::new(503, "UNAVAILABLE", "Service Unavailable"),
            (Misfortune::Throttled, S3) => Fault::new(503, "SlowDown", "Please reduce your request rate."),
            (Misfortune::Throttled, Lambda) => Fault::new(429, "TooManyRequestsException", "Rate exceeded"),
            (Misfortune::Throttled, CloudFormation | CloudWatch | Elb | Iam | Sts) => {
                Fault::new(400, "Throttling", "Rate exceeded")
            }
            (Misfortune::Throttled, Acm | Ecr | Ecs | Logs | Scaling | SecretsManager) => {
                Fault::new(400, "ThrottlingException", "Rate exceeded")
            }
            (Misfortune::ExpiredToken, S3) => Fault::new(400, "ExpiredToken", "The provided token has expired."),
            (Misfortune::ExpiredToken, CloudFormation | Elb | Iam | Sts) => Fault::new(403, "ExpiredToken", over),
            (Misfortune::ExpiredToken, Lambda) => Fault::new(403, "ExpiredTokenException", over),
            (Misfortune::ExpiredToken, _) => Fault::new(400, "ExpiredTokenException", over),
            (Misfortune::Unavailable, S3) => {
                Fault::new(503, "ServiceUnavailable", "Service is unable to handle request.")
            }
            (Misfortune::Unavailable, Lambda) => {
                Fault::new(500, "ServiceException", "An error occurred and the request cannot be processed.")
            }
            (Misfortune::Unavailable, Logs) => {
                Fault::new(503, "ServiceUnavailableException", "The service cannot complete the request.")
            }
            (Misfortune::Unavailable, SecretsManager) => {
                Fault::new(500, "InternalServiceError", "An error occurred on the server side.")
            }
            (Misfortune::Unavailable, Ecr | Ecs) => {
                Fault::new(500, "ServerException", "Service Unavailable. Please try again later.")
            }
            (Misfortune::Unavailable, Scaling) => Fault::new(500, "InternalServiceException", failure),
            (Misfortune::Unavailable, CloudWatch) => Fault::new(500, "InternalServiceFault", failure),
            (Misfortune::Unavailable, _) => Fault::new(500, "InternalFailure", failure),
            (Misfortune::AccessDenied | Misfortune::NoAnswer | Misfortune::AnswerLost, _) => self.denial(asked),
        }
    }

    fn denial(&self, asked: &Asked) -> Fault {
        let action = permission(asked);
        let resource = self.resource(asked);
        let resource = if asked.service == Service::S3 { format!("\"{resource}\"") } else { resource };
        let message = format!(
            "User: {} is not authorized to perform: {action} on resource: {resource} because no identity-based policy \
             allows the {action} action",
            self.identity()
        );
        match asked.service {
            Service::CloudFormation
            | Service::CloudWatch
            | Service::Elb
            | Service::Iam
            | Service::S3
            | Service::Sts => Fault::new(403, "AccessDenied", message),
            Service::Lambda => Fault::new(403, "AccessDeniedException", message),
            Service::Registry => Fault::new(403, "DENIED", message),
            Service::Acm | Service::Ecr | Service::Ecs | Service::Logs | Service::Scaling | Service::SecretsManager => {
                Fault::new(400, "AccessDeniedException", message)
            }
        }
    }

    /// Refuses what is denied to whoever asks.
    pub(super) fn check_allowed(&self, asked: &Asked) -> Result<(), Fault> {
        if self.denied.contains(&permission(asked)) { Err(self.denial(asked)) } else { Ok(()) }
    }

    /// The ARN that a policy would name.
    fn resource(&self, asked: &Asked) -> String {
        let of = |name: &str| asked.text(name).map(str::to_owned);
        match asked.service {
            Service::S3 => match (of("Bucket"), of("Key")) {
                (Some(bucket), Some(key)) => format!("arn:aws:s3:::{bucket}/{key}"),
                (Some(bucket), None) => format!("arn:aws:s3:::{bucket}"),
                _ => "*".to_owned(),
            },
            Service::CloudFormation => match of("StackName").or_else(|| of("ChangeSetName")) {
                Some(name) if name.starts_with("arn:") => name,
                Some(name) => self.arn("cloudformation", &format!("stack/{name}/*")),
                None => "*".to_owned(),
            },
            Service::Lambda => match of("FunctionName") {
                Some(name) if name.starts_with("arn:") => name,
                Some(name) => self.arn("lambda", &format!("function:{name}")),
                None => "*".to_owned(),
            },
            Service::SecretsManager => of("SecretId").or_else(|| of("Name")).unwrap_or_else(|| "*".to_owned()),
            Service::Logs => match of("logGroupName") {
                Some(name) => self.arn("logs", &format!("log-group:{name}:log-stream:")),
                None => self.arn("logs", "log-group::log-stream:"),
            },
            Service::Acm => of("CertificateArn").unwrap_or_else(|| "*".to_owned()),
            Service::Ecs => match (of("cluster"), of("service").or_else(|| of("serviceName"))) {
                (Some(cluster), Some(service)) => self.arn("ecs", &format!("service/{cluster}/{service}")),
                (Some(cluster), None) => self.arn("ecs", &format!("cluster/{cluster}")),
                _ => "*".to_owned(),
            },
            Service::Ecr | Service::Registry => match of("repositoryName") {
                Some(name) => self.arn("ecr", &format!("repository/{name}")),
                None => "*".to_owned(),
            },
            Service::CloudWatch | Service::Elb | Service::Iam | Service::Scaling | Service::Sts => "*".to_owned(),
        }
    }
}

/// The action that a policy would name; not always the call's name
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>).
fn permission(asked: &Asked) -> String {
    let names = BTreeMap::from([
        ("HeadBucket", "ListBucket"),
        ("ListObjectsV2", "ListBucket"),
        ("ListObjectVersions", "ListBucketVersions"),
        ("HeadObject", "GetObject"),
        ("DeleteObjects", "DeleteObject"),
        ("CopyObject", "PutObject"),
        ("PutBucketEncryption", "PutEncryptionConfiguration"),
        ("PutPublicAccessBlock", "PutBucketPublicAccessBlock"),
        ("PutBucketLifecycleConfiguration", "PutLifecycleConfiguration"),
        ("ListBuckets", "ListAllMyBuckets"),
        ("Invoke", "InvokeFunction"),
    ]);
    let action = names.get(asked.action.as_str()).copied().unwrap_or(&asked.action);
    format!("{}:{action}", asked.service.name())
}
