//! STS: whose credentials these are.

use serde_json::json;

use super::{
    state::{State, unknown},
    wire::{Asked, Fault, Reply},
};

pub(super) fn answer(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    match asked.action.as_str() {
        "GetCallerIdentity" => Ok(Reply::of(json!({
            "Arn": state.identity(),
            "UserId": "AIDAREHEARSALREHEARS",
            "Account": state.account_id,
        }))),
        _ => Err(unknown(asked)),
    }
}
