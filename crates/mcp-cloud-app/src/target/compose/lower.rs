//! App → the structures of [`schema`](super::schema), and the file of the proxy.

use std::{collections::BTreeMap, path::Path};

use mcp_cloud_contract::env;

use super::schema::{
    Build, Dependency, Deploy, Document, Healthcheck, Limits, Logging, Network, Resources, SecretFile, Service, Volume,
};
use crate::{
    app::{self, App, AuthMode, Egress, Exposure, Store},
    target::{Code, container, relative, variables},
};

/// The services by the names they have in each other's network.
const SERVER: &str = "server";
const STORE: &str = "store";
const PROXY: &str = "proxy";

/// The network in which the server is called.
const FRONT: &str = "front";
/// The network that server and proxy share when the server may reach nothing else.
const INSIDE: &str = "inside";

const CADDY_IMAGE: &str = "docker.io/library/caddy:2.11.4-alpine";
const VALKEY_IMAGE: &str = "docker.io/valkey/valkey:8.1.8-alpine";
/// The port of HTTPS, where nobody says another.
const HTTPS: u16 = 443;
/// Threads and processes: more than the five hundred that a Rust server may start for calls that block, and few enough
/// to stop one that starts others without end.
const PROCESSES: u32 = 1024;
/// The longest that stopping waits for requests, the most that Fargate grants, too.
const LONGEST_STOP_SECONDS: u32 = 120;

pub(super) fn document<'a>(app: &'a App, code: &'a Code) -> Document<'a> {
    let secrets = secrets(app);
    let mut services = BTreeMap::from([(SERVER, server(app, code, &secrets))]);
    let mut volumes = BTreeMap::new();
    if brings_store(app) {
        services.insert(STORE, store());
        volumes.insert("store", Volume {});
    }
    if app.compose.tls {
        services.insert(PROXY, proxy(app));
        volumes.extend([("caddy-config", Volume {}), ("caddy-data", Volume {})]);
    }
    let file = |secret: &str| {
        let path = relative(code.directory(app), &app.manifest_directory.join(secret.trim_start_matches("./")));
        SecretFile { file: escaped(&from_here(path)) }
    };
    let secrets = secrets.into_iter().map(|(name, path)| (name, file(path))).collect();
    Document { name: &app.name, services, networks: networks(app), volumes, secrets }
}

/// The Caddyfile: <https://caddyserver.com/docs/caddyfile>. What comes from the app has a form that means itself there.
pub(super) fn caddyfile(app: &App) -> String {
    let domain = app.endpoint.domain.as_deref().unwrap_or("localhost");
    let address = match https_port(app) {
        HTTPS => domain.to_owned(),
        port => format!("{domain}:{port}"),
    };
    let allow = if app.network.allow.is_empty() {
        String::new()
    } else {
        let ranges = app.network.allow.join(" ");
        format!("\t@strangers not remote_ip {ranges}\n\trespond @strangers 403\n")
    };
    let port = container::PORT;
    let upstream = if replicas(app).is_some() {
        // All of them are looked for, and requests are shared out.
        format!("{{\n\t\tdynamic a {SERVER} {port} {{\n\t\t\trefresh 5s\n\t\t}}\n")
    } else {
        format!("{SERVER}:{port} {{\n")
    };
    format!(
        "{address} {{\n{allow}\treverse_proxy {upstream}\t\t# Replies are passed on while they are written.\n\
         \t\tflush_interval -1\n\t}}\n}}\n"
    )
}

fn server(app: &App, code: &Code, secrets: &BTreeMap<String, &str>) -> Service {
    let (image, build) = match (code, &app.build) {
        (Code::Image { reference, .. }, _) => (Some(reference.clone()), None),
        (_, app::Build::Image(image)) => (Some(image.clone()), None),
        (_, app::Build::Cargo(_) | app::Build::Command(_)) => {
            let context = escaped(&container::context(app, code));
            (None, Some(Build { context, dockerfile: escaped(&container::dockerfile(app, code)) }))
        }
    };
    let is_command = matches!(app.build, app::Build::Command(_));
    let depends_on = brings_store(app).then_some((STORE, Dependency { condition: "service_healthy" }));
    let stop_seconds = app.timeout_seconds.min(LONGEST_STOP_SECONDS);
    Service {
        image,
        build,
        // Unless said, that of this machine, which runs the image here and now.
        platform: app.says("resources.architecture").then(|| container::platform(app.architecture)),
        depends_on: depends_on.into_iter().collect(),
        ports: ports(app),
        networks: server_networks(app),
        environment: environment(app, secrets),
        secrets: secrets.keys().cloned().collect(),
        // An image that is there already knows best.
        user: (!matches!(app.build, app::Build::Image(_))).then_some(container::USER),
        // Whoever ends in a command's tree has somebody to wait for it.
        init: is_command.then_some(true),
        // A server of mcp-cloud writes no files; a command of any other may need a place for some.
        tmpfs: if matches!(app.build, app::Build::Cargo(_)) { Vec::new() } else { vec!["/tmp"] },
        healthcheck: healthcheck(app),
        deploy: Deploy {
            replicas: replicas(app),
            ..limits(cpus(app.compose.cpu_milli), format!("{}M", app.compose.memory_mb), PROCESSES)
        },
        stop_grace_period: Some(format!("{stop_seconds}s")),
        labels: app.tags.iter().map(|(key, value)| (key.clone(), escaped(value))).collect(),
        ..confined()
    }
}

/// What nobody needs who serves: to write to its image, to become somebody else, to fill the disk with logs.
fn confined() -> Service {
    Service {
        read_only: true,
        cap_drop: vec!["ALL"],
        security_opt: vec!["no-new-privileges:true"],
        restart: "unless-stopped",
        logging: Logging { driver: "json-file", options: BTreeMap::from([("max-file", "3"), ("max-size", "10m")]) },
        ..Service::default()
    }
}

/// Without TLS or a caller's name there is nothing on the way, so what is not meant for everyone stays on this machine.
fn ports(app: &App) -> Vec<String> {
    let address = if is_public(app) { "" } else { "127.0.0.1:" };
    let port = format!("{address}{}:{}", app.compose.port, container::PORT);
    if app.compose.tls { Vec::new() } else { vec![port] }
}

/// Whether everyone may call over plain HTTP: it has to be said in words, both that nobody asks who calls and that the
/// port is open.
pub(super) fn is_public(app: &App) -> bool {
    let nobody_asks = app.auth.mode == AuthMode::None && app.says("auth.mode");
    nobody_asks && app.network.exposure == Exposure::Public && app.says("network.exposure")
}

/// Where the proxy speaks TLS.
pub(super) fn https_port(app: &App) -> u16 {
    if app.says("compose.port") { app.compose.port } else { HTTPS }
}

/// How many servers there are, if several. Compose stops none and starts none by itself.
pub(super) fn replicas(app: &App) -> Option<u32> {
    app.scaling.minimum.filter(|minimum| *minimum > 1)
}

/// Whether a store of the project's own is needed: no file says where there is one.
pub(super) fn brings_store(app: &App) -> bool {
    app.state.store == Store::Redis && redis_file(app).is_none()
}

fn redis_file(app: &App) -> Option<&str> {
    app.state.redis.as_ref().and_then(|redis| redis.file.as_deref())
}

/// The files of secrets by the variables that they are for.
pub(super) fn secrets(app: &App) -> BTreeMap<String, &str> {
    let files = variables::secrets(app).into_iter();
    files.filter_map(|(name, secret)| Some((name.to_owned(), secret.file.as_deref()?))).collect()
}

/// A file instead of a value, because everyone who may look at the container could read that.
fn environment(app: &App, secrets: &BTreeMap<String, &str>) -> BTreeMap<String, String> {
    let mut variables = variables::of_container(app);
    if app.state.store == Store::Redis {
        variables.insert(env::STORE.to_owned(), "redis".to_owned());
        variables.insert(env::STORE_TTL.to_owned(), app.state.ttl_hours.to_string());
    }
    if brings_store(app) {
        variables.insert(env::REDIS_URL.to_owned(), format!("redis://{STORE}:6379"));
    }
    // A web page whose domain is turned to this machine's address names that domain. The health check calls 127.0.0.1.
    let own = match &app.endpoint.domain {
        Some(domain) if app.compose.tls => Some(format!("{domain},127.0.0.1")),
        _ if is_public(app) => None,
        _ => Some(format!("localhost,127.0.0.1,{SERVER}")),
    };
    if let Some(own) = own {
        variables.entry(env::ALLOWED_HOSTS.to_owned()).or_insert(own);
    }
    for name in secrets.keys() {
        variables.insert(format!("{name}{}", env::FILE_SUFFIX), format!("/run/secrets/{name}"));
    }
    variables.into_iter().map(|(name, value)| (name, escaped(&value))).collect()
}

fn healthcheck(app: &App) -> Option<Healthcheck> {
    let command = container::health_command(app)?;
    Some(Healthcheck {
        test: std::iter::once("CMD".to_owned()).chain(command).collect(),
        interval: format!("{}s", app.health.interval_seconds),
        timeout: format!("{}s", app.health.timeout_seconds),
        retries: app.health.retries,
        start_period: format!("{}s", app.health.start_seconds),
    })
}

fn limits(cpus: String, memory: String, pids: u32) -> Deploy {
    Deploy { replicas: None, resources: Resources { limits: Limits { cpus, memory, pids } } }
}

/// Thousandths as a decimal fraction without zeros at its end.
fn cpus(milli: u32) -> String {
    let text = format!("{}.{:03}", milli / 1000, milli % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A store without a password: only the server shares its network, and it has no port.
fn store() -> Service {
    // What is to be forgotten soonest goes first, before the limit of memory ends the store. It is saved each minute.
    let command =
        ["valkey-server", "--maxmemory", "192mb", "--maxmemory-policy", "volatile-ttl", "--save", "60", "1"].to_vec();
    let test = ["CMD-SHELL", "valkey-cli ping | grep -q PONG"].map(str::to_owned).to_vec();
    Service {
        image: Some(VALKEY_IMAGE.to_owned()),
        command,
        networks: vec![STORE],
        volumes: vec!["store:/data"],
        user: Some("valkey"),
        healthcheck: Some(Healthcheck {
            test,
            interval: "10s".to_owned(),
            timeout: "3s".to_owned(),
            retries: 3,
            start_period: "5s".to_owned(),
        }),
        deploy: limits("0.5".to_owned(), "256M".to_owned(), 64),
        ..confined()
    }
}

/// Caddy, which gets a certificate for the domain over port 80.
fn proxy(app: &App) -> Service {
    let port = https_port(app);
    let healthy = if container::health_command(app).is_some() { "service_healthy" } else { "service_started" };
    let networks = if is_shut_in(app) { vec![FRONT, INSIDE] } else { vec![FRONT] };
    Service {
        image: Some(CADDY_IMAGE.to_owned()),
        depends_on: BTreeMap::from([(SERVER, Dependency { condition: healthy })]),
        // HTTP/3 is UDP.
        ports: vec!["80:80".to_owned(), format!("{port}:{port}"), format!("{port}:{port}/udp")],
        networks,
        volumes: vec![CADDYFILE_MOUNT, "caddy-data:/data", "caddy-config:/config"],
        cap_add: vec!["NET_BIND_SERVICE"],
        deploy: limits("0.5".to_owned(), "128M".to_owned(), PROCESSES),
        // As long as the server's: replies go through it.
        stop_grace_period: Some(format!("{}s", app.timeout_seconds.min(LONGEST_STOP_SECONDS))),
        ..confined()
    }
}

const CADDYFILE_MOUNT: &str = "./Caddyfile:/etc/caddy/Caddyfile:ro";

/// Whether the server may reach nothing outside.
fn is_shut_in(app: &App) -> bool {
    app.network.egress == Egress::Platform
}

fn server_networks(app: &App) -> Vec<&'static str> {
    let front = if app.compose.tls && is_shut_in(app) { INSIDE } else { FRONT };
    let store = brings_store(app).then_some(STORE);
    let networks: Vec<_> = std::iter::once(front).chain(store).collect();
    // The default network is as good as one of its own.
    if networks == [FRONT] && !has_networks(app) { Vec::new() } else { networks }
}

fn has_networks(app: &App) -> bool {
    app.compose.tls || brings_store(app) || is_shut_in(app)
}

fn networks(app: &App) -> BTreeMap<&'static str, Network> {
    let internal = || Network { internal: Some(true), ..Network::default() };
    let mut networks = BTreeMap::new();
    if !has_networks(app) {
        return networks;
    }
    let mut front = Network::default();
    if is_shut_in(app) && !app.compose.tls {
        // An internal network has no ports that could be published; without masquerading, answers from outside do not
        // find back (https://docs.docker.com/engine/network/drivers/bridge/#options).
        front.driver_opts.insert("com.docker.network.bridge.enable_ip_masquerade", "false");
    }
    networks.insert(FRONT, front);
    if is_shut_in(app) && app.compose.tls {
        networks.insert(INSIDE, internal());
    }
    if brings_store(app) {
        networks.insert(STORE, internal());
    }
    networks
}

/// Text that Compose takes for itself: it replaces `$VARIABLE` wherever a value stands
/// (<https://docs.docker.com/reference/compose-file/interpolation/>).
fn escaped(text: &str) -> String {
    text.replace('$', "$$")
}

/// A path that cannot be taken for anything else.
fn from_here(path: String) -> String {
    if path.starts_with("../") || Path::new(&path).is_absolute() { path } else { format!("./{path}") }
}
