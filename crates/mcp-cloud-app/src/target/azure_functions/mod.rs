//! Azure Functions: a Flex Consumption app in Bicep, and what its package needs beside the program.
//!
//! `az deployment group create --template-file main.bicep` makes the app and everything around it; whoever runs it may
//! assign roles, and key vaults go by roles, not by access policies of their own. The package is the
//! folder of `host.json` with the program beside it: the binary, built for `x86_64-unknown-linux-musl`, or `mcp-bridge`
//! with the files of the command and what they need (`npm ci --omit=dev`, or `pip install --target
//! .python_packages/lib/site-packages`). `func azure functionapp publish NAME` uploads it, and sees to it that the program
//! may be executed; `.funcignore` keeps everything else out.
//!
//! With `auth.mode = "platform"` a caller sends a key of the app in `x-functions-key`. With `jwt`, App Service in front of
//! the host lets in tokens of Entra ID, and answers where to sign in.
//!
//! `limits` holds an app against what Azure Functions takes, `lower` turns it into the structures of `schema`, and
//! `bicep` and the printer of JSON write those down.

mod bicep;
mod limits;
mod lower;
mod schema;

use super::{Bundle, Code, Target};
use crate::{app::App, diagnostic::Diagnostic};

/// How the host starts the program, and passes requests on.
pub const HOST: &str = "host.json";
/// The app and everything around it.
pub const MAIN: &str = "main.bicep";
/// Lets the app read one secret; absent where it has none.
pub const SECRET_ACCESS: &str = "secret-access.bicep";
/// What is kept out of the package.
pub const IGNORED: &str = ".funcignore";
/// The output with the URL of the MCP endpoint, path included.
pub const OUTPUT_ENDPOINT: &str = "mcpEndpoint";
/// The output with the name of the function app.
pub const OUTPUT_APP_NAME: &str = "functionAppName";

/// Holds an app against the limits of Azure Functions.
#[must_use]
pub fn check(app: &App) -> Vec<Diagnostic> {
    limits::check(app)
}

/// Lowers an app to its Bicep files and the files of its package.
#[must_use]
pub fn emit(app: &App, _code: &Code) -> Bundle {
    let mut bundle = Bundle::default();
    bundle.json(HOST, &lower::host(app));
    bundle.text(IGNORED, Target::AzureFunctions, "#", &lower::ignored(app));
    bundle.text(MAIN, Target::AzureFunctions, "//", &lower::main(app));
    if !lower::vault_secrets(app).is_empty() {
        bundle.text(SECRET_ACCESS, Target::AzureFunctions, "//", &lower::secret_access_file());
    }
    bundle
}
