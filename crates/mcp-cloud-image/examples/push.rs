//! Pushes the image of a folder, with the credentials that Docker or Podman keep: `push FOLDER REFERENCE`.

#![expect(clippy::print_stdout, reason = "the reference is what the example is run for")]

use std::{error::Error, path::Path};

use mcp_cloud_image::{CredentialFiles, Reference, Silent, layout, registry};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("name a folder")?;
    let reference = Reference::parse(&arguments.next().ok_or("say where to")?)?;
    let image = layout::read(Path::new(&folder), None)?;
    let credentials = CredentialFiles::of_environment(|name| std::env::var_os(name)).find(&reference).await?;
    let pushed = registry::push(&image, &reference, &credentials, &mut Silent).await?;
    println!("{} ({} bytes sent)", pushed.reference, pushed.sent_bytes);
    Ok(())
}
