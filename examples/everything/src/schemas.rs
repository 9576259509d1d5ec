//! Tools whose schema says more than their types: JSON Schema 2020-12, `x-mcp-header`.

use std::sync::Arc;

use rmcp::{handler::server::wrapper::Parameters, model::JsonObject, schemars, tool, tool_router};

use crate::Everything;

#[derive(serde::Deserialize)]
struct Contact {
    name: Option<String>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Mirrored {
    /// Repeated by a 2026-07-28 client in the header `Mcp-Param-Value`, which the transport compares.
    #[schemars(extend("x-mcp-header" = "Value"))]
    value: String,
}

#[tool_router(router = schema_tools, vis = "pub(crate)")]
impl Everything {
    /// Takes a contact, by a schema that uses JSON Schema 2020-12
    #[tool(input_schema = contact_schema())]
    fn json_schema_2020_12_tool(&self, Parameters(contact): Parameters<Contact>) -> String {
        format!("Hello, {}!", contact.name.as_deref().unwrap_or("stranger"))
    }

    /// Gives back the value it is given, which a gateway can read from a header
    #[tool]
    fn test_custom_header(&self, Parameters(mirrored): Parameters<Mirrored>) -> String {
        mirrored.value
    }
}

fn contact_schema() -> Arc<JsonObject> {
    Arc::new(rmcp::object!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": { "street": { "type": "string" }, "city": { "type": "string" } }
            }
        },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" }
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false
    }))
}
