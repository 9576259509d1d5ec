//! The reference of the file, as a page of Markdown.

use std::fmt::Write as _;

use super::{
    keys,
    schema::{Key, Kind},
};

const HEAD: &str = "\
<!-- Made of crates/mcp-cloud-app/src/config/keys.rs; a test keeps it current. -->

# `mcp-cloud.toml`

The file lies beside the server's `Cargo.toml` (or `package.json`, or whatever it has), and one line of it is enough:
`name = \"my-server\"`. `mcp-cloud init` writes one, `mcp-cloud check` says for each target what will not work, and editors
that know [JSON Schema](mcp-cloud.schema.json) complete it.

Every key, what it means, and what holds where the file does not say it:
";

/// The reference of `mcp-cloud.toml` as Markdown: every key with what it means, what it may be and its default.
#[must_use]
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    for (name, keys) in keys::tables() {
        // Where keys of a table are described elsewhere already: all secrets are alike.
        if name.starts_with("state.") {
            continue;
        }
        let heading = if name.is_empty() { "At the top of the file".to_owned() } else { format!("`[{name}]`") };
        let _ = write!(page, "\n## {heading}\n\n");
        if let Some(section) = keys::ROOT.iter().find(|key| key.name == name || name == format!("{}.NAME", key.name)) {
            let _ = write!(page, "{}\n\n", section.meaning);
        }
        page.push_str("| Key | | Default |\n|---|---|---|\n");
        for key in keys.iter().filter(|key| !name.is_empty() || !matches!(key.kind, Kind::Table(_))) {
            let default = key.default.map(|default| format!("`{default}`")).unwrap_or_default();
            let _ = writeln!(page, "| `{}` | {} {} | {default} |", key.name, key.meaning, values(key));
        }
    }
    page
}

/// What a value may be, as sentences.
fn values(key: &Key) -> String {
    match &key.kind {
        Kind::Text(form) => format!("Has to be {}.", form.expected),
        Kind::Choice(words) => {
            let words: Vec<_> =
                words.iter().map(|word| format!("`{}`: {}", word.word, lower(word.meaning.trim()))).collect();
            format!("<br>{}", words.join("<br>"))
        }
        Kind::Number(range) => {
            let source = if range.source.is_empty() { String::new() } else { format!(" ([limit]({}))", range.source) };
            format!("{} to {}{}{source}.", range.least, range.most, range.unit)
        }
        Kind::Switch => "`true` or `false`.".to_owned(),
        Kind::List(Kind::Text(form)) => format!("A list; each has to be {}.", form.expected),
        Kind::List(_) => "A list.".to_owned(),
        Kind::Table(_) if key.name == "sealing-key" || key.name == "redis" => {
            "The keys are those of `[secrets.NAME]`.".to_owned()
        }
        Kind::Map(..) | Kind::Table(_) | Kind::Overlays => String::new(),
    }
}

/// A sentence that goes on after a colon.
fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    match (letters.next(), letters.clone().next()) {
        // Not `IAM`, and not `A DynamoDB table` wrongly: a capital before a small letter or a space begins a sentence.
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(letters).collect(),
        _ => sentence.to_owned(),
    }
}
