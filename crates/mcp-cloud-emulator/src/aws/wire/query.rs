//! AWS Query: a form in, XML out (<https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>).

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Asked, Fault, Reply, Service, pairs, xml};

pub(super) fn read(body: &Bytes, query: &str) -> (String, Map<String, Value>) {
    let form = String::from_utf8_lossy(body);
    let mut tree = Value::Object(Map::new());
    for (name, value) in pairs(query).chain(pairs(&form)) {
        let path: Vec<&str> = name.split('.').collect();
        insert(&mut tree, &path, value);
    }
    let Value::Object(mut parameters) = listed(tree) else { return Default::default() };
    let action = parameters.remove("Action").and_then(|action| action.as_str().map(str::to_owned)).unwrap_or_default();
    parameters.remove("Version");
    (action, parameters)
}

fn insert(tree: &mut Value, path: &[&str], value: String) {
    let Some((first, rest)) = path.split_first() else {
        *tree = Value::String(value);
        return;
    };
    if !tree.is_object() {
        *tree = Value::Object(Map::new());
    }
    if let Value::Object(members) = tree {
        insert(members.entry((*first).to_owned()).or_insert(Value::Null), rest, value);
    }
}

/// `{"member": {"1": …, "2": …}}` is a list.
fn listed(tree: Value) -> Value {
    let Value::Object(mut members) = tree else { return tree };
    if members.len() == 1
        && let Some(Value::Object(numbered)) = members.get_mut("member")
    {
        let mut items: Vec<(usize, Value)> = std::mem::take(numbered)
            .into_iter()
            .filter_map(|(number, item)| Some((number.parse().ok()?, listed(item))))
            .collect();
        items.sort_by_key(|(number, _)| *number);
        return Value::Array(items.into_iter().map(|(_, item)| item).collect());
    }
    // An empty list is sent as a name without a value.
    Value::Object(members.into_iter().map(|(name, member)| (name, listed(member))).collect())
}

pub(super) fn write(
    asked: &Asked,
    reply: Result<Reply, Fault>,
    request_id: &str,
) -> (u16, Vec<(&'static str, String)>, Bytes) {
    let namespace = match asked.service {
        Service::Elb => "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
        Service::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
        Service::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        _ => "http://cloudformation.amazonaws.com/doc/2010-05-15/",
    };
    let lists = xml::Lists::OfMembers;
    let (status, mut headers, text) = match reply {
        Ok(reply) => {
            let (result, root) = (format!("{}Result", asked.action), format!("{}Response", asked.action));
            let members = if reply.members.is_null() { json!({}) } else { reply.members };
            let metadata = json!({ "RequestId": request_id });
            let members = [(result.as_str(), &members), ("ResponseMetadata", &metadata)];
            (reply.status, reply.headers, xml::write_in_order(&root, Some(namespace), &members, lists))
        }
        Err(fault) => {
            let side = if fault.status < 500 { "Sender" } else { "Receiver" };
            let document = json!({
                "Error": { "Type": side, "Code": fault.code, "Message": fault.message },
                "RequestId": request_id,
            });
            (fault.status, fault.headers, xml::write("ErrorResponse", Some(namespace), &document, lists))
        }
    };
    headers.push(("content-type", "text/xml".to_owned()));
    (status, headers, text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_is_a_tree_with_lists() {
        let body = Bytes::from_static(
            b"Action=CreateChangeSet&Version=1&Tags.member.2.Key=b&Tags.member.1.Key=a+b&Capabilities.member.1=X%3DY",
        );
        let (action, parameters) = read(&body, "");
        assert_eq!(action, "CreateChangeSet");
        assert_eq!(
            Value::Object(parameters),
            json!({ "Tags": [{ "Key": "a b" }, { "Key": "b" }], "Capabilities": ["X=Y"] })
        );
    }
}
