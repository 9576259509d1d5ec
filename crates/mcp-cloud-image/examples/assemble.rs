//! Assembles an image of a static program for each platform, and writes it into a folder:
//! `assemble FOLDER linux/amd64=PROGRAM linux/arm64=PROGRAM`.

#![expect(clippy::print_stdout, reason = "the digest is what the example is run for")]

use std::{collections::BTreeMap, error::Error, fs, path::Path};

use mcp_cloud_image::{Image, Platform, Recipe, layout};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("name a folder")?;
    let mut programs = BTreeMap::new();
    for argument in arguments {
        let (platform, program) = argument.split_once('=').ok_or("write PLATFORM=PROGRAM")?;
        programs.insert(platform.parse::<Platform>()?, fs::read(program)?.into());
    }
    let image = Image::from_binaries(programs, &Recipe::server("example"))?;
    layout::write(&image, Path::new(&folder), "latest")?;
    println!("{}", image.digest());
    Ok(())
}
