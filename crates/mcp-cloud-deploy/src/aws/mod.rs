//! The way to AWS: credentials, region and one HTTP client for every service.

pub(crate) mod actions;
pub(crate) mod cloudformation;
pub(crate) mod cloudwatch;
mod ecr;
mod ecs;
mod elb;
mod emulated;
mod lambda;
pub(crate) mod logs;
mod raw;
pub(crate) mod s3;
pub(crate) mod scaling;
pub(crate) mod secrets;

use std::time::Duration;

use aws_config::{
    AppName, BehaviorVersion, Region, SdkConfig,
    environment::EnvironmentVariableRegionProvider,
    meta::region::RegionProviderChain,
    profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider},
    provider_config::ProviderConfig,
    retry::RetryConfig,
};
use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError};
use aws_sdk_sts::{config::SharedHttpClient, error::BoxError};
use aws_smithy_async::rt::sleep::AsyncSleep as _;
use aws_smithy_http_client::{Builder, Connector, proxy::ProxyConfig, tls};
use aws_smithy_types::{DateTime, date_time::Format};

pub use self::ecr::{RegistryLogin, Repository, StoredImage};
pub(crate) use self::ecs::Desired;
use crate::error::{AwsError, Error};

/// A polling command makes many calls: a throttled one waits and tries again a few times more than the SDK would.
pub(crate) const ATTEMPTS: u32 = 6;

/// An AWS account and region, with the right to act there.
#[derive(Debug, Clone)]
pub struct Deployer {
    account: String,
    region: String,
    identity: String,
    /// The address that stands for the registries of AWS, unless they are meant.
    registry: Option<String>,
    pub(crate) config: SdkConfig,
    pub(crate) acm: aws_sdk_acm::Client,
    pub(crate) cloudformation: aws_sdk_cloudformation::Client,
    pub(crate) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(crate) ecr: aws_sdk_ecr::Client,
    pub(crate) ecs: aws_sdk_ecs::Client,
    pub(crate) elb: aws_sdk_elasticloadbalancingv2::Client,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) lambda: aws_sdk_lambda::Client,
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) scaling: aws_sdk_applicationautoscaling::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
}

/// Where a command is meant to act. What is said here wins over what environment and profile say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The region.
    pub region: Option<String>,
    /// The only account that may be touched: its twelve digits.
    pub account: Option<String>,
    /// The profile of AWS's shared files whose credentials and region are used.
    pub profile: Option<String>,
}

impl Deployer {
    /// Finds credentials and region where every AWS tool looks for them, and asks AWS whose they are.
    ///
    /// Sources of credentials: environment, profile (keys, role, single sign-on, process), web identity (OpenID
    /// Connect), container and instance.
    ///
    /// # Errors
    ///
    /// [`Error::NoRegion`], [`Error::NotARegion`], [`Error::NoCredentials`] and [`Error::Credentials`] when something is
    /// missing; [`Error::OtherAccount`] when the credentials are of another account than the one that is meant;
    /// [`Error::Aws`] when AWS does not accept the credentials.
    pub async fn connect(place: Place) -> Result<Self, Error> {
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http_client())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
        if let Ok(name) = AppName::new("mcp-cloud") {
            loader = loader.app_name(name);
        }
        let region = place.region.map(Region::new);
        if let Some(profile) = place.profile {
            loader = loader.credentials_provider(of_profile(&profile, region.clone()).await).profile_name(profile);
        }
        if let Some(region) = region {
            loader = loader.region(region);
        }
        let config = loader.load().await;
        let config = match (config.endpoint_url(), config.http_client()) {
            (Some(endpoint), Some(client)) => {
                let client = emulated::client(client, endpoint);
                config.into_builder().http_client(client).build()
            }
            _ => config,
        };
        Self::over(config, place.account.as_deref()).await
    }

    /// Connects over a configuration that is complete: its HTTP client and its way of sleeping are used for everything,
    /// so that a rehearsal needs neither a network nor a clock.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn over(config: SdkConfig, account: Option<&str>) -> Result<Self, Error> {
        let region = config.region().ok_or(Error::NoRegion)?.to_string();
        // It becomes part of host names.
        if region.is_empty() || !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(Error::NotARegion { region });
        }
        check_credentials(&config).await?;
        let identity = aws_sdk_sts::Client::new(&config)
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| AwsError::new("ask AWS whose credentials these are", error))?;
        let actual = identity.account().unwrap_or_default();
        if let Some(expected) = account.filter(|expected| *expected != actual) {
            return Err(Error::OtherAccount { expected: expected.to_owned(), actual: actual.to_owned() });
        }
        Ok(Self {
            account: actual.to_owned(),
            region,
            identity: identity.arn().unwrap_or_default().to_owned(),
            registry: config.endpoint_url().and_then(authority),
            acm: aws_sdk_acm::Client::new(&config),
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&config),
            ecr: aws_sdk_ecr::Client::new(&config),
            ecs: aws_sdk_ecs::Client::new(&config),
            elb: aws_sdk_elasticloadbalancingv2::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(s3_config(&config)),
            scaling: aws_sdk_applicationautoscaling::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            config,
        })
    }

    /// The twelve digits of the account.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The region, such as `eu-central-1`.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The ARN of whoever the credentials belong to.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Takes the registry of images at another address (`host:port`) for those of AWS. An endpoint of AWS that is set is
    /// taken for theirs, too, unless this says otherwise.
    #[must_use]
    pub fn with_registry(self, address: &str) -> Self {
        Self { registry: Some(address.to_owned()), ..self }
    }

    /// The address that stands for the registries of AWS.
    pub(crate) fn registry(&self) -> Option<&str> {
        self.registry.as_deref()
    }

    /// Waits, by the configuration's own way of sleeping.
    pub(crate) async fn sleep(&self, duration: Duration) {
        match self.config.sleep_impl() {
            Some(sleep) => sleep.sleep(duration).await,
            None => tokio::time::sleep(duration).await,
        }
    }
}

fn authority(endpoint: &str) -> Option<String> {
    let endpoint: http::Uri = endpoint.parse().ok()?;
    endpoint.authority().map(ToString::to_string)
}

/// The credentials of a profile and of nothing else. The SDK's own chain would take keys from the environment first, and
/// whoever names a profile means that one.
async fn of_profile(profile: &str, region: Option<Region>) -> ProfileFileCredentialsProvider {
    let config = ProviderConfig::without_region().with_http_client(http_client());
    let region = match region {
        Some(region) => Some(region),
        None => {
            let file = ProfileFileRegionProvider::builder().profile_name(profile).build();
            RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new()).or_else(file).region().await
        }
    };
    ProfileFileCredentialsProvider::builder().configure(&config.with_region(region)).profile_name(profile).build()
}

/// To the second: when within it is nobody's concern.
fn rfc3339(time: &DateTime) -> Option<String> {
    DateTime::from_secs(time.secs()).fmt(Format::DateTime).ok()
}

/// Says early and in its own words that there are no credentials; the first call would say it in the SDK's.
async fn check_credentials(config: &SdkConfig) -> Result<(), Error> {
    let no_source = || Error::NoCredentials { source: BoxError::from("no source is configured") };
    let provider = config.credentials_provider().ok_or_else(no_source)?;
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(error @ CredentialsError::CredentialsNotLoaded(_)) => Err(Error::NoCredentials { source: error.into() }),
        Err(error) => Err(Error::Credentials { source: error.into() }),
    }
}

/// Names of buckets become host names, which an endpoint of one's own does not resolve.
fn s3_config(config: &SdkConfig) -> aws_sdk_s3::Config {
    let own_endpoint = config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
    aws_sdk_s3::config::Builder::from(config).force_path_style(own_endpoint).build()
}

/// The SDK's default client with another cryptography under its TLS: ring builds in a third of the time.
pub(crate) fn http_client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        let mut connector = Connector::builder().tls_provider(ring).proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.build()
    })
}
