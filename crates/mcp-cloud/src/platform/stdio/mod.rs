//! Standard input and output: one client, which started this process.

use std::{io, sync::Arc};

use bytes::Bytes;

use crate::{
    handler::Handler,
    transport::{Eras, stdio},
};

pub(crate) async fn run(handler: Arc<dyn Handler>, eras: Eras, server_info: Option<Bytes>) -> io::Result<()> {
    let input = tokio::io::BufReader::new(tokio::io::stdin());
    stdio::serve(handler, eras, server_info, input, tokio::io::stdout()).await
}
