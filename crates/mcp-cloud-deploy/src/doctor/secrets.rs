//! Whether the secrets that the server needs are there. Their values are never read.

use std::sync::Arc;

use aws_config::Region;
use aws_sdk_secretsmanager::{Client, config::Builder};
use aws_smithy_types::date_time::Format;
use mcp_cloud_app::App;

use super::{Finding, Group, all, chain};
use crate::{
    aws::Deployer,
    error::{AwsError, Error},
};

pub(super) async fn findings(app: Arc<App>, deployer: Arc<Deployer>) -> Vec<Finding> {
    let needed = app.needed_secrets();
    if needed.is_empty() {
        return vec![Group::Secrets.skipped("the server needs none")];
    }
    let questions = needed.into_iter().map(|(variable, secret)| {
        let (variable, id, deployer) = (variable.to_owned(), secret.aws.clone(), Arc::clone(&deployer));
        async move {
            match id {
                Some(id) => finding(&variable, &id, &deployer).await,
                None => Group::Secrets.ask(variable).ng(
                    "the file does not say which secret of AWS it is",
                    "write `aws = \"…\"` with the secret's ARN beside it in `mcp-cloud.toml`".to_owned(),
                ),
            }
        }
    });
    all(questions).await
}

async fn finding(variable: &str, id: &str, deployer: &Deployer) -> Finding {
    let question = Group::Secrets.ask(variable);
    let found = client(id, deployer).describe_secret().secret_id(id).send().await;
    match found.map_err(|error| AwsError::new(format!("look at the secret `{id}`"), error)) {
        Ok(found) => match found.deleted_date() {
            Some(end) => question.ng(
                format!("`{id}` is to be deleted on {}", end.fmt(Format::DateTime).unwrap_or_default()),
                format!("run `aws secretsmanager restore-secret --secret-id {id}` before that"),
            ),
            None => question.ok(format!("`{}` is there", found.name().unwrap_or(id))),
        },
        Err(error) if error.is("ResourceNotFoundException") => question.ng(
            format!("there is no secret `{id}`"),
            format!("run `mcp-cloud secrets set {variable}`, or name another in `mcp-cloud.toml`"),
        ),
        Err(error) => question.ng(chain(&error), Error::from(error).hint()),
    }
}

/// A secret with the ARN of another region is there and not here.
fn client(id: &str, deployer: &Deployer) -> Client {
    match id.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2)) {
        Some(region) if region != deployer.region() && !region.is_empty() => {
            Client::from_conf(Builder::from(&deployer.config).region(Region::new(region.to_owned())).build())
        }
        _ => deployer.secrets.clone(),
    }
}
