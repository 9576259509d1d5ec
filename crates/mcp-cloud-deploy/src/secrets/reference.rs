//! Which secret is meant by a variable, and whether a template refers to it.

use mcp_cloud_app::{App, app::Secret};

/// A secret of the server by the variable that brings it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretReference {
    /// The variable.
    pub variable: String,
    /// The ARN that `mcp-cloud.toml` names; absent where it names none.
    pub arn: Option<String>,
    /// The secret's name: the one in the ARN, or `<app>/<variable>`.
    pub name: String,
    /// The member of its JSON that is meant; the whole text where absent.
    pub key: Option<String>,
}

impl SecretReference {
    /// The secret that a variable brings. One that the file does not name is `<app>/<variable>`; what has a slash in it
    /// can be no variable, and is a name itself.
    #[must_use]
    pub fn of(app: &App, variable: &str) -> Self {
        let needed = app.needed_secrets();
        if let Some(reference) = needed.get(variable).and_then(|secret| Self::kept(variable, secret)) {
            return reference;
        }
        let name = if variable.contains('/') { variable.to_owned() } else { format!("{}/{variable}", app.name) };
        Self { variable: variable.to_owned(), arn: None, name, key: None }
    }

    /// Every secret of Secrets Manager that an app names.
    #[must_use]
    pub fn needed(app: &App) -> Vec<Self> {
        app.needed_secrets().into_iter().filter_map(|(variable, secret)| Self::kept(variable, secret)).collect()
    }

    fn kept(variable: &str, secret: &Secret) -> Option<Self> {
        let arn = secret.aws.clone()?;
        let name = name_in(&arn).to_owned();
        Some(Self { variable: variable.to_owned(), arn: Some(arn), name, key: secret.key.clone() })
    }

    /// What Secrets Manager finds it by.
    #[must_use]
    pub fn id(&self) -> &str {
        self.arn.as_deref().unwrap_or(&self.name)
    }
}

/// The name in an ARN: what stands before the hyphen and the six characters that AWS puts at its end.
fn name_in(arn: &str) -> &str {
    let last = arn.rsplit(':').next().unwrap_or(arn);
    last.rsplit_once('-').map_or(last, |(name, _)| name)
}

/// The region and the account of an ARN.
pub(super) fn place(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.split(':').skip(3);
    Some((parts.next()?, parts.next()?))
}

/// Whether a template refers to a secret, by its ARN or its name. In doubt it does: what that stops can be forced.
pub(super) fn refers(template: &str, arn: &str, name: &str) -> bool {
    let of_name = |letter: char| letter.is_ascii_alphanumeric() || "/_+=.@-".contains(letter);
    template.contains(arn)
        || template.match_indices(name).any(|(start, found)| {
            let before = template.get(..start).and_then(|text| text.chars().next_back());
            let after = template.get(start + found.len()..).unwrap_or_default();
            // A role may read a secret whatever the six characters at its ARN's end.
            let ends = after.starts_with("-??????") || !after.starts_with(of_name);
            ends && !before.is_some_and(of_name)
        })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:notes/my-key-AbCdEf";

    fn app(secrets: &str) -> (tempfile::TempDir, App) {
        let folder = tempfile::TempDir::new().expect("a folder can be made");
        let text = format!("name = \"notes\"\nbuild.image = \"a/b:1\"\n{secrets}");
        fs::write(folder.path().join("mcp-cloud.toml"), text).expect("it can be written");
        let app = App::load(folder.path()).unwrap_or_else(|error| panic!("{error:?}"));
        (folder, app)
    }

    #[test]
    fn file_says_which_secret_a_variable_brings() {
        let (_folder, app) =
            app(&format!("[secrets]\nKEY = {{ aws = {ARN:?}, key = \"k\" }}\nLOCAL.file = \"local\"\n"));
        let key = SecretReference::of(&app, "KEY");
        assert_eq!((key.id(), key.name.as_str(), key.key.as_deref()), (ARN, "notes/my-key", Some("k")));
        assert_eq!(SecretReference::needed(&app), [key]);
        for (variable, name) in [("LOCAL", "notes/LOCAL"), ("OTHER", "notes/OTHER"), ("notes/gone", "notes/gone")] {
            let reference = SecretReference::of(&app, variable);
            assert_eq!((reference.id(), reference.arn.as_deref()), (name, None));
        }
        assert_eq!(place(ARN), Some(("eu-west-1", "123456789012")));
    }

    #[test]
    fn template_that_names_a_secret_refers_to_it_and_no_other_does() {
        for (template, expected) in [
            (format!("A: '{{{{resolve:secretsmanager:{ARN}:SecretString}}}}'"), true),
            ("A: '{{resolve:secretsmanager:notes/my-key:SecretString:k}}'".to_owned(), true),
            ("- Fn::Sub: arn:${P}:secretsmanager:${R}:${A}:secret:notes/my-key-??????".to_owned(), true),
            ("Value: notes/my-key".to_owned(), true),
            ("Value: notes/my-key-2".to_owned(), false),
            ("Value: my-notes/my-key".to_owned(), false),
            ("Value: notes".to_owned(), false),
        ] {
            assert_eq!(refers(&template, ARN, "notes/my-key"), expected, "{template}");
        }
    }
}
