//! What people see of the way from one golden template to another; `SNAPSHOTS=overwrite` accepts what is shown now.

use std::{collections::BTreeMap, fs, path::Path};

use super::{Changes, between, golden, golden_template};
use crate::change::{Action, Blueprint};

/// Name of the file, what is deployed, what is wanted.
const PAIRS: [(&str, Option<&str>, Option<&str>); 12] = [
    ("first", None, Some("minimal/sam/template.yaml")),
    ("warm", Some("minimal/sam/template.yaml"), Some("function-url-warm/sam/template.yaml")),
    ("warm-no-longer", Some("function-url-warm/sam/template.yaml"), Some("minimal/sam/template.yaml")),
    ("other-trigger", Some("minimal/sam/template.yaml"), Some("http-api/sam/template.yaml")),
    ("open", Some("http-api/sam/template.yaml"), Some("http-api-public/sam/template.yaml")),
    ("stream", Some("rest-api/sam/template.yaml"), Some("rest-api-stream/sam/template.yaml")),
    ("load-balancer-inside", Some("alb/sam/template.yaml"), Some("alb-private/sam/template.yaml")),
    ("image", Some("minimal/sam/template.yaml"), Some("function-image/sam/template.yaml")),
    ("tasks", Some("minimal/ecs/ecs-stack.yaml"), Some("every-field/ecs/ecs-stack.yaml")),
    ("express", Some("minimal/ecs-express/ecs-express.yaml"), Some("every-field/ecs-express/ecs-express.yaml")),
    ("gone", Some("every-field/sam/template.yaml"), None),
    ("tasks-gone", Some("every-field/ecs/ecs-stack.yaml"), None),
];

/// As if the image were there, without which a stack has no service.
fn with_image(before: Option<&str>, after: Option<&str>) -> Changes {
    let parameters = BTreeMap::from([("Image".to_owned(), "repository/image:1".to_owned())]);
    let tags = BTreeMap::new();
    let blueprint = |template| Blueprint { template, parameters: &parameters, tags: &tags };
    Changes::between(before.map(blueprint), after.map(blueprint))
}

fn told(changes: &Changes) -> String {
    let mut text = changes.to_string();
    for warning in &changes.warnings {
        text.push_str(&format!("\n! {}\n  hint: {}\n", warning.message, warning.hint));
    }
    text
}

#[test]
fn changes_are_shown_as_accepted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/changes");
    let overwrite = std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite");
    let mut stale = Vec::new();
    for (name, before, after) in PAIRS {
        let (before, after) = (before.map(golden_template), after.map(golden_template));
        let shown = told(&with_image(before.as_deref(), after.as_deref()));
        let file = folder.join(format!("{name}.txt"));
        if overwrite {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&file, &shown).unwrap();
        } else if fs::read_to_string(&file).unwrap_or_default() != shown {
            stale.push(format!("{}:\n{shown}", file.display()));
        }
    }
    assert!(stale.is_empty(), "look at the difference, then run with `SNAPSHOTS=overwrite`:\n{}", stale.join("\n"));
}

/// Every template of CloudFormation's among the golden files.
pub(super) fn templates() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for app in fs::read_dir(golden()).unwrap() {
        let app = app.unwrap().path();
        for file in ["sam/template.yaml", "ecs/ecs-stack.yaml", "ecs-express/ecs-express.yaml"] {
            if let Ok(text) = fs::read_to_string(app.join(file)) {
                found.push((app.join(file).display().to_string(), text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 20, "there are golden templates");
    found
}

#[test]
fn nothing_differs_from_itself() {
    for (path, template) in templates() {
        let changes = between(Some(template.trim_end()), Some(&template));
        assert!(changes.is_empty(), "{path}:\n{changes}");
    }
}

#[test]
fn what_is_added_on_the_way_there_is_removed_on_the_way_back() {
    let templates = templates();
    for ((_, one), (_, other)) in templates.iter().zip(templates.iter().skip(1)) {
        let (there, back) = (between(Some(one), Some(other)), between(Some(other), Some(one)));
        let of = |changes: &Changes, action| {
            let with = changes.resources.iter().filter(|change| change.action == action);
            with.map(|change| change.logical_id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(of(&there, Action::Add), of(&back, Action::Remove));
        assert_eq!(of(&there, Action::Remove), of(&back, Action::Add));
        for change in there.resources.iter().filter(|change| change.action == Action::Modify) {
            let back = back.resource(&change.logical_id).unwrap();
            for field in change.fields.iter().filter(|field| field.before.is_none()) {
                let gone = back.fields.iter().any(|other| other.path == field.path && other.before == field.after);
                assert!(gone, "{field:?} in {change:?} has no counterpart in {back:?}");
            }
        }
    }
}
