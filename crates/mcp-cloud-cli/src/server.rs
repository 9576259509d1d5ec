//! A server that answers somewhere: how a command finds it, and what it shows there.

use mcp_cloud_app::{Target, target::sam::OUTPUT_ENDPOINT};
use mcp_cloud_contract::env;
use mcp_cloud_deploy::{
    Error, Stack,
    mcp::{Access, Authorization, Http, Token, client::ClientError, http::HttpError},
};

use crate::{app::Source, execution::failed, failure::Failure, printer::Printer, remote};

/// Which server a command talks to.
#[derive(Debug, clap::Args)]
pub(crate) struct Location {
    #[command(flatten)]
    pub(crate) source: Source,
    /// URL of the server, instead of the one that is deployed; nothing of AWS is needed then
    #[arg(long, value_name = "URL", conflicts_with_all = ["environment", "region", "profile"])]
    url: Option<String>,
    #[command(flatten)]
    account: remote::Account,
}

/// A server, and the way to it.
#[derive(Debug)]
pub(crate) struct Server {
    /// What it is called: the app's name, or the host's.
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) access: Access,
    /// Where it is deployed; empty where only its URL is known.
    pub(crate) region: String,
    pub(crate) http: Http,
}

impl Location {
    /// Finds the server: by its URL, or by the outputs of its stack.
    pub(crate) async fn find(&self, printer: &Printer) -> Result<Server, Failure> {
        if let Some(url) = &self.url {
            let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            let name: String = host.chars().take_while(|character| !matches!(character, '/' | ':')).collect();
            let (name, url, region) = (name.replace('.', "-"), url.clone(), String::new());
            return Ok(Server { name, url, access: Access::Open, region, http: Http::plain() });
        }
        let app = self.source.load(&[], printer)?;
        let deployer = self.account.connect(&app).await?;
        let stack = deployer.observe_stack(&app.name).await.map_err(failed)?;
        if let Some(foreign) = stack.as_ref().filter(|stack| !stack.is_ours()) {
            return Err(failed(Error::StackNotOurs { stack: foreign.name.clone() }));
        }
        let (account, region) = (deployer.account(), deployer.region().to_owned());
        let url = stack.as_ref().and_then(|stack| stack.outputs.get(OUTPUT_ENDPOINT)).cloned().ok_or_else(|| {
            Failure::new(format!("{} is not deployed in {region}, account {account}", app.name))
                .hint("`mcp-cloud deploy` does it, and `--url` names a server that is elsewhere")
        })?;
        let access = Access::on(&app, stack.as_ref().map_or(Target::Sam, Stack::target));
        Ok(Server { name: app.name, url, access, region, http: deployer.http() })
    }
}

impl Server {
    /// What is shown to the server: a signature, or the token of the environment.
    pub(crate) fn authorization(&self) -> Result<Authorization, Failure> {
        self.access.authorization(token()?).ok_or_else(|| {
            Failure::new("the server wants a token, and there is none").hint(format!(
                "put one of the issuer in `mcp-cloud.toml` into the environment variable `{}`",
                env::TOKEN
            ))
        })
    }
}

/// The token of the environment, if there is one.
pub(crate) fn token() -> Result<Option<Token>, Failure> {
    let Some(text) = std::env::var(env::TOKEN).ok().filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    let unusable = || format!("`{}` holds no token: it has characters that no header carries", env::TOKEN);
    Token::new(&text).map(Some).ok_or_else(|| Failure::new(unusable()).exit_code(Failure::USAGE))
}

/// The failure of a command that a server did not answer as it should.
pub(crate) fn unanswered(error: ClientError) -> Failure {
    let hint = error.hint();
    Failure::new(error).perhaps_hint(hint)
}

/// The same for what goes wrong before anything is asked.
pub(crate) fn unsendable(error: HttpError) -> Failure {
    let hint = error.hint();
    Failure::new(error).exit_code(Failure::USAGE).perhaps_hint(hint)
}
