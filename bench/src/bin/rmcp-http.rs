//! P2, rmcp's Streamable HTTP service in an axum router as their documentation shows it, on tokio's multi-thread
//! runtime, at the port that `PORT` names.

use std::io;
use std::net::Ipv4Addr;

use mcp_cloud_bench::{http_load, peers};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, http_load::port()?)).await?;
    axum::serve(listener, peers::router(peers::configuration())).await
}
