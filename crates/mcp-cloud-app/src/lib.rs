#![doc = include_str!("../README.md")]

pub mod app;
mod config;
pub mod cost;
mod diagnostic;
pub mod init;
pub mod target;

pub use app::{App, LoadError};
pub use config::{FILE_NAME, json_schema, reference};
pub use diagnostic::{Diagnostic, Position, Severity};
pub use target::{Bundle, Code, Target};
