//! Resources, and a template.

use rmcp::{
    ErrorData,
    model::{Resource, ResourceContents, ResourceTemplate},
};
use serde_json::json;

use crate::media;

/// Describes one resource for every `id`.
pub(crate) const TEMPLATE: &str = "test://template/{id}/data";

/// Is said to have changed by the tool `test_trigger_resource_change`.
pub(crate) const WATCHED: &str = "test://watched-resource";

const TEXT: &str = "test://static-text";
const BINARY: &str = "test://static-binary";

pub(crate) fn list() -> Vec<Resource> {
    vec![
        Resource::new(TEXT, "static-text").with_description("A line of text").with_mime_type("text/plain"),
        Resource::new(BINARY, "static-binary").with_description("A picture").with_mime_type("image/png"),
        Resource::new(WATCHED, "watched-resource").with_description("Can be watched").with_mime_type("text/plain"),
    ]
}

pub(crate) fn templates() -> Vec<ResourceTemplate> {
    let template = ResourceTemplate::new(TEMPLATE, "template");
    vec![template.with_description("Data for an id").with_mime_type("application/json")]
}

pub(crate) fn read(uri: &str) -> Result<ResourceContents, ErrorData> {
    match uri {
        TEXT => Ok(ResourceContents::text("This is the content of the static text resource.", uri)),
        BINARY => Ok(ResourceContents::blob(media::PIXEL, uri).with_mime_type("image/png")),
        WATCHED => Ok(ResourceContents::text("This resource can be watched.", uri)),
        _ => read_from_template(uri).ok_or_else(|| {
            ErrorData::resource_not_found(format!("there is no resource {uri}"), Some(json!({ "uri": uri })))
        }),
    }
}

fn read_from_template(uri: &str) -> Option<ResourceContents> {
    let id = uri.strip_prefix("test://template/")?.strip_suffix("/data")?;
    let data = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
    Some(ResourceContents::text(data.to_string(), uri).with_mime_type("application/json"))
}
