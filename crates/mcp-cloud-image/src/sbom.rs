//! Bills of materials, in CycloneDX 1.6 (<https://cyclonedx.org/docs/1.6/json/>): what a server was made of, as its lock file
//! says. Without times and numbers of chance, so that the same sources have the same bill.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Attachment, Error, Image, blob::parse};

/// Its media type: <https://www.iana.org/assignments/media-types/application/vnd.cyclonedx+json>.
const MEDIA_TYPE: &str = "application/vnd.cyclonedx+json";

/// A bill of materials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sbom {
    root: Component,
    parts: BTreeMap<String, Component>,
    needs: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Component {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    reference: String,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    version: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<License>,
    purl: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct License {
    expression: String,
}

impl Component {
    fn new(ecosystem: &str, name: &str, version: &str, license: Option<&str>) -> Self {
        // Both parts are percent-encoded (<https://github.com/package-url/purl-spec>); in names only the `@` of a scope and
        // in versions only `+` occur.
        let mut purl = format!("pkg:{ecosystem}/{}", name.replace('@', "%40"));
        if !version.is_empty() {
            purl.push('@');
            purl.push_str(&version.replace('+', "%2B"));
        }
        // Old packages separate by a slash what SPDX separates by a word.
        let license = license.map(|license| License { expression: license.replace('/', " OR ") });
        Self {
            kind: "library",
            reference: purl.clone(),
            name: name.to_owned(),
            version: version.to_owned(),
            licenses: license.into_iter().collect(),
            purl,
        }
    }

    fn application(self) -> Self {
        Self { kind: "application", ..self }
    }
}

impl Sbom {
    /// The bill of a cargo package: what it depends on in the end, without what only builds or tests need. `metadata` is what
    /// `cargo metadata --format-version 1 --locked --filter-platform TARGET` prints.
    ///
    /// # Errors
    ///
    /// [`Error::NotJson`] if it is something else, and [`Error::NoPackage`] if the package is not in it.
    pub fn of_cargo(metadata: &[u8], package: &str) -> Result<Self, Error> {
        let metadata: Metadata = parse("the output of `cargo metadata`", metadata)?;
        let missing = || Error::NoPackage { package: package.to_owned() };
        let packages: BTreeMap<&str, &Package> =
            metadata.packages.iter().map(|package| (package.id.as_str(), package)).collect();
        let nodes: BTreeMap<&str, &Node> = metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
        let own = |found: &&Package| found.name == package && found.source.is_none();
        let root = metadata.packages.iter().find(own).ok_or_else(missing)?;
        let component =
            |package: &Package| Component::new("cargo", &package.name, &package.version, package.license.as_deref());
        let mut bill = Self::new(component(root).application());
        let mut open = vec![root.id.as_str()];
        let mut seen = BTreeSet::from([root.id.as_str()]);
        while let Some(id) = open.pop() {
            let (Some(package), Some(node)) = (packages.get(id), nodes.get(id)) else { continue };
            let mut needs = BTreeSet::new();
            for needed in node.deps.iter().filter(|needed| needed.kinds.iter().any(|kind| kind.kind.is_none())) {
                if let Some(package) = packages.get(needed.package.as_str()) {
                    needs.insert(component(package).reference);
                }
                if seen.insert(&needed.package) {
                    open.push(&needed.package);
                }
            }
            bill.needs.insert(component(package).reference, needs);
            if id != root.id {
                bill.add(component(package));
            }
        }
        Ok(bill)
    }

    /// The bill of a command's packages as `package-lock.json` says, without what only development needs.
    ///
    /// # Errors
    ///
    /// [`Error::NotJson`] if it is no lock file, or older than npm 7, whose lock files have no `packages`.
    pub fn of_package_lock(lock: &[u8]) -> Result<Self, Error> {
        let lock: PackageLock = parse("package-lock.json", lock)?;
        let mut bill = Self::new(Component::new("npm", &lock.name, &lock.version, None).application());
        for (path, package) in &lock.packages {
            let Some((_, folder)) = path.rsplit_once("node_modules/") else { continue };
            if !package.dev && !package.link {
                let name = package.name.as_deref().unwrap_or(folder);
                let license = package.license.as_ref().and_then(Value::as_str);
                bill.add(Component::new("npm", name, &package.version, license));
            }
        }
        Ok(bill)
    }

    /// The bill of a command's packages as `requirements.txt` says, for the server of this name. A line that pins nothing has
    /// no version in it, and options are passed over.
    #[must_use]
    pub fn of_requirements(server: &str, requirements: &str) -> Self {
        let mut bill = Self::new(Component::new("pypi", server, "", None).application());
        for line in requirements.lines() {
            let requirement = line.split([';', '#', '\\']).next().unwrap_or_default().trim();
            let part = |letter: char| !(letter.is_ascii_alphanumeric() || "-_.".contains(letter));
            let (name, rest) = requirement.split_at(requirement.find(part).unwrap_or(requirement.len()));
            if name.is_empty() || name.starts_with('-') {
                continue;
            }
            let pinned = rest.split_once("==").map(|(_, version)| version.trim_start_matches('=').trim());
            let version = pinned.and_then(|version| version.split([',', ' ']).next()).unwrap_or_default();
            // Names are compared like this: <https://packaging.python.org/en/latest/specifications/name-normalization/>.
            let name = name.to_ascii_lowercase().replace(['_', '.'], "-");
            bill.add(Component::new("pypi", &name, version, None));
        }
        bill
    }

    /// The bill with the parts of another one: what is needed on one platform or the other.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.parts.extend(other.parts);
        for (reference, needs) in other.needs {
            self.needs.entry(reference).or_default().extend(needs);
        }
        self
    }

    /// The names of all parts, the server itself not among them.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.parts.keys().map(String::as_str)
    }

    /// The document.
    ///
    /// # Errors
    ///
    /// [`Error::NotJson`], which only a fault of this crate could cause.
    pub fn to_json(&self) -> Result<Vec<u8>, Error> {
        let version = env!("CARGO_PKG_VERSION");
        let tool = Component {
            version: version.to_owned(),
            ..Component::new("cargo", "mcp-cloud", version, None).application()
        };
        let document = Document {
            schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
            format: "CycloneDX",
            spec_version: "1.6",
            version: 1,
            metadata: DocumentMetadata { tools: Tools { components: [tool] }, component: &self.root },
            components: self.parts.values().collect(),
            dependencies: self.needs.iter().map(|(reference, depends_on)| Needs { reference, depends_on }).collect(),
        };
        serde_json::to_vec(&document).map_err(|source| Error::NotJson { what: MEDIA_TYPE.to_owned(), source })
    }

    fn new(root: Component) -> Self {
        Self { root, parts: BTreeMap::new(), needs: BTreeMap::new() }
    }

    fn add(&mut self, component: Component) {
        self.parts.insert(component.reference.clone(), component);
    }
}

impl Image {
    /// Attaches a bill of materials.
    ///
    /// # Errors
    ///
    /// As [`Sbom::to_json`].
    pub fn with_sbom(self, sbom: &Sbom) -> Result<Self, Error> {
        let attachment = Attachment::new(&self, MEDIA_TYPE, sbom.to_json()?, BTreeMap::new())?;
        Ok(self.with(attachment))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    #[serde(rename = "bomFormat")]
    format: &'static str,
    spec_version: &'static str,
    version: u32,
    metadata: DocumentMetadata<'a>,
    components: Vec<&'a Component>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dependencies: Vec<Needs<'a>>,
}

#[derive(Serialize)]
struct DocumentMetadata<'a> {
    tools: Tools,
    component: &'a Component,
}

#[derive(Serialize)]
struct Tools {
    components: [Component; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Needs<'a> {
    #[serde(rename = "ref")]
    reference: &'a str,
    depends_on: &'a BTreeSet<String>,
}

/// What is read of `cargo metadata`: <https://doc.rust-lang.org/cargo/commands/cargo-metadata.html#json-format>.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Needed>,
}

#[derive(Deserialize)]
struct Needed {
    #[serde(rename = "pkg")]
    package: String,
    #[serde(rename = "dep_kinds")]
    kinds: Vec<Kind>,
}

/// Nothing for what the program itself needs, else `build` or `dev`.
#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// What is read of `package-lock.json`: <https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json>.
#[derive(Deserialize)]
struct PackageLock {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    packages: BTreeMap<String, LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    name: Option<String>,
    #[serde(default)]
    version: String,
    license: Option<Value>,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    link: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const METADATA: &str = r#"{"packages":[
        {"id":"a","name":"server","version":"0.1.0","license":null,"source":null},
        {"id":"b","name":"used","version":"1.0.0+meta","license":"MIT/Apache-2.0","source":"registry"},
        {"id":"c","name":"builds","version":"1.0.0","license":"MIT","source":"registry"},
        {"id":"d","name":"deep","version":"2.0.0","license":"MIT","source":"registry"},
        {"id":"e","name":"neighbour","version":"2.0.0","license":"MIT","source":null}],
        "resolve":{"nodes":[
        {"id":"a","deps":[{"pkg":"b","dep_kinds":[{"kind":null,"target":null}]},{"pkg":"c","dep_kinds":[{"kind":"build","target":null}]}]},
        {"id":"b","deps":[{"pkg":"d","dep_kinds":[{"kind":"dev"},{"kind":null}]}]},
        {"id":"c","deps":[]},{"id":"d","deps":[]},{"id":"e","deps":[{"pkg":"c","dep_kinds":[{"kind":null}]}]}]}}"#;

    #[test]
    fn a_server_is_made_of_what_it_needs_to_run_and_of_nothing_else() {
        let bill = Sbom::of_cargo(METADATA.as_bytes(), "server").unwrap();
        assert_eq!(bill.parts().collect::<Vec<_>>(), ["pkg:cargo/deep@2.0.0", "pkg:cargo/used@1.0.0%2Bmeta"]);
        let document: Value = serde_json::from_slice(&bill.to_json().unwrap()).unwrap();
        assert_eq!(document["components"][1]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(document["dependencies"][2]["ref"], "pkg:cargo/used@1.0.0%2Bmeta");
        assert_eq!(document["dependencies"][2]["dependsOn"][0], "pkg:cargo/deep@2.0.0");
        assert!(Sbom::of_cargo(METADATA.as_bytes(), "used").is_err(), "a dependency of that name is not the server");
    }

    #[test]
    fn what_only_development_needs_is_not_in_a_nodes_bill() {
        let lock = r#"{"name":"server","version":"1.2.3","lockfileVersion":3,"packages":{"":{"name":"server"},
            "node_modules/@scope/a":{"version":"1.0.0","license":"ISC"},"node_modules/b":{"version":"2.0.0","dev":true},
            "node_modules/c/node_modules/d":{"version":"3.0.0"},"packages/e":{"version":"4.0.0"}}}"#;
        let bill = Sbom::of_package_lock(lock.as_bytes()).unwrap();
        assert_eq!(bill.parts().collect::<Vec<_>>(), ["pkg:npm/%40scope/a@1.0.0", "pkg:npm/d@3.0.0"]);
    }

    #[test]
    fn what_either_platform_needs_is_in_the_bill_of_both() {
        let of = |text| Sbom::of_requirements("server", text);
        let both = of("a==1\nb==1\n").and(of("a==1\nc==1\n"));
        assert_eq!(both.parts().collect::<Vec<_>>(), ["pkg:pypi/a@1", "pkg:pypi/b@1", "pkg:pypi/c@1"]);
    }

    #[test]
    fn requirements_are_read_with_their_versions() {
        let file = "# tools\n-r other.txt\nMCP[cli]==1.9.0 ; python_version > \"3.9\"\nzope.interface == 7.0 \\\n  --hash=sha256:00\nhttpx>=0.2\n";
        let bill = Sbom::of_requirements("server", file);
        assert_eq!(
            bill.parts().collect::<Vec<_>>(),
            ["pkg:pypi/httpx", "pkg:pypi/mcp@1.9.0", "pkg:pypi/zope-interface@7.0"]
        );
    }

    proptest! {
        #[test]
        fn arbitrary_requirements_are_read_without_a_panic(lines in "(\\PC|\n|==|;|#){0,200}") {
            prop_assert!(Sbom::of_requirements("server", &lines).to_json().is_ok());
        }
    }
}
