//! What other MCP clients have to be told about a server: an entry in a file of theirs. No entry holds anything secret.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use thiserror::Error;

use super::{access::Access, json_text};

/// AWS's proxy that signs requests for clients that cannot, with everything it needs pinned
/// (<https://github.com/aws/mcp-proxy-for-aws>).
const SIGNING_PROXY: &str = "mcp-proxy-for-aws-cli@1.7.0";
/// A proxy for clients that start programs only (<https://www.npmjs.com/package/mcp-remote>).
const REMOTE_PROXY: &str = "mcp-remote@0.15.1";

/// An MCP client whose file is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum McpClient {
    /// Claude Desktop; its file takes programs only, so a proxy is started for a server elsewhere
    /// (<https://modelcontextprotocol.io/docs/develop/connect-local-servers>).
    ClaudeDesktop,
    /// Claude Code, for the project in a directory (<https://code.claude.com/docs/en/mcp>).
    ClaudeCode,
    /// Visual Studio Code, for the project in a directory
    /// (<https://code.visualstudio.com/docs/copilot/reference/mcp-configuration>).
    VsCode,
    /// Cursor, for the project in a directory (<https://cursor.com/docs/mcp.md>).
    Cursor,
}

/// What a client is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    client: McpClient,
    /// What the client calls the server.
    pub name: String,
    /// The entry itself.
    pub value: Value,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It has the entry now, beside what was there.
    Added,
    /// It had another entry of that name, which was replaced.
    Replaced,
    /// It had this entry already.
    Unchanged,
}

/// Why a file was left as it is.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// It cannot be read or written.
    #[error("cannot {attempt} `{}`", path.display())]
    Io {
        /// What was tried.
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It has comments, or trailing commas, or is broken: what is in it could be lost.
    #[error("`{}` is no plain JSON (it may have comments), so it was left as it is", .0.display())]
    NotPlain(PathBuf),
    /// What should hold the entries is something else.
    #[error("`{key}` in `{}` is no object, so the file was left as it is", path.display())]
    NoObject {
        /// The file.
        path: PathBuf,
        /// The member.
        key: &'static str,
    },
}

impl McpClient {
    /// Every client, by the name that the command line has for it.
    pub const ALL: [(&'static str, Self); 4] = [
        ("claude-desktop", Self::ClaudeDesktop),
        ("claude-code", Self::ClaudeCode),
        ("vscode", Self::VsCode),
        ("cursor", Self::Cursor),
    ];

    /// The member that holds the entries.
    #[must_use]
    pub fn key(self) -> &'static str {
        if self == Self::VsCode { "servers" } else { "mcpServers" }
    }

    /// The file that holds the entries: of the project in this directory, or of the person whose home this is.
    #[must_use]
    pub fn file(self, project: &Path, home: &Path) -> PathBuf {
        match self {
            Self::ClaudeCode => project.join(".mcp.json"),
            Self::VsCode => project.join(".vscode/mcp.json"),
            Self::Cursor => project.join(".cursor/mcp.json"),
            Self::ClaudeDesktop if cfg!(target_os = "macos") => {
                home.join("Library/Application Support/Claude/claude_desktop_config.json")
            }
            Self::ClaudeDesktop => home.join(".config/Claude/claude_desktop_config.json"),
        }
    }

    /// What this client is told about a server. Where IAM guards the server, every client starts AWS's proxy, which signs
    /// with the credentials of whoever runs it; a token is never written down, since clients get one by themselves (OAuth).
    #[must_use]
    pub fn entry(self, name: &str, url: &str, access: Access, region: &str) -> Entry {
        let value = match (access, self) {
            (Access::Signed { service }, _) => {
                let arguments = json!([SIGNING_PROXY, url, "--service", service, "--region", region]);
                self.program("uvx", arguments)
            }
            (_, Self::ClaudeDesktop) => self.program("npx", json!(["-y", REMOTE_PROXY, url])),
            (_, Self::ClaudeCode | Self::VsCode) => json!({ "type": "http", "url": url }),
            (_, Self::Cursor) => json!({ "url": url }),
        };
        Entry { client: self, name: name.to_owned(), value }
    }

    fn program(self, command: &str, arguments: Value) -> Value {
        match self {
            Self::ClaudeCode | Self::VsCode => json!({ "type": "stdio", "command": command, "args": arguments }),
            Self::ClaudeDesktop | Self::Cursor => json!({ "command": command, "args": arguments }),
        }
    }
}

impl Entry {
    /// The entry as a whole file.
    #[must_use]
    pub fn document(&self) -> Value {
        let entries = json!({ self.name.as_str(): self.value });
        json!({ self.client.key(): entries })
    }

    /// Writes the entry into a file, and leaves all else in it as it is written. A file that is not there is made. A
    /// repeated call changes nothing.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; the file is then as it was.
    pub fn write(&self, path: &Path) -> Result<Written, WriteError> {
        let failed = |attempt, path: &Path| {
            let path = path.to_owned();
            move |source| WriteError::Io { attempt, path, source }
        };
        let (path, text) = match fs::read_to_string(path) {
            // What is linked stays linked.
            Ok(text) => (fs::canonicalize(path).map_err(failed("find", path))?, text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (path.to_owned(), String::new()),
            Err(error) => return Err(failed("read", path)(error)),
        };
        let before: Value = match text.trim() {
            "" => json!({}),
            text => serde_json::from_str(text).map_err(|_| WriteError::NotPlain(path.clone()))?,
        };
        let entries = before.get(self.client.key());
        let written = match entries.and_then(|entries| entries.get(&self.name)) {
            Some(value) if *value == self.value => return Ok(Written::Unchanged),
            Some(_) => Written::Replaced,
            None => Written::Added,
        };
        let plain = if text.trim().is_empty() { "{}\n" } else { text.as_str() };
        let edited = json_text::set(plain, self.client.key(), &self.name, &self.value)
            .ok_or_else(|| WriteError::NoObject { path: path.clone(), key: self.client.key() })?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed("make the folder of", &path))?;
        }
        replace(&path, &edited).map_err(failed("write", &path))?;
        Ok(written)
    }
}

/// Puts a file in the place of another at once, so that nobody ever reads half of it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    let done = fs::write(&beside, text)
        .and_then(|()| match fs::metadata(path) {
            Ok(old) => fs::set_permissions(&beside, old.permissions()),
            Err(_) => Ok(()),
        })
        .and_then(|()| fs::rename(&beside, path));
    if done.is_err() {
        // Nothing of an attempt stays behind; that it failed is said already.
        let _ = fs::remove_file(&beside);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://x.lambda-url.eu-west-1.on.aws/mcp";

    fn entry(client: McpClient, access: Access) -> Value {
        client.entry("notes", URL, access, "eu-west-1").value
    }

    #[test]
    fn each_client_is_told_in_its_own_words() {
        let open = |client| entry(client, Access::Open);
        assert_eq!(open(McpClient::ClaudeCode), json!({ "type": "http", "url": URL }));
        assert_eq!(open(McpClient::VsCode), json!({ "type": "http", "url": URL }));
        assert_eq!(open(McpClient::Cursor), json!({ "url": URL }));
        assert_eq!(open(McpClient::ClaudeDesktop)["args"], json!(["-y", REMOTE_PROXY, URL]));
        let document = McpClient::VsCode.entry("notes", URL, Access::Token, "").document();
        assert_eq!(document, json!({ "servers": { "notes": { "type": "http", "url": URL } } }));
    }

    #[test]
    fn server_behind_iam_is_reached_through_a_proxy_that_signs() {
        for (_, client) in McpClient::ALL {
            let value = entry(client, Access::Signed { service: "lambda" });
            assert_eq!(value["command"], "uvx");
            assert_eq!(value["args"], json!([SIGNING_PROXY, URL, "--service", "lambda", "--region", "eu-west-1"]));
        }
    }

    #[test]
    fn file_gets_the_entry_and_keeps_the_rest() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = McpClient::Cursor.file(folder.path(), Path::new("/nowhere"));
        let entry = McpClient::Cursor.entry("notes", URL, Access::Open, "");
        assert_eq!(entry.write(&path).expect("it is written"), Written::Added, "folders are made");
        assert_eq!(entry.write(&path).expect("it is read"), Written::Unchanged);
        let other = McpClient::Cursor.entry("notes", "http://127.0.0.1:1/mcp", Access::Open, "");
        assert_eq!(other.write(&path).expect("it is written"), Written::Replaced);
        assert_eq!(
            McpClient::Cursor.entry("a", URL, Access::Open, "").write(&path).expect("it is written"),
            Written::Added
        );
        let names = fs::read_dir(path.parent().expect("it has one")).expect("it is there").count();
        assert_eq!(names, 1, "nothing else is left behind");
        let text = fs::read_to_string(&path).expect("it is there");
        let value: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(value["mcpServers"]["notes"]["url"], "http://127.0.0.1:1/mcp");
        assert_eq!(value["mcpServers"]["a"]["url"], URL);
    }

    #[test]
    fn file_with_comments_is_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mcp.json");
        let entry = McpClient::VsCode.entry("notes", URL, Access::Open, "");
        for text in ["{\n  // mine\n  \"servers\": {}\n}\n", "{\"servers\": [1]}", "{\"servers\": {},}"] {
            fs::write(&path, text).expect("it is written");
            let error = entry.write(&path).expect_err("something could be lost");
            assert!(matches!(error, WriteError::NotPlain(_) | WriteError::NoObject { .. }), "{error}");
            assert_eq!(fs::read_to_string(&path).expect("it is there"), text);
        }
    }
}
