//! Listens on the port the container was told.

use std::net::{Ipv4Addr, SocketAddr};

use mcp_cloud_contract::env::ALLOW_UNAUTHENTICATED;

use super::Container;
use crate::{
    McpService,
    capabilities::Capabilities,
    platform::{
        ServeError,
        listen::{Arriving, announce, serve},
        with_keep_alive, with_request_timeout,
    },
    request_info::RequestOrigin,
};

pub(crate) async fn run(service: McpService, container: Container) -> Result<(), ServeError> {
    let interface = if container.public { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let address = SocketAddr::from((interface, container.port));
    if !container.public && container.unsaid {
        announce(format_args!(
            "listening on {address} only, because nothing here asks callers who they are; \
             set {ALLOW_UNAUTHENTICATED}=1 to listen on every interface all the same"
        ));
    }
    let (origin, capabilities) = match container.cloud_run {
        true => (RequestOrigin::CloudRun, Capabilities::CLOUD_RUN),
        false => (RequestOrigin::Http, Capabilities::SOCKET),
    };
    let capabilities = with_keep_alive(with_request_timeout(capabilities)?)?;
    serve(address, service, Arriving::Known(origin, capabilities)).await
}
