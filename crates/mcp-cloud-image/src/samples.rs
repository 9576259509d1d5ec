//! What several tests of this crate need.

use crate::Platform;

/// The shortest program that passes for a static one of this platform; it cannot be run.
pub(crate) fn program(platform: Platform) -> Vec<u8> {
    let mut program = vec![0; 120];
    program[..6].copy_from_slice(b"\x7fELF\x02\x01");
    program[18] = if platform == Platform::Amd64 { 62 } else { 183 };
    program[32] = 64;
    program[54] = 56;
    program[56] = 1;
    program
}
