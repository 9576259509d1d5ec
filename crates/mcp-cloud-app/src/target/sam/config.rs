//! `samconfig.toml`: what `sam build` and `sam deploy` are told without being asked.

use crate::{
    app::{App, Build},
    target::Code,
};

/// <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html>
///
/// Building Rust is no experiment any more, so no `beta_features` are asked for.
pub(super) fn samconfig(app: &App, code: &Code) -> String {
    let mut lines = vec![
        "version = 0.1".to_owned(),
        String::new(),
        "[default.global.parameters]".to_owned(),
        format!("stack_name = {}", text(&app.name)),
    ];
    if let Some(region) = &app.aws.region {
        lines.push(format!("region = {}", text(region)));
    }
    lines.extend(
        [
            "",
            "[default.validate.parameters]",
            "lint = true",
            "",
            "[default.deploy.parameters]",
            "# The stack makes a role for the function.",
            "capabilities = \"CAPABILITY_IAM\"",
            "confirm_changeset = true",
            "fail_on_empty_changeset = false",
        ]
        .map(str::to_owned),
    );
    match (code, &app.build) {
        (Code::Image { reference: image, .. }, _) | (Code::Local { .. }, Build::Image(image)) => {
            // `sam deploy` asks for it although there is nothing to push.
            lines.push(format!("image_repository = {}", text(repository(image))));
            lines.push("resolve_s3 = true".to_owned());
        }
        _ => lines.push("resolve_s3 = true".to_owned()),
    }
    if !app.tags.is_empty() {
        let quoted = |text: &str| format!("\"{text}\"");
        let tags: Vec<_> =
            app.tags.iter().map(|(key, value)| text(&format!("{}={}", quoted(key), quoted(value)))).collect();
        lines.push("# For what SAM makes itself, too.".to_owned());
        lines.push(format!("tags = [{}]", tags.join(", ")));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The repository of an image, without tag and digest.
fn repository(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(image, _)| image);
    let name = image.rfind('/').map_or(0, |slash| slash + 1);
    image.get(name..).and_then(|last| last.find(':')).and_then(|colon| image.get(..name + colon)).unwrap_or(image)
}

fn text(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_has_neither_tag_nor_digest() {
        for image in ["a.b:5000/c/d", "a.b:5000/c/d:1", "a.b:5000/c/d@sha256:00", "a.b:5000/c/d:1@sha256:00"] {
            assert_eq!(repository(image), "a.b:5000/c/d");
        }
        assert_eq!(repository("nginx:1"), "nginx");
    }
}
