use serde_json::{Value, json};

use super::*;

fn surface(tools: &[Value]) -> Surface {
    Surface::of(tools)
}

fn tool(schema: Value) -> Surface {
    surface(&[json!({ "name": "x", "description": "does it", "inputSchema": schema })])
}

fn lines(old: &Surface, new: &Surface) -> Vec<String> {
    Surface::diff(old, new).iter().map(ToString::to_string).collect()
}

/// What is said about a change of the arguments' schema.
#[track_caller]
fn assert_arguments(old: Value, new: Value, expected: &[&str]) {
    assert_eq!(lines(&tool(old), &tool(new)), expected);
}

/// What is said about a change of the result's schema.
#[track_caller]
fn assert_result(old: Value, new: Value, expected: &[&str]) {
    let of = |schema| surface(&[json!({ "name": "x", "inputSchema": {}, "outputSchema": schema })]);
    assert_eq!(lines(&of(old), &of(new)), expected);
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

#[test]
fn tools_come_and_go() {
    let old = surface(&[json!({ "name": "a" }), json!({ "name": "b" })]);
    let new = surface(&[json!({ "name": "b" }), json!({ "name": "c" })]);
    let found = Surface::diff(&old, &new);
    assert_eq!(lines(&old, &new), ["- tool `a`", "+ tool `c`"]);
    assert_eq!(found.breaking().map(|found| found.tool.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn order_of_tools_members_and_required_is_no_difference() {
    let one = json!({ "name": "a", "inputSchema": { "type": "object", "required": ["p", "q"] } });
    let same: Value = serde_json::from_str(r#"{"inputSchema":{"required":["q","p"],"type":"object"},"name":"a"}"#)
        .expect("it is JSON");
    assert_eq!(surface(&[one.clone(), json!({ "name": "b" })]), surface(&[json!({ "name": "b" }), same]));
}

#[test]
fn argument_that_is_required_now_breaks() {
    let y = json!({ "y": { "type": "string" } });
    assert_arguments(
        object(y.clone(), &[]),
        object(y.clone(), &["y"]),
        &["- tool `x`: its argument `y` is required now"],
    );
    assert_arguments(
        object(y.clone(), &["y"]),
        object(y.clone(), &[]),
        &["+ tool `x`: its argument `y` is optional now"],
    );
    assert_arguments(
        object(json!({}), &[]),
        object(y.clone(), &["y"]),
        &["- tool `x`: its argument `y` is new, and required"],
    );
    assert_arguments(object(json!({}), &[]), object(y, &[]), &["+ tool `x`: its argument `y` is new"]);
}

#[test]
fn argument_that_is_gone_breaks_where_others_are_refused() {
    let closed = |properties| json!({ "type": "object", "properties": properties, "additionalProperties": false });
    let y = json!({ "y": { "type": "string" } });
    assert_arguments(closed(y.clone()), closed(json!({})), &["- tool `x`: its argument `y` is gone"]);
    assert_arguments(
        object(y.clone(), &[]),
        object(json!({}), &[]),
        &["+ tool `x`: its argument `y` is not described any more"],
    );
    assert_arguments(
        object(y.clone(), &[]),
        closed(y.clone()),
        &["- tool `x`: the object of its arguments takes no other members any more"],
    );
    assert_arguments(
        closed(y.clone()),
        object(y, &[]),
        &["+ tool `x`: the object of its arguments takes other members now"],
    );
}

#[test]
fn type_that_accepts_less_breaks() {
    let of = |kind: Value| object(json!({ "y": { "type": kind } }), &[]);
    assert_arguments(
        of(json!("number")),
        of(json!("integer")),
        &["- tool `x`: its argument `y` is no number any more"],
    );
    assert_arguments(of(json!("integer")), of(json!("number")), &["+ tool `x`: its argument `y` may be number now"]);
    assert_arguments(
        of(json!(["string", "null"])),
        of(json!("string")),
        &["- tool `x`: its argument `y` is no null any more"],
    );
    assert_arguments(
        of(json!("string")),
        of(json!("integer")),
        &["- tool `x`: its argument `y` is no string any more", "+ tool `x`: its argument `y` may be integer now"],
    );
    let any = object(json!({ "y": {} }), &[]);
    assert_arguments(any.clone(), of(json!("string")), &["- tool `x`: its argument `y` is not just anything any more"]);
    assert_arguments(of(json!("string")), any, &["+ tool `x`: its argument `y` is anything now"]);
}

#[test]
fn value_that_is_gone_breaks() {
    let of = |values: Value| object(json!({ "y": { "enum": values } }), &[]);
    assert_arguments(
        of(json!(["a", "b"])),
        of(json!(["b", "c"])),
        &["- tool `x`: its argument `y` is never `a` any more", "+ tool `x`: its argument `y` may be `c` now"],
    );
    let constant = object(json!({ "y": { "const": "a" } }), &[]);
    assert_arguments(of(json!(["a"])), constant, &[]);
}

#[test]
fn tighter_bound_breaks() {
    let of = |bounds: Value| object(json!({ "y": bounds }), &[]);
    for (old, new, expected) in [
        (
            json!({ "minimum": 1 }),
            json!({ "minimum": 5 }),
            "- tool `x`: its argument `y` has a minimum of 5 instead of 1",
        ),
        (
            json!({ "maximum": 5 }),
            json!({ "maximum": 9 }),
            "+ tool `x`: its argument `y` has a maximum of 9 instead of 5",
        ),
        (
            json!({ "maxLength": 5 }),
            json!({ "maxLength": 3 }),
            "- tool `x`: its argument `y` has a maxLength of 3 instead of 5",
        ),
        (
            json!({ "type": "array" }),
            json!({ "type": "array", "minItems": 1 }),
            "- tool `x`: its argument `y` has a minItems of 1 now",
        ),
        (
            json!({ "type": "string", "pattern": "a" }),
            json!({ "type": "string" }),
            "+ tool `x`: its argument `y` has no pattern any more",
        ),
        (json!({ "pattern": "a" }), json!({ "pattern": "b" }), "- tool `x`: its argument `y` has another pattern"),
        (
            json!({ "type": "array", "items": { "type": "string" } }),
            json!({ "type": "array", "items": { "type": "string", "maxLength": 1 } }),
            "- tool `x`: its argument `y[]` has a maxLength of 1 now",
        ),
    ] {
        assert_arguments(of(old), of(new), &[expected]);
    }
}

#[test]
fn result_is_held_to_its_promises_the_other_way_round() {
    let y = json!({ "y": { "type": "string" } });
    assert_result(
        object(y.clone(), &["y"]),
        object(y.clone(), &[]),
        &["- tool `x`: `y` of its result is optional now"],
    );
    assert_result(object(y.clone(), &[]), object(json!({}), &[]), &["- tool `x`: `y` of its result is gone"]);
    assert_result(object(json!({}), &[]), object(y.clone(), &["y"]), &["+ tool `x`: `y` of its result is new"]);
    assert_result(
        object(y, &[]),
        object(json!({ "y": { "type": ["string", "null"] } }), &[]),
        &["- tool `x`: `y` of its result may be null now"],
    );
    let plain = surface(&[json!({ "name": "x", "inputSchema": {} })]);
    let structured = surface(&[json!({ "name": "x", "inputSchema": {}, "outputSchema": {} })]);
    assert_eq!(lines(&structured, &plain), ["- tool `x`: its result has no structure any more"]);
    assert_eq!(lines(&plain, &structured), ["+ tool `x`: its result has a structure now"]);
}

#[test]
fn references_are_followed_and_circles_end() {
    let of = |kind: &str| {
        json!({
            "type": "object",
            "properties": { "tree": { "$ref": "#/$defs/Tree" } },
            "$defs": { "Tree": { "type": "object", "properties": {
                "value": { "type": kind },
                "left": { "$ref": "#/$defs/Tree" },
                "right": { "$ref": "#/$defs/Tree" },
            } } },
        })
    };
    assert_arguments(of("number"), of("integer"), &["- tool `x`: its argument `tree.value` is no number any more"]);
    assert_arguments(of("number"), of("number"), &[]);
    assert_arguments(json!({ "$ref": "#" }), json!({ "$ref": "#/nowhere" }), &[]);
}

#[test]
fn forms_are_compared_as_wholes() {
    let of = |forms: Value| object(json!({ "y": { "anyOf": forms } }), &[]);
    let (text, nothing, number) = (json!({ "type": "string" }), json!({ "type": "null" }), json!({ "type": "number" }));
    assert_arguments(
        of(json!([text, nothing])),
        of(json!([text])),
        &["- tool `x`: its argument `y` has one of its forms no longer"],
    );
    assert_arguments(
        of(json!([text, nothing])),
        of(json!([nothing, number, text])),
        &["+ tool `x`: its argument `y` has another form"],
    );
}

#[test]
fn words_break_nothing() {
    let old = object(json!({ "description": { "type": "string", "description": "of it" } }), &[]);
    let new = object(json!({ "description": { "type": "string", "description": "of that" } }), &[]);
    assert_arguments(old.clone(), new, &["~ tool `x`: what it says about its arguments is worded anew"]);
    assert_arguments(
        old,
        object(json!({ "description": { "type": "number" } }), &[]),
        &[
            "- tool `x`: its argument `description` is no string any more",
            "+ tool `x`: its argument `description` may be number now",
        ],
    );
    let named = |title: &str, text: &str| surface(&[json!({ "name": "x", "title": title, "description": text })]);
    assert_eq!(
        lines(&named("a", "b"), &named("c", "d")),
        ["~ tool `x`: its description is worded anew", "~ tool `x`: its title is worded anew",]
    );
    assert_eq!(Surface::diff(&named("a", "b"), &named("c", "d")).breaking().count(), 0);
}

#[test]
fn hint_that_is_taken_back_breaks() {
    let of = |hints: Value| surface(&[json!({ "name": "x", "annotations": hints })]);
    let reads = of(json!({ "readOnlyHint": true }));
    assert_eq!(lines(&reads, &of(json!({}))), ["- tool `x`: it may change something now"]);
    assert_eq!(lines(&of(json!({})), &reads), ["+ tool `x`: it changes nothing any more"]);
    assert_eq!(lines(&of(json!({ "destructiveHint": true })), &of(json!({}))), [""; 0]);
    assert_eq!(
        lines(&of(json!({ "destructiveHint": false })), &of(json!({}))),
        ["- tool `x`: it may destroy something now",]
    );
}

#[test]
fn record_of_a_surface_is_read_again() {
    let surface = surface(&[
        json!({
            "name": "x", "title": "X", "inputSchema": { "type": "object" }, "outputSchema": { "type": "object" },
            "annotations": { "readOnlyHint": true },
        }),
        json!({ "name": "y" }),
    ]);
    let record = serde_json::to_string(&surface).expect("it is written");
    assert_eq!(serde_json::from_str::<Surface>(&record).expect("it is read"), surface);
    let older: Surface = serde_json::from_str(r#"{"tools":{"x":{"inputSchema":{}}},"more":1}"#).expect("it is read");
    assert_eq!(older.tools.len(), 1);
}

/// Schemas as they come, and values that are none.
fn schemas() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(json!(true)),
        Just(json!(false)),
        Just(json!(null)),
        Just(json!({})),
        Just(json!({ "$ref": "#" })),
        Just(json!({ "$ref": "#/properties/a" })),
        prop_oneof![Just("string"), Just("integer"), Just("number"), Just("null")]
            .prop_map(|kind| json!({ "type": kind })),
        (-3..3_i32).prop_map(|bound| json!({ "type": "integer", "minimum": bound })),
        proptest::collection::vec("[ab]", 0..3).prop_map(|values| json!({ "enum": values })),
        ".{0,4}".prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            (
                proptest::collection::btree_map("[abc]", inner.clone(), 0..3),
                proptest::collection::vec("[abc]", 0..2),
                any::<bool>()
            )
                .prop_map(|(properties, required, closed)| json!({
                    "type": "object", "properties": properties, "required": required, "additionalProperties": !closed,
                })),
            inner.clone().prop_map(|items| json!({ "type": "array", "items": items })),
            proptest::collection::vec(inner, 0..3).prop_map(|forms| json!({ "anyOf": forms })),
        ]
    })
}

proptest::proptest! {
    #[test]
    fn surface_does_not_differ_from_itself(schema in schemas()) {
        let surface = surface(&[json!({ "name": "x", "inputSchema": schema, "outputSchema": schema })]);
        proptest::prop_assert!(Surface::diff(&surface, &surface).is_empty());
    }

    #[test]
    fn what_breaks_one_way_does_not_go_unnoticed_the_other_way(old in schemas(), new in schemas()) {
        let there = Surface::diff(&tool(old.clone()), &tool(new.clone()));
        let back = Surface::diff(&tool(new), &tool(old));
        proptest::prop_assert_eq!(there.is_empty(), back.is_empty());
    }

    #[test]
    fn arguments_that_break_nothing_widen_on_the_way_back_only_what_was_narrowed(old in schemas(), new in schemas()) {
        // The result's side sees the same change as the arguments' side, with the meaning turned round, where both
        // directions can be told.
        let of = |schema: &Value| surface(&[json!({ "name": "x", "outputSchema": schema })]);
        let arguments = Surface::diff(&tool(old.clone()), &tool(new.clone())).is_empty();
        let result = Surface::diff(&of(&old), &of(&new)).is_empty();
        if !old.is_null() && !new.is_null() {
            proptest::prop_assert_eq!(arguments, result);
        }
    }
}
