//! IAM: what an identity would be allowed.

use serde_json::json;

use super::{
    state::{State, unknown},
    wire::{Asked, Fault, Reply},
};

pub(super) fn answer(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    match asked.action.as_str() {
        "SimulatePrincipalPolicy" => Ok(simulate(state, asked)),
        "GetRole" => role(state, asked),
        _ => Err(unknown(asked)),
    }
}

fn simulate(state: &State, asked: &Asked) -> Reply {
    let mut resources = asked.list("ResourceArns");
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let mut results = Vec::new();
    for action in asked.list("ActionNames") {
        for resource in &resources {
            let decision = if state.denied.contains(&action) { "implicitDeny" } else { "allowed" };
            results.push(json!({
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": decision,
                "MatchedStatements": [],
                "MissingContextValues": [],
            }));
        }
    }
    Reply::of(json!({ "EvaluationResults": results, "IsTruncated": false }))
}

fn role(state: &State, asked: &Asked) -> Result<Reply, Fault> {
    let name = asked.required("RoleName")?;
    let missing = || Fault::new(404, "NoSuchEntity", format!("The role with name {name} cannot be found."));
    let key = ("AWS::IAM::Role".to_owned(), name.to_owned());
    state.things.get(&key).ok_or_else(missing)?;
    Ok(Reply::of(json!({ "Role": {
        "RoleName": name,
        "Arn": format!("arn:aws:iam::{}:role/{name}", state.account_id),
        "Path": "/",
        "RoleId": "AROAREHEARSALREHEARS",
        "CreateDate": state.clock.iso(),
    } })))
}
