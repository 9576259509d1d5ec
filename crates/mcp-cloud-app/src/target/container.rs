//! The container that the targets share which run one: the image's recipe, and what is known about what is in it.

/// The port a container listens on. Platforms that give another one set `PORT` themselves.
pub(super) const PORT: u16 = mcp_cloud_contract::DEFAULT_PORT;
