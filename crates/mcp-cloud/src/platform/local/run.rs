//! Listens on the loopback interface, and says where.

use std::net::{Ipv4Addr, SocketAddr};

use mcp_cloud_contract::DEFAULT_PORT;

use crate::{
    McpService,
    platform::{
        ServeError,
        listen::{Arriving, announce, serve},
    },
};

pub(crate) async fn run(service: McpService, path: &str) -> Result<(), ServeError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT));
    announce(format_args!("serving MCP at http://{address}{path}"));
    serve(address, service, Arriving::Requests).await
}
