//! Runs a container of the manifests as a local process, with its arguments, environment, config files and secrets.
//!
//! The files of a mount are written into a folder, whose path replaces the mount path at the start of arguments and
//! variables. Addresses of services are replaced by local addresses.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::manifests::{Manifests, Object, containers, list};

/// The local replacements for the cluster.
#[derive(Debug, Clone, Default)]
pub struct LocalMachine {
    /// The binary of the image.
    pub binary: PathBuf,
    /// Local `host:port` by `host:port` of the service.
    pub addresses: BTreeMap<String, String>,
    /// Parent of the pods' folders.
    pub dir: PathBuf,
}

/// A pod that can be started.
#[derive(Debug)]
pub struct Pod {
    /// `risk-0`, or the name of a Job.
    pub name: String,
    args: Vec<String>,
    environment: BTreeMap<String, String>,
    log: PathBuf,
}

impl Pod {
    /// The pod of a workload with this ordinal; `http` is its local `host:port`.
    pub fn new(
        all: &Manifests,
        object: &Object,
        ordinal: u16,
        http: Option<&str>,
        here: &LocalMachine,
    ) -> Result<Self> {
        let name = if object.kind() == "Job" { object.name().into() } else { format!("{}-{ordinal}", object.name()) };
        let template = object.template().with_context(|| format!("{} has no pod template", object.title()))?;
        let dir = here.dir.join(&name);
        let all_containers = containers(&template);
        let [container] = &all_containers[..] else { anyhow::bail!("{name}: want one container") };
        ensure!(container.at("/command").is_null(), "{name}: want the entry point of the image, not a command");
        let mounts = mount(all, object.namespace(), &template, container, &dir)?;
        let localize = |text: &str| -> String {
            let below = |path: &str| text.strip_prefix(path).filter(|rest| rest.is_empty() || rest.starts_with('/'));
            let mut found = mounts.iter().filter_map(|(path, folder)| Some((below(path)?, folder)));
            let text = found.next().map_or(text.to_string(), |(rest, folder)| format!("{}{rest}", folder.display()));
            here.addresses.iter().fold(text, |text, (service, address)| text.replace(service, address))
        };
        let mut environment = BTreeMap::new();
        for variable in list(container.at("/env")) {
            let of = variable["name"].as_str().unwrap_or_default();
            let field = variable.pointer("/valueFrom/fieldRef/fieldPath").and_then(Value::as_str);
            let value = match (of, variable["value"].as_str(), field) {
                ("TAPEDECK_HTTP", ..) => http.context("no local address for TAPEDECK_HTTP")?.to_string(),
                (_, Some(value), _) => localize(value),
                (_, None, Some("metadata.labels['apps.kubernetes.io/pod-index']")) => ordinal.to_string(),
                (_, None, Some("metadata.name")) => name.clone(),
                _ => anyhow::bail!("{name}: unsupported source of variable {of}: {variable}"),
            };
            environment.insert(of.to_string(), value);
        }
        let args = list(container.at("/args")).iter().map(|arg| localize(arg.as_str().unwrap_or_default())).collect();
        Ok(Self { name, args, environment, log: dir.join("log") })
    }

    fn command(&self, binary: &Path) -> Result<Command> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = command_with_parent_death(binary);
        command.args(&self.args).env_clear().envs(&self.environment);
        command.current_dir(self.log.parent().unwrap_or(Path::new("/")));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    /// Starts the process.
    pub fn start(&self, binary: &Path) -> Result<Child> {
        self.command(binary)?.spawn().with_context(|| format!("cannot start {}", self.name))
    }

    /// Runs the process until it succeeds, at most `tries` times, as a Job does.
    pub fn complete(&self, binary: &Path, tries: u32) -> Result<()> {
        for _ in 0..tries {
            if self.command(binary)?.status()?.success() {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        anyhow::bail!("{} failed {tries} times; end of its log: {}", self.name, self.log_tail())
    }

    /// The last 12 lines of its log.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

/// A command whose process the kernel kills when the calling thread ends (parent-death signal).
pub fn command_with_parent_death(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Writes the files of the container's mounts; each mount path with its folder, the longest path first.
fn mount(
    all: &Manifests,
    namespace: &str,
    template: &Object,
    container: &Object,
    dir: &Path,
) -> Result<Vec<(String, PathBuf)>> {
    std::fs::create_dir_all(dir)?;
    let mut mounts = Vec::new();
    for mount in list(container.at("/volumeMounts")) {
        let name = mount["name"].as_str().unwrap_or_default();
        let path = mount["mountPath"].as_str().unwrap_or_default();
        ensure!(mount.get("subPath").is_none(), "{path}: subPath is not supported");
        let volume = list(template.at("/spec/volumes")).iter().find(|volume| volume["name"] == name);
        let folder = dir.join("mounts").join(path.trim_start_matches('/').replace('/', "-"));
        std::fs::create_dir_all(&folder)?;
        if let Some(volume) = volume {
            files(all, namespace, &Object(volume.clone()), &folder)?;
        }
        mounts.push((path.to_string(), folder));
    }
    mounts.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
    Ok(mounts)
}

/// Writes the files of a volume.
pub fn files(all: &Manifests, namespace: &str, volume: &Object, folder: &Path) -> Result<()> {
    let mut sources = vec![volume.clone()];
    sources.extend(list(volume.at("/projected/sources")).iter().cloned().map(Object));
    for source in sources {
        let config = source.at("/configMap/name").as_str();
        let secret = source.at("/secret");
        let secret_name = secret.get("secretName").or(secret.get("name")).and_then(Value::as_str);
        let (kind, name) = match (config, secret_name) {
            (Some(name), _) => ("ConfigMap", name),
            (None, Some(name)) => ("Secret", name),
            _ => continue,
        };
        let found = all.find(kind, namespace, name).with_context(|| format!("{kind} {name} is not rendered"))?;
        let wanted = list(source.at(if kind == "Secret" { "/secret/items" } else { "/configMap/items" }));
        for (key, value) in found.at("/data").as_object().into_iter().flatten() {
            let text = value.as_str().unwrap_or_default();
            let bytes = if kind == "Secret" { base64(text)? } else { text.as_bytes().to_vec() };
            let item = wanted.iter().find(|item| item["key"] == *key);
            if !wanted.is_empty() && item.is_none() {
                continue;
            }
            let path = folder.join(item.and_then(|item| item["path"].as_str()).unwrap_or(key));
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, bytes)?;
            if kind == "Secret" {
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400))?;
            }
        }
    }
    Ok(())
}

/// Decodes standard base64.
fn base64(text: &str) -> Result<Vec<u8>> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'a'..=b'z' => Some(u32::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=').collect();
    let mut bytes = Vec::new();
    for four in digits.chunks(4) {
        let mut bits = 0;
        for digit in four {
            bits = bits << 6 | value(*digit).context("a Secret is not base64")?;
        }
        bits <<= 6 * (4 - four.len());
        bytes.extend_from_slice(&bits.to_be_bytes()[1..four.len()]);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded_at_every_length() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9v\nYmFy", "foobar")] {
            assert_eq!(base64(text).unwrap(), bytes.as_bytes());
        }
        assert!(base64("Z*==").is_err());
    }

    #[test]
    fn a_container_becomes_a_process_with_its_files_its_ordinal_and_local_addresses() {
        let text = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: settings-x1, namespace: tapedeck}
data: {a.toml: "hello"}
---
apiVersion: v1
kind: Secret
metadata: {name: nkey-risk, namespace: tapedeck}
data: {seed: Zm9v}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: risk, namespace: tapedeck}
spec:
  template:
    spec:
      volumes:
      - {name: settings, configMap: {name: settings-x1}}
      - {name: key, secret: {secretName: nkey-risk}}
      containers:
      - name: risk
        args: [run, risk, --setup, /etc/tapedeck/a.toml]
        env:
        - name: TAPEDECK_PARTITION
          valueFrom: {fieldRef: {fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']"}}
        - {name: TAPEDECK_NATS_URL, value: "nats://nats.tapedeck-data.svc:4222"}
        - {name: TAPEDECK_NATS_NKEY, value: /var/run/secrets/nats/seed}
        - {name: TAPEDECK_HTTP, value: "0.0.0.0:9464"}
        volumeMounts:
        - {name: settings, mountPath: /etc/tapedeck}
        - {name: key, mountPath: /var/run/secrets/nats}
"#;
        let all = Manifests::parse(text).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let addresses = [("nats.tapedeck-data.svc:4222".to_string(), "127.0.0.1:1".to_string())].into();
        let here = LocalMachine { binary: "x".into(), addresses, dir: dir.path().into() };
        let set = all.find("StatefulSet", "tapedeck", "risk").unwrap();
        let pod = Pod::new(&all, set, 3, Some("127.0.0.1:9"), &here).unwrap();
        assert_eq!((pod.name.as_str(), pod.environment["TAPEDECK_PARTITION"].as_str()), ("risk-3", "3"));
        assert_eq!(pod.environment["TAPEDECK_NATS_URL"], "nats://127.0.0.1:1");
        assert_eq!(pod.environment["TAPEDECK_HTTP"], "127.0.0.1:9");
        let read = |path: &str| std::fs::read_to_string(path).unwrap();
        assert_eq!(read(&pod.args[3]), "hello");
        assert_eq!(read(&pod.environment["TAPEDECK_NATS_NKEY"]), "foo");
        let mode = std::fs::metadata(&pod.environment["TAPEDECK_NATS_NKEY"]).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o400);
    }
}
