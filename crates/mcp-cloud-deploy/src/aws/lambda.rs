//! Lambda in the words of this crate.

use aws_sdk_lambda::types::AliasRoutingConfiguration;

use super::Deployer;
use crate::{
    error::AwsError,
    observe::{Alias, Function},
};

/// Lambda's name of what is not there.
const NOT_FOUND: &str = "ResourceNotFoundException";
/// The version that is still being edited; what runs are its numbered copies.
const LATEST: &str = "$LATEST";

impl Deployer {
    /// Reads a function; `None` when there is none of that name.
    pub(crate) async fn function(&self, name: &str) -> Result<Option<Function>, AwsError> {
        let found = self.lambda.get_function_configuration().function_name(name).send().await;
        match found.map_err(|error| AwsError::new(format!("read the function `{name}`"), error)) {
            Ok(found) => Ok(Some(Function {
                arn: found.function_arn().unwrap_or_default().to_owned(),
                state: found.state().map(|state| state.as_str().to_owned()),
                reason: found.state_reason().map(str::to_owned),
                code_sha256: found.code_sha256().map(str::to_owned),
            })),
            Err(error) if error.is(NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads an alias of a function; `None` when the function or the alias is not there.
    pub(crate) async fn alias(&self, function: &str, name: &str) -> Result<Option<Alias>, AwsError> {
        let found = self.lambda.get_alias().function_name(function).name(name).send().await;
        match found.map_err(|error| AwsError::new(format!("read the alias `{name}` of `{function}`"), error)) {
            Ok(found) => Ok(Some(Alias {
                version: found.function_version().unwrap_or_default().to_owned(),
                shifting: found
                    .routing_config()
                    .and_then(AliasRoutingConfiguration::additional_version_weights)
                    .into_iter()
                    .flatten()
                    .map(|(version, share)| (version.clone(), *share))
                    .collect(),
            })),
            Err(error) if error.is(NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Has all that is invoked through the alias answered by one version, at once. Repeating it changes nothing.
    pub(crate) async fn move_alias(&self, function: &str, name: &str, version: &str) -> Result<(), AwsError> {
        let everything = AliasRoutingConfiguration::builder().set_additional_version_weights(Some([].into())).build();
        self.lambda
            .update_alias()
            .function_name(function)
            .name(name)
            .function_version(version)
            .routing_config(everything)
            .send()
            .await
            .map(drop)
            .map_err(|error| {
                AwsError::new(format!("point the alias `{name}` of `{function}` to version {version}"), error)
            })
    }

    /// Lists the published versions of a function, oldest first.
    pub(crate) async fn versions(&self, function: &str) -> Result<Vec<String>, AwsError> {
        let mut versions = Vec::new();
        let mut pages = self.lambda.list_versions_by_function().function_name(function).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::new(format!("list the versions of `{function}`"), error))?;
            versions.extend(page.versions().iter().filter_map(|version| version.version().map(str::to_owned)));
        }
        versions.retain(|version| version != LATEST);
        Ok(versions)
    }

    /// Deletes a version; one that is gone is no error.
    pub(crate) async fn delete_version(&self, function: &str, version: &str) -> Result<(), AwsError> {
        let deleted = self.lambda.delete_function().function_name(function).qualifier(version).send().await;
        match deleted.map_err(|error| AwsError::new(format!("delete version {version} of `{function}`"), error)) {
            Err(error) if !error.is(NOT_FOUND) => Err(error),
            _ => Ok(()),
        }
    }
}
