//! What is kept beside an unfinished replay, so that it goes on exactly where it was: the plan and how far it is.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tapedeck_schemas::ids::{TapeId, Token};

use crate::bounds::RangeBounds;
use crate::error::ReplayError;

/// What is to be played of one tape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapePlan {
    /// Which partition.
    pub partition: u16,
    /// Its tape.
    pub tape: TapeId,
    /// From where to where.
    pub bounds: RangeBounds,
    /// The tape's last sequence when the replay first began: it goes no further.
    pub end: u64,
}

/// Everything that the output of a replay depends on, bar the facts themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The tapes, in order of their partition.
    pub tapes: Vec<TapePlan>,
    /// The range, as it was asked for.
    pub range: String,
    /// The filter.
    pub filter: String,
    /// Where to: the format of a file, or the prefix of subjects.
    pub onto: String,
    /// The name of the run, which is the session of its market events.
    pub run: Token,
}

impl Plan {
    /// A name for the run that says what is played: equal plans have equal names, so that what is published twice is
    /// recognised, and others do not get in each other's way.
    pub fn default_run(tapes: &[TapePlan], filter: &str) -> Token {
        let text = serde_json::to_string(&(tapes, filter)).expect("a plan is plain data");
        let digest = blake3::hash(text.as_bytes()).to_hex();
        format!("r-{}", &digest[..16]).parse().expect("a name")
    }

    /// The first thing in which an interrupted plan is not the one that is asked for now. Where relative ends have
    /// moved since, and where the tapes have grown, the interrupted plan's ends hold.
    fn difference(&self, now: &Plan) -> Option<String> {
        let tapes = |plan: &Plan| -> Vec<String> {
            plan.tapes.iter().map(|one| format!("{} of partition {}", one.tape, one.partition)).collect()
        };
        let compare = |name: &str, was: String, is: String| {
            (was != is).then(|| format!("its {name} was {was:?}, now {is:?} is asked for"))
        };
        compare("tape", tapes(self).join(", "), tapes(now).join(", "))
            .or_else(|| compare("range", self.range.clone(), now.range.clone()))
            .or_else(|| compare("filter", self.filter.clone(), now.filter.clone()))
            .or_else(|| compare("output", self.onto.clone(), now.onto.clone()))
            .or_else(|| compare("run", self.run.to_string(), now.run.to_string()))
    }
}

/// How far a replay is. The facts are played in one order, so their count says all; the rest is to make sure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// What is played.
    pub plan: Plan,
    /// Facts that are out.
    pub facts: u64,
    /// RangeBound of the last of them.
    pub last: Option<String>,
    /// Bytes of the file that hold them; 0 for subjects.
    pub bytes: u64,
    /// BLAKE3 of these bytes, in hex.
    pub hash: String,
}

impl Checkpoint {
    /// The beginning of a plan.
    pub fn start(plan: Plan) -> Self {
        Self { plan, facts: 0, last: None, bytes: 0, hash: blake3::hash(b"").to_hex().to_string() }
    }
}

/// The file that holds a checkpoint: a line of JSON, and a line with its BLAKE3.
#[derive(Debug, Clone)]
pub struct Slot(PathBuf);

impl Slot {
    /// At this path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The one beside a file.
    pub fn beside(file: &Path) -> Self {
        let mut name = file.as_os_str().to_owned();
        name.push(".resume");
        Self(name.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What it holds, if it is there.
    pub fn load(&self) -> Result<Option<Checkpoint>, ReplayError> {
        let text = match std::fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                return Err(self.cannot("it is not text".into()));
            }
            Err(error) => return Err(ReplayError::file("read", &self.0)(error)),
        };
        let (line, digest) = text.split_once('\n').unwrap_or((&text, ""));
        if blake3::hash(line.as_bytes()).to_hex().as_str() != digest.trim_end() {
            return Err(self.cannot("it was altered, or is no state of a replay".into()));
        }
        let read = serde_json::from_str(line);
        read.map(Some).map_err(|error| self.cannot(format!("another version of this program wrote it ({error})")))
    }

    /// What it holds, which must be of the plan asked for now.
    pub fn load_for(&self, now: &Plan) -> Result<Option<Checkpoint>, ReplayError> {
        let Some(saved) = self.load()? else { return Ok(None) };
        match saved.plan.difference(now) {
            Some(why) => Err(self.cannot(why)),
            None => Ok(Some(saved)),
        }
    }

    /// Puts a checkpoint in the place of the last one: whoever is killed at any moment leaves the one or the other.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<(), ReplayError> {
        let line = serde_json::to_string(checkpoint).expect("a checkpoint is plain data");
        let digest = blake3::hash(line.as_bytes()).to_hex();
        let mut new = self.0.as_os_str().to_owned();
        new.push(".new");
        let new = PathBuf::from(new);
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(format!("{line}\n{digest}\n").as_bytes())?;
            file.sync_data()?;
            std::fs::rename(&new, &self.0)
        };
        write().map_err(ReplayError::file("write", &self.0))
    }

    /// Forgets it: the replay is done, or starts over.
    pub fn clear(&self) -> Result<(), ReplayError> {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(ReplayError::file("remove", &self.0)(error))
            }
            _ => Ok(()),
        }
    }

    /// Why what it holds is of no use.
    pub fn cannot(&self, why: String) -> ReplayError {
        ReplayError::Resume { path: self.0.clone(), why }
    }
}
