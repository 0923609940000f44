//! Signals to the servers of a deployment, their stops and starts, and the restart of its groups.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tapedeck_runtime::Bus;
use tapedeck_runtime::bus::NatsAccess;
use tapedeck_servers::{NatsServer, Postgres};

use crate::deployment::Deployment;
use crate::logs::Outage;
use crate::process::{Signal, process_tree, signal};
use crate::stores;

/// How long a group may take to end after SIGTERM.
pub const END_MAX: Duration = Duration::from_secs(60);

impl Deployment {
    /// Sends a signal to nats-server, if it runs.
    pub fn signal_nats(&mut self, which: Signal) -> Result<()> {
        note_outage(&mut self.nats_outage, which, self.nats.is_some());
        match (which, &self.nats) {
            (_, None) => {}
            (Signal::Kill, _) => self.nats.take().map_or(Ok(()), NatsServer::kill)?,
            (which, Some(nats)) => signal(which, &[nats.pid()])?,
        }
        Ok(())
    }

    /// Starts nats-server on its port and data, if it does not run.
    pub fn start_nats(&mut self) -> Result<()> {
        if self.nats.is_none() {
            self.nats = Some(NatsServer::start(&self.dir.join("nats"), port(&self.nats_url)?)?);
            self.nats_outage.end();
        }
        Ok(())
    }

    /// Sends a signal to all processes of Postgres, if it runs.
    pub fn signal_postgres(&mut self, which: Signal) -> Result<()> {
        note_outage(&mut self.postgres_outage, which, self.postgres.is_some());
        let Some(postgres) = &self.postgres else { return Ok(()) };
        let pids = process_tree(postgres.pid());
        signal(which, &pids)?;
        if which == Signal::Kill {
            self.postgres.take().map_or(Ok(()), Postgres::kill)?;
        }
        Ok(())
    }

    /// Starts Postgres on its port and data, if it does not run.
    pub fn start_postgres(&mut self) -> Result<()> {
        if self.postgres.is_none() {
            self.postgres = Some(Postgres::start(&self.dir.join("postgres"), port(&self.database_url)?)?);
            self.postgres_outage.end();
        }
        Ok(())
    }

    /// From now on, errors of NATS are expected, until the outage ends.
    pub fn note_outage_of_nats(&mut self) {
        self.nats_outage.begin();
    }

    /// Shuts nats-server down (SIGTERM), so that it writes the index of each stream.
    pub fn stop_nats(&mut self) -> Result<()> {
        self.nats_outage.begin();
        Ok(self.nats.take().map_or(Ok(()), NatsServer::stop)?)
    }

    /// Shuts Postgres down, so that its data can be copied.
    pub fn stop_postgres(&mut self) -> Result<()> {
        self.postgres_outage.begin();
        Ok(self.postgres.take().map_or(Ok(()), Postgres::stop)?)
    }

    fn database_dir(&self) -> Result<PathBuf> {
        Ok(self.dir.join("postgres/server").canonicalize()?)
    }

    /// Copies the data of Postgres aside; it is shut down meanwhile.
    pub fn save_database(&mut self) -> Result<()> {
        self.stop_postgres()?;
        let dir = self.database_dir()?;
        let aside = dir.join("data.copy");
        if aside.exists() {
            std::fs::remove_dir_all(&aside)?;
        }
        stores::copy(&dir.join("data"), &aside)?;
        self.start_postgres()
    }

    /// Replaces the data of Postgres by the copy.
    pub fn restore_database(&mut self) -> Result<()> {
        self.stop_postgres()?;
        let dir = self.database_dir()?;
        std::fs::remove_dir_all(dir.join("data"))?;
        std::fs::rename(dir.join("data.copy"), dir.join("data"))?;
        self.start_postgres()
    }

    /// Kills the processes of a group, and does not start it again until `held` is cleared.
    pub fn hold(&mut self, group: &'static str) -> Result<()> {
        self.held.insert(group);
        for member in self.groups.entry(group).or_default() {
            member.process.kill()?;
        }
        self.groups.insert(group, Vec::new());
        Ok(())
    }

    /// Ends every group (SIGTERM); the exit status of each, `None` if it did not end and was killed.
    pub fn end_groups(&mut self, within: Duration) -> Result<BTreeMap<&'static str, Option<i32>>> {
        let mut statuses = BTreeMap::new();
        let started = Instant::now();
        for member in self.groups.values_mut().flatten() {
            member.process.signal(Signal::Term)?;
        }
        for group in tapedeck_groups::names() {
            for mut member in self.groups.insert(group, Vec::new()).unwrap_or_default() {
                let status = member.process.wait(within.saturating_sub(started.elapsed()))?;
                if member.process.output().contains("panicked at") {
                    self.problems.push(format!("{group} panicked, see {}", member.process.log.display()));
                }
                statuses.insert(group, status.and_then(|status| status.code()));
            }
        }
        Ok(statuses)
    }

    /// Lets all processes that are started from now on use these generations.
    pub fn use_generations(&mut self, generations: &str) -> Result<()> {
        self.generations = generations.into();
        let generations = generations.parse()?;
        let access = NatsAccess { url: self.nats_url.clone(), nkey: None, generations };
        self.bus = self.runtime.block_on(Bus::connect(access, "chaos"))?;
        Ok(())
    }
}

/// Begins or ends the outage of a server that received a signal.
fn note_outage(outage: &mut Outage, which: Signal, runs: bool) {
    match which {
        Signal::Kill | Signal::Stop | Signal::Term => outage.begin(),
        Signal::Cont if runs => outage.end(),
        Signal::Cont => {}
    }
}

fn port(url: &str) -> Result<u16> {
    let authority = url.rsplit(':').next().and_then(|rest| rest.split('/').next());
    authority.and_then(|port| port.parse().ok()).with_context(|| format!("no port in {url}"))
}
