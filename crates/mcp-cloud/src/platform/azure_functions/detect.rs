//! The Functions host names the port in `FUNCTIONS_CUSTOMHANDLER_PORT`.

use mcp_cloud_contract::platform_env::FUNCTIONS_CUSTOMHANDLER_PORT;

use crate::platform::{ServeError, port};

pub(crate) fn detect() -> Result<Option<u16>, ServeError> {
    port(FUNCTIONS_CUSTOMHANDLER_PORT)
}
