//! nats-server with the shipped configuration and accounts, and Postgres with the passwords of the Secrets.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tapedeck_servers::{NatsServer, Postgres};

use crate::manifests::{Manifests, Object};
use crate::pod::files;

const DATA: &str = "tapedeck-data";

/// The servers that the groups connect to.
pub(super) struct Servers {
    nats: NatsServer,
    postgres: Postgres,
    password_file: PathBuf,
}

impl Servers {
    /// Starts both servers.
    pub(super) fn start(all: &Manifests, dir: &Path) -> Result<Self> {
        let nats_dir = dir.join("nats");
        std::fs::create_dir_all(&nats_dir)?;
        let config = |file: &str| all.config_file(DATA, file).with_context(|| format!("no {file} in {DATA}"));
        for file in ["accounts.conf", "cluster.conf"] {
            std::fs::write(nats_dir.join(file), config(file)?)?;
        }
        files(all, DATA, &Object(serde_json::json!({"secret": {"secretName": "nats-users"}})), &nats_dir)?;
        let nats = NatsServer::start_with(&nats_dir, 0, &local_config(config("nats.conf")?))?;
        let postgres = Postgres::start(&dir.join("postgres"), 0)?;
        let passwords = dir.join("passwords");
        std::fs::create_dir_all(&passwords)?;
        let volume = serde_json::json!({"secret": {"secretName": "postgres-tapedeck"}});
        files(all, "tapedeck", &Object(volume), &passwords)?;
        let password_file = passwords.join("password");
        let password =
            std::fs::read_to_string(&password_file).context("the Secret postgres-tapedeck has no password")?;
        set_password(&postgres.url(), password.trim())?;
        Ok(Self { nats, postgres, password_file })
    }

    pub(super) fn nats_url(&self) -> String {
        self.nats.url()
    }

    /// `host:port` of NATS and of Postgres.
    pub(super) fn addresses(&self) -> (String, String) {
        let authority = |url: &str| {
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            let authority = rest.split(['/', '?']).next().unwrap_or_default();
            authority.rsplit('@').next().unwrap_or_default().to_string()
        };
        (authority(&self.nats.url()), authority(&self.postgres.url()))
    }

    /// The URL of the database for pods, without the password.
    pub(super) fn database_url(&self) -> String {
        format!("postgres://tapedeck@{}/tapedeck", self.addresses().1)
    }

    pub(super) fn password_file(&self) -> &Path {
        &self.password_file
    }
}

/// The shipped configuration without ports, server name and paths, which are set for this machine.
fn local_config(config: &str) -> String {
    let removed = ["port:", "http_port:", "server_name:", "pid_file:", "store_dir:"];
    let kept = config.lines().filter(|line| !removed.iter().any(|key| line.trim_start().starts_with(key)));
    format!("host: 127.0.0.1\n{}\n", kept.collect::<Vec<_>>().join("\n"))
}

/// Sets the password of the Secret. User and database of the private server are those of the manifests' Postgres.
fn set_password(url: &str, password: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        let driven = tokio::spawn(connection);
        let password = password.replace('\'', "''");
        client.batch_execute(&format!("ALTER ROLE tapedeck PASSWORD '{password}'")).await?;
        drop(client);
        driven.await??;
        Ok(())
    })
}
